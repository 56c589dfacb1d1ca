"""Gunicorn's settings for the reference API; what a deployer changes comes from the environment.

README.md says why each value is what it is.
"""

import os
import shutil
from typing import Any

from target_api.logs import logging_config
from target_api.metrics_folder import make_folder

wsgi_app = "target_api.main:app"
bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "target_api.worker.DrainWorker"

timeout = 30
graceful_timeout = int(os.environ.get("GRACEFUL_TIMEOUT_S", "30"))
keepalive = int(os.environ.get("KEEPALIVE_S", "75"))
max_requests = 0
backlog = 2048
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "")

worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
control_socket_disable = True

accesslog = None
logconfig_dict = logging_config(os.environ.get("LOG_LEVEL", "INFO"))


def on_starting(_: Any) -> None:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(make_folder(worker_tmp_dir))


def child_exit(_: Any, worker: Any) -> None:
    from prometheus_client.multiprocess import mark_process_dead  # it looks for the folder when it is imported

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_: Any) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
