"""The server's settings in force, as the app's own interpreter resolves them.

A configuration file is Python, and defaults change with versions: only the server that will run can say what holds. So
its interpreter runs a small question in the app's folder and environment, before anything is started.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from signal import SIGKILL
from typing import Any

from harness.errors import TargetError, UsageError
from harness.model.target import Scalar, Target
from harness.model.trial import ServerSettings
from harness.servers.server import Server
from harness.system import launch

_MARK = "shakedown-answer:"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The settings, and the flags to start the server with (`Server.argv`): its options in its own version's words.

    `trusted_proxies`: whose X-Forwarded headers the server believes; "*" is everybody. `versions` of the programs that
    serve, as their interpreter reports them.
    """

    settings: ServerSettings
    flags: tuple[str, ...]
    trusted_proxies: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


async def resolve_settings(
    target: Target,
    server: Server,
    options: Mapping[str, Scalar],
    *,
    workers: int,
    env: Mapping[str, str],
    timeout_s: float = 30.0,
) -> Resolution:
    """Ask. `env` is the whole environment that the app will get; `options` come from `Server.options`."""
    for name in options:
        if name in server.ours:
            raise UsageError(f"{_where(target, server, name)} cannot be set: {server.ours[name]}.")
    question = json.dumps({"options": {**options, **server.fixed}, "app": target.app})
    code, out, err = await _run(target, server, question, env, timeout_s)
    answer = _read(out)
    if answer is None:
        raise _no_answer(target, server, code, err)
    _check(target, server, answer)
    return Resolution(
        settings=server.settings(answer, workers),
        flags=tuple(answer["flags"]),
        trusted_proxies=tuple(answer["trusted_proxies"]),
        versions=dict(answer["versions"]),
    )


async def _run(
    target: Target, server: Server, question: str, env: Mapping[str, str], timeout_s: float
) -> tuple[int, str, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            *_dies_with_us(),
            str(target.python),
            "-c",
            server.question,
            cwd=target.root,
            env=dict(env),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise UsageError(f"{target.source}: target.python cannot be run: {error.strerror}.") from error
    try:
        out, err = await asyncio.wait_for(process.communicate(question.encode()), timeout_s)
    except TimeoutError:
        raise TargetError(
            f"{server.id} did not say its settings within {timeout_s:g} s: its configuration file hangs when it is"
            " imported."
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def _dies_with_us() -> list[str]:
    """A configuration file that hangs must not outlive a harness that was killed."""
    return [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), str(int(SIGKILL)), "-1", "-1", "63", "--"]


def _read(out: str) -> dict[str, Any] | None:
    """The last marked line: a configuration file may print too."""
    lines = [line for line in out.splitlines() if line.startswith(_MARK)]
    return json.loads(lines[-1].removeprefix(_MARK)) if lines else None


def _check(target: Target, server: Server, answer: Mapping[str, Any]) -> None:
    if missing := answer.get("missing"):
        raise UsageError(
            f"{target.source}: target.server is {server.id}, but {target.python} has no {missing}: install"
            f" {server.install} there, or name another interpreter in target.python."
        )
    if unknown := answer.get("unknown"):
        near = difflib.get_close_matches(unknown, answer["known"], n=1)
        hint = f": did you mean {near[0]}?" if near else "; its options are those of its own documentation."
        raise UsageError(f"{_where(target, server, unknown)} is no option of the installed {server.table}{hint}")
    if "bad" in answer:
        raise UsageError(f"{_where(target, server, answer['bad'])} {answer['why']}".rstrip(".") + ".")


def _no_answer(target: Target, server: Server, code: int, err: str) -> UsageError | TargetError:
    last = " | ".join(line.strip() for line in err.splitlines()[-4:] if line.strip()) or "it said nothing"
    if code == 2:
        return UsageError(f"{target.source}: [target.{server.table}] is refused by {server.table}: {last}")
    return TargetError(f"{server.table} cannot read its configuration (exit code {code}); its last words: {last}")


def _where(target: Target, server: Server, name: str) -> str:
    return f"{target.source}: target.{server.table}{'.' + name if name else ''}"
