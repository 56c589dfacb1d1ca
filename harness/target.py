"""From a target file to a `Target`: which file it is, what it says, and every mistake in it at once.

The file is `shakedown.toml`, or the table [tool.shakedown] of a pyproject.toml; docs/target-file.md has each key. All
problems are errors for the person who wrote the file: key, what stands there, what is accepted. Nothing that may be a
secret is ever shown.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.model.target import Part, Scalar, Target
from harness.servers import SERVERS
from harness.target_audit import read_audit
from harness.target_auth import check_tokens, read_auth
from harness.target_env import app_env, fill_env, is_env_name, read_env
from harness.target_load import read_ledger, read_limits, read_load, read_probes, read_slo
from harness.target_override import apply_overrides, read_override
from harness.target_parts import read_parts
from harness.target_python import find_python, try_python
from harness.target_scenarios import read_scenarios
from harness.target_table import Problems, Table
from harness.target_tune import read_tune

__all__ = ["app_env", "fill_env", "find_target", "load_target", "read_override"]

FILE = "shakedown.toml"
REFERENCE = Path(__file__).resolve().parent.parent / "reference.toml"
_PYPROJECT = "pyproject.toml"
_APP = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(\))?")
_SHOWN = 5


def find_target(explicit: Path | None, cwd: Path) -> Path:
    """--target FILE, else ./shakedown.toml, else ./pyproject.toml with [tool.shakedown], else the reference API's."""
    if explicit is not None:
        return explicit if explicit.is_absolute() else cwd / explicit
    if (cwd / FILE).exists():
        return cwd / FILE
    pyproject = cwd / _PYPROJECT
    if pyproject.is_file() and "shakedown" in _tools(_parse(pyproject)):
        return pyproject
    return REFERENCE


def load_target(path: Path, overrides: Mapping[str, Scalar]) -> Target:
    """Read and check. UsageError names the file and up to five problems."""
    path = path.absolute()
    document, source = _parse(path), str(path)
    if path.name == _PYPROJECT:
        if "shakedown" not in _tools(document):
            raise UsageError(f"{source} has no table [tool.shakedown]; accepted: that table, or a file {FILE}.")
        document, source = _tools(document)["shakedown"], f"{source} [tool.shakedown]"
    problems = Problems()
    typed = apply_overrides(document, overrides, problems) if isinstance(document, dict) else {}
    target = _read(Table("", document, problems), source, path.parent)
    if not problems.found and (wrong := try_python(target.python)):
        problems.add("target.python", f"is no interpreter for the app: {wrong}; accepted: Python 3.8 or newer")
    if problems.found:
        raise UsageError(_message(source, problems, typed))
    return target


def _parse(path: Path) -> dict[str, Any]:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"The target file {path} {what}; accepted: a TOML file such as {FILE}.")
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise UsageError(f"The target file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no TOML: it holds bytes that are not UTF-8.") from error
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a value in it is too large or too deep"
        raise UsageError(f"{path} is no TOML: {why}.") from error


def _tools(document: Mapping[str, Any]) -> Mapping[str, Any]:
    tool = document.get("tool")
    return tool if isinstance(tool, dict) else {}


def _message(source: str, problems: Problems, typed: Mapping[str, str]) -> str:
    """One problem is a sentence, several are a list. A key that was overridden is named as it was typed."""
    lines = [
        f"{'--set ' + typed[key] if key in typed else key or 'the file'} {says}"
        for key, says in dict.fromkeys(problems.found)
    ]
    if len(lines) == 1:
        return f"{source}: {lines[0]}" + ("" if lines[0].endswith("?") else ".")
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return f"{source}: {len(lines)} problems:" + "".join(f"\n- {line}" for line in lines[:_SHOWN] + more)


def _read(top: Table, source: str, root: Path) -> Target:
    if not top.has("target"):
        top.wrong("target", "is missing; accepted: a table [target] with at least app")
    slo = read_slo(top.table("slo"))
    parts = read_parts(top.table("parts"))
    table = top.table("target")
    live = table.text("live", "/health", _check_path)
    load = read_load(top.table("load"), parts, live, slo, root)
    auth = read_auth(top.table("auth")) if top.has("auth") else None
    check_tokens(load.requests, auth, top.table("load"))
    ledger = read_ledger(top.table("ledger"), parts) if top.has("ledger") else None
    live_probe, ready_probe = read_probes(top.table("probes"))
    app = _read_app(table) if top.has("target") else ""
    target = Target(
        name=app,
        source=source,
        root=root,
        app=app,
        server=table.text("server", "gunicorn-uvicorn", _check_server),
        python=find_python(table.text("python", ""), root),
        workers=table.whole("workers", 2, 1, 256),
        live=live,
        ready=table.text("ready", "/ready", _check_path),
        ready_needs=_read_ready_needs(table, parts),
        setup=table.texts("setup"),
        pass_env=_read_pass_env(table),
        env=read_env(table.table("env", secret=True), parts),
        options={name: _read_options(table, name) for name in dict.fromkeys(server.table for server in SERVERS)},
        parts=parts,
        load=load,
        ledger=ledger,
        live_probe=live_probe,
        ready_probe=ready_probe,
        slo=slo,
        limits=read_limits(top.table("limits")),
        limits_given=tuple(top.table("limits").raw),
        auth=auth,
        audit=read_audit(top.table("audit")),
        termination_s=_declared_s(table, "termination_grace_s", least_s=1.0),
        proxy_s=_declared_s(table, "proxy_timeout_s", least_s=0.1),
        tune=read_tune(top.table("tune"), top.raw),
        scenarios=read_scenarios(top.table("scenarios")),
    )
    table.done(later={"command": "app", "url": "app"})
    top.done()
    return target


def is_app(word: str) -> bool:
    return _APP.fullmatch(word) is not None


def _read_app(table: Table) -> str:
    if any(table.raw.get(key) is not None for key in ("command", "url")) and not table.has("app"):
        return ""
    return table.text("app", None, lambda value: None if is_app(value) else "MODULE:APP, as in app.main:app")


def _check_server(value: str) -> str | None:
    known = [server.id for server in SERVERS]
    return None if value in known else ", ".join(known)


def _check_path(value: str) -> str | None:
    if value.startswith("/") and value.isascii() and value.isprintable() and " " not in value:
        return None
    return "a path that starts with /, without spaces"


def _read_ready_needs(table: Table, parts: tuple[Part, ...]) -> tuple[str, ...]:
    names = tuple(part.name for part in parts)
    return table.names("ready_needs", tuple(part.name for part in parts if part.kind == "postgres"), names)


def _declared_s(table: Table, key: str, least_s: float) -> float | None:
    """Not declared, it is not guessed: what is around the service differs."""
    declared_s = table.number(key, least_s, least_s, 3600.0)
    return declared_s if table.has(key) else None


def _read_pass_env(table: Table) -> tuple[str, ...]:
    names = table.texts("pass_env")
    if not all(is_env_name(name) for name in names):
        table.wrong("pass_env", 'holds what is no name of a variable; accepted: names only, as in ["HTTPS_PROXY"]')
    return names


def _read_options(table: Table, name: str) -> Mapping[str, Scalar]:
    """The server's own options; whether its version takes them is asked of it later (`harness.resolve`)."""
    options = table.table(name)
    ours = next(server.ours for server in SERVERS if server.table == name)
    for key in options.raw:
        if key in ours:
            options.wrong(key, f"cannot be set: {ours[key]}")
    return options.scalars()
