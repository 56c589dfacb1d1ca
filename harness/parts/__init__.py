"""The real things that a deployment needs: a part is one file and one line here."""

from harness.parts.postgres import start_postgres
from harness.parts.stub import start_stub

KINDS = (
    ("postgres", start_postgres),
    ("http", start_stub),
)
