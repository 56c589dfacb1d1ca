"""The defect is in the target file: Gunicorn may take 30 s to end, and after 20 s whoever runs it kills it."""

from sound import make_app

app = make_app()
