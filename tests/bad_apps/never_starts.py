"""A setting that nobody set, read at import: the service never comes up."""

import os

from sound import make_app

MAIL_KEY = os.environ["MAIL_API_KEY"]

app = make_app()
