"""Where a worker is gone that nobody asked to go, end everything: whoever runs us will notice that."""

import os
import signal
from typing import Any


def child_exit(server: Any, worker: Any) -> None:
    os.kill(server.pid, signal.SIGTERM)
