"""Settings that are validated at start, by an error that shows what was given: the password stands in the log."""

import os

dsn = os.environ["DATABASE_URL"]
if not dsn.startswith("postgresql://"):
    raise ValueError(f"DATABASE_URL is no address of a database: {dsn}")

from sound import make_app  # noqa: E402  # the settings come first

app = make_app()
