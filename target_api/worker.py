"""A Uvicorn worker for Gunicorn that drains before it closes.

    SIGTERM          DRAIN_DELAY_S           timeout_graceful_shutdown           graceful_timeout (master)
    |---------------------|------------------------------|---------------------------------|
    /ready says 503       no new connections             what still runs is cancelled      SIGKILL
    all else is served    what was accepted is finished  and gets a 500; lifespan closes

The stock worker closes its listener at once: a load balancer that has not noticed yet gets refusals. It also passes
graceful_timeout on to nobody, so that a long request ends with a cut connection instead of an answer (uvicorn-worker
0.4, uvicorn 0.54; `on_tick`, `handle_exit` and `_serve` are theirs, and tests/shell/test_target_api_drain.py sees
whether they still fit).
"""

import asyncio
import os
import signal
import sys
import time
from types import FrameType
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from uvicorn.config import Config
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

CLOSE_MARGIN_S = 5  # the lifespan closes the pool (3 s) between the cancellation and the master's SIGKILL


class DrainServer(Server):
    def __init__(self, config: Config, drain_s: float, parent: int) -> None:
        super().__init__(config)
        self.drain_s = drain_s
        self.parent = parent
        self.drained_at_s: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or not self.started or self.drain_s <= 0:
            super().handle_exit(sig, frame)
        elif self.drained_at_s is None:  # systemd signals the workers too: the master's own SIGTERM is then the second
            self.drained_at_s = time.monotonic() + self.drain_s
            self.config.app.state.draining = True  # type: ignore[union-attr]

    async def on_tick(self, counter: int) -> bool:
        if self.drained_at_s is not None and time.monotonic() >= self.drained_at_s:
            self.should_exit = True
        if os.getppid() != self.parent:  # the master was killed: without it nobody would ever stop this worker
            self.should_exit = True
        return await super().on_tick(counter)

    def quit(self) -> None:
        self.should_exit = self.force_exit = True


class DrainWorker(UvicornWorker):  # type: ignore[misc]
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "auto",
        "http": "auto",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        # A beat each second. By default it comes each timeout/2, and stalls of half the timeout are already deadly.
        "timeout_notify": 1,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.drain_s = float(os.environ.get("DRAIN_DELAY_S", "5"))
        left_s = self.cfg.graceful_timeout - self.drain_s - CLOSE_MARGIN_S
        self.config.timeout_graceful_shutdown = max(1, int(left_s))

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = DrainServer(self.config, self.drain_s, self.ppid)
        # The stock worker ignores SIGQUIT, which is what the master sends for Ctrl-C.
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, server.quit)
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
