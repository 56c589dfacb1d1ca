"""Asked of the app's own interpreter: which flags say these options, and which settings are then in force?

Run as program text (`python -c`), never as a file: its folder holds files named like the servers. It imports nothing of
the harness and runs on Python 3.8. Granian itself parses the flags and its environment, so that nothing is guessed. The
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


def name_of(option: Any) -> str:
    """Its flag's word: inside, some have another name."""
    return str(option.opts[0]).lstrip("-").replace("-", "_")


def flags_of(name: str, value: Any, option: Any) -> list[str]:
    if not option.is_flag:
        return [option.opts[0] + "=" + (str(value).lower() if isinstance(value, bool) else str(value))]
    if not isinstance(value, bool):
        answer(bad=name, why="is true or false")
    return [option.opts[0] if value else option.secondary_opts[0]]


def main() -> None:
    asked = json.loads(sys.stdin.read())
    try:
        import click
        import granian
        from granian._granian import BUILD_GIL
        from granian.cli import cli
    except ImportError:
        answer(missing="granian")
    if not BUILD_GIL:
        answer(bad="", why="has threads as workers under a Python without the GIL, which cannot be told apart")
    known = {name_of(option): option for option in cli.params if option.param_type_name == "option"}
    flags: list[str] = []
    for name, value in asked["options"].items():
        if name not in known:
            answer(unknown=name, known=sorted(known))
        flags += flags_of(name, value, known[name])
    try:
        context = cli.make_context("granian", [*flags, asked["app"]], auto_envvar_prefix="GRANIAN")
    except click.UsageError as error:
        param = getattr(error, "param", None)
        answer(bad=name_of(param) if param is not None else "", why=error.format_message())
    values = context.params
    source = context.get_parameter_source("interface")
    if source is None or source.name == "DEFAULT":
        flags.append("--interface=asgi")  # its own default is a protocol that FastAPI does not speak
        values["interface"] = "asgi"
    answer(
        flags=flags,
        workers_kill_timeout=values.get("workers_kill_timeout"),
        http1_keep_alive=values.get("http1_keep_alive", True),
        interface=str(getattr(values["interface"], "value", values["interface"])),
        trusted_proxies=[],
        versions={"granian": granian.__version__},
    )


if __name__ == "__main__":
    main()
