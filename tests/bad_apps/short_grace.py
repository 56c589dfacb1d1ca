"""The defect is in the target file: a request may take 10 s, and a deployment ends what is in hand after 1 s."""

from sound import make_app

app = make_app()
