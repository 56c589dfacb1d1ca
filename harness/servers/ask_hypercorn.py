"""Asked of the app's own interpreter: which flags say these options, and which settings are then in force?

Run as program text (`python -c`), never as a file: its folder holds files named like the servers. It imports nothing of
the harness and runs on Python 3.8. Hypercorn itself parses the flags and reads its configuration file: its command is
run up to the point where it would serve. The question is JSON on stdin, the answer a line of JSON after MARK.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import sys
from types import SimpleNamespace
from typing import Any, NoReturn

MARK = "shakedown-answer:"


def answer(**words: Any) -> NoReturn:
    print("\n" + MARK + json.dumps(words), flush=True)
    sys.exit(0)


def name_of(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


class Parser(argparse.ArgumentParser):
    """Hypercorn makes its parser inside its command; the last one is kept here."""

    last: Any = None

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        Parser.last = self
        return super().parse_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        where, _, why = message.partition(": ")
        flag = where.replace("argument ", "", 1).split("/")[-1]
        answer(bad=name_of(flag) if why else "", why="is refused by hypercorn: " + (why or message))


def flags_of(name: str, value: Any, option: Any) -> list[str]:
    flag = next(flag for flag in option.option_strings if name_of(flag) == name)
    if option.nargs != 0:
        return [flag + "=" + (str(value).lower() if isinstance(value, bool) else str(value))]
    if not isinstance(value, bool):
        answer(bad=name, why="is true or false")
    return [flag] if value else []


def main() -> None:
    asked = json.loads(sys.stdin.read())
    try:
        command: Any = importlib.import_module("hypercorn.__main__")
    except ImportError:
        answer(missing="hypercorn")
    configs: list[Any] = []
    command.argparse = SimpleNamespace(ArgumentParser=Parser)
    command.run = configs.append
    command.main([asked["app"]])
    known = {name_of(flag): each for each in Parser.last._actions for flag in each.option_strings if flag[:2] == "--"}
    flags: list[str] = []
    for name, value in asked["options"].items():
        if name not in known:
            answer(unknown=name, known=sorted(known))
        flags += flags_of(name, value, known[name])
    command.main([*flags, asked["app"]])
    config = configs[-1]
    for name, value in asked["options"].items():
        held = getattr(config, known[name].dest, value)
        if isinstance(value, bool) and isinstance(held, bool) and held is not value:
            answer(bad=name, why="is overruled by hypercorn's configuration file: set it there")
    answer(
        flags=flags,
        graceful_timeout=config.graceful_timeout,
        keep_alive_timeout=config.keep_alive_timeout,
        max_requests=config.max_requests,
        worker_class=config.worker_class,
        trusted_proxies=[],
        versions={"hypercorn": importlib.metadata.version("hypercorn")},
    )


if __name__ == "__main__":
    main()
