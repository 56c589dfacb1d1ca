"""Asked of the app's own interpreter: which flags say these options, and which settings are then in force?

Run as program text (`python -c`), never as a file: its folder holds files named like the servers. It imports nothing of
the harness and runs on Python 3.8. Uvicorn itself parses the flags and its environment, so that nothing is guessed. The
question is JSON on stdin, the answer a line of JSON after MARK.
"""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

MARK = "shakedown-answer:"


def answer(**words: Any) -> NoReturn:
    print("\n" + MARK + json.dumps(words), flush=True)
    sys.exit(0)


def flags_of(name: str, value: Any, option: Any) -> list[str]:
    if not option.is_flag:
        return [option.opts[0] + "=" + (str(value).lower() if isinstance(value, bool) else str(value))]
    if not isinstance(value, bool):
        answer(bad=name, why="is true or false")
    if value:
        return [option.opts[0]]
    return [option.secondary_opts[0]] if option.secondary_opts else []


def trusted(config: Any) -> list[str]:
    hosts = config.forwarded_allow_ips if config.proxy_headers else []
    hosts = hosts.split(",") if isinstance(hosts, str) else hosts
    return [str(host).strip() for host in hosts if str(host).strip()]


def main() -> None:
    asked = json.loads(sys.stdin.read())
    try:
        import click
        import uvicorn
        from uvicorn.main import main as command
    except ImportError:
        answer(missing="uvicorn")
    known = {option.name: option for option in command.params if option.param_type_name == "option"}
    flags: list[str] = []
    for name, value in asked["options"].items():
        if name not in known:
            answer(unknown=name, known=sorted(known))
        flags += flags_of(name, value, known[name])
    try:
        values = command.make_context("uvicorn", [*flags, asked["app"]]).params
    except click.UsageError as error:
        param = getattr(error, "param", None)
        answer(bad=getattr(param, "name", None) or "", why=error.format_message())
    wanted = {name: values[name] for name in ("proxy_headers", "forwarded_allow_ips") if name in values}
    config = uvicorn.Config(asked["app"], log_config=None, **wanted)
    answer(
        flags=flags,
        timeout_keep_alive=values.get("timeout_keep_alive", 5),
        timeout_graceful_shutdown=values.get("timeout_graceful_shutdown"),
        timeout_worker_healthcheck=values.get("timeout_worker_healthcheck", 5),
        limit_max_requests=values.get("limit_max_requests"),
        trusted_proxies=trusted(config),
        versions={"uvicorn": uvicorn.__version__},
    )


if __name__ == "__main__":
    main()
