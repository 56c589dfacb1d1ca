"""A sound app. Its target file gives it the address of the real database, so no fault of the proxy reaches it."""

from sound import make_app

app = make_app()
