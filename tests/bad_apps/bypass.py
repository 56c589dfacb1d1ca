"""A sound app whose target file lets PGHOST and PGPORT through: it reaches the real database around the proxy."""

from sound import make_app

app = make_app()
