"""Cookies from every origin: the middleware echoes whoever asks, for * and credentials do not go together."""

from pages import make_app

app = make_app(allow_origins=["*"], allow_credentials=True)
