"""The defect is in the target file: Uvicorn without a graceful timeout waits for its last request for ever."""

from sound import make_app

app = make_app()
