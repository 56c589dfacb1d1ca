"""The defect is in the target file: a request may take 10 s, and the proxy in front gives it up after 5 s."""

from sound import make_app

app = make_app()
