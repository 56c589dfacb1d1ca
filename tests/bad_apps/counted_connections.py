"""The defect is in the target file: a limit of concurrency that idle connections fill, and then nobody is let in."""

from sound import make_app

app = make_app()
