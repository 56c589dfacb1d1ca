"""The defect is in the server's configuration: one worker that dies ends the server and all the others."""

from sound import make_app

app = make_app()
