"""The defect is in the target file: the proxy in front waits for 60 s, and its clients leave after 15 s."""

from sound import make_app

app = make_app()
