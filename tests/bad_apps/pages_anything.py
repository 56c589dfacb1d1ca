"""The right origin, and everything from it."""

from pages import make_app

app = make_app(allow_methods=["*"], allow_headers=["*"])
