"""Asked of the app's own interpreter: which flags say these options, and which settings are then in force?

Run as program text (`python -c`), never as a file: its folder holds files named like the servers. It imports nothing of
the harness and runs on Python 3.8. Gunicorn itself reads its configuration file, its environment and the flags, so that
nothing is guessed. The question is JSON on stdin, the answer a line of JSON after MARK.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from typing import Any, NoReturn

MARK = "shakedown-answer:"
UNSET = "shakedown-unset"
WORKERS = (("uvicorn_worker", "uvicorn_worker.UvicornWorker"), ("uvicorn.workers", "uvicorn.workers.UvicornWorker"))


def answer(**words: Any) -> NoReturn:
    print("\n" + MARK + json.dumps(words), flush=True)
    sys.exit(0)


def installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def flags_of(name: str, value: Any, setting: Any) -> list[str]:
    flag = next((word for word in setting.cli or () if word.startswith("--")), None)
    if flag is None:
        answer(bad=name, why="can only be set in gunicorn's configuration file")
    if setting.action in ("store_true", "store_false"):
        if not isinstance(value, bool):
            answer(bad=name, why="is true or false")
        return [flag] if value == (setting.action == "store_true") else []
    if isinstance(value, bool):
        value = str(value).lower()
    return [flag + "=" + str(value)]


def versions(worker: Any, own: Any) -> dict[str, str]:
    """Uvicorn serves, if it is there, unless the worker is one of Gunicorn's own."""
    programs = ["gunicorn"]
    if installed("uvicorn") and worker not in own and not str(worker).startswith("gunicorn."):
        programs.append("uvicorn")
    return {program: str(importlib.import_module(program).__version__) for program in programs}


def main() -> None:
    asked = json.loads(sys.stdin.read())
    try:
        from gunicorn import config
        from gunicorn.app.wsgiapp import WSGIApplication
        from gunicorn.workers import SUPPORTED_WORKERS
    except ImportError:
        answer(missing="gunicorn")
    known = {setting.name: setting for setting in config.KNOWN_SETTINGS}
    options = asked["options"]
    for name in options:
        if name not in known:
            answer(unknown=name, known=sorted(known))
    flags = [flag for name, value in options.items() for flag in flags_of(name, value, known[name])]
    if "control_socket_disable" in known:
        flags += flags_of("control_socket_disable", True, known["control_socket_disable"])
    config.WorkerClass.default = UNSET
    sys.argv = ["gunicorn", *flags, asked["app"]]
    cfg = WSGIApplication(prog="gunicorn").cfg
    for name, value in options.items():
        if isinstance(value, bool) and cfg.settings[name].get() is not value:
            answer(bad=name, why="is overruled by gunicorn's configuration file or environment: set it there")
    worker = cfg.settings["worker_class"].get()
    if worker == "asgi" and worker not in SUPPORTED_WORKERS:
        answer(missing="gunicorn with an asgi worker")
    if worker == UNSET:
        worker = next((path for module, path in WORKERS if installed(module)), None)
        if worker is None:
            answer(missing="uvicorn-worker")
        flags += flags_of("worker_class", worker, known["worker_class"])
    answer(
        flags=flags,
        worker_class=worker if isinstance(worker, str) else worker.__module__ + "." + worker.__qualname__,
        timeout=cfg.timeout,
        graceful_timeout=cfg.graceful_timeout,
        keepalive=cfg.keepalive,
        max_requests=cfg.max_requests,
        trusted_proxies=[str(host) for host in cfg.forwarded_allow_ips if str(host)],
        versions=versions(worker, SUPPORTED_WORKERS),
    )


if __name__ == "__main__":
    main()
