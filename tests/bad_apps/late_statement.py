"""The defect is in the target file: PostgreSQL ends a statement after 5 s, and the driver gives it up after 3 s."""

from sound import make_app

app = make_app()
