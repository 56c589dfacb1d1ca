"""Which paths an app has, asked of its own interpreter: it imports the app once, and serves nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import MachineError, UsageError

_TIMEOUT_S = 30
_NO_APP = 64
_SHOWN = 300
_DRIVERS = ("asyncpg", "psycopg", "psycopg2", "aiopg", "pg8000")

# It runs in the interpreter of the app. What the app prints while it is imported comes before the last line.
_ASK = """
import importlib, json, sys
name, _, attribute = sys.argv[1].partition(":")
usual, drivers = json.loads(sys.argv[2]), json.loads(sys.argv[3])
try:
    app = importlib.import_module(name)
except ModuleNotFoundError as error:
    if error.name and (name == error.name or name.startswith(error.name + ".")):
        print(f"there is no module {error.name} here", file=sys.stderr)
        sys.exit(64)
    raise
for word in attribute.replace("()", "").split("."):
    if not hasattr(app, word):
        print(f"{name} has no {word}", file=sys.stderr)
        sys.exit(64)
    app = getattr(app, word)
app = app() if attribute.endswith("()") else app

def free(operation):
    asked = operation.get("parameters", [])
    return not operation.get("security") and not any(each.get("required") for each in asked)

def takes(routes, path):
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": [], "query_string": b""}
    for route in routes:
        before, inside = getattr(route, "path", "") or "", getattr(route, "routes", None)
        if inside:
            if path.startswith(before) and takes(inside, path[len(before):]):
                return True
        elif hasattr(route, "matches") and route.matches(dict(scope))[0].name == "FULL":
            return True
    return False

paths = app.openapi().get("paths", {}) if hasattr(app, "openapi") else {}
gets = {path: item["get"] for path, item in paths.items() if "get" in item}
routes = getattr(app, "routes", ())
telling = not takes(routes, "/shakedown-asks-for-a-path-that-nobody-has")
known = [path for path in usual if path in gets or (telling and takes(routes, path))]
told = {"free": [path for path in gets if free(gets[path])], "known": known}
print()
print(json.dumps({**told, "drivers": [each for each in drivers if each in sys.modules]}))
"""


@dataclass(frozen=True, slots=True)
class AppRoutes:
    """`free` can be asked without any parameter or login, `known` are those of the usual ones that the app has.

    `postgres`: importing it has loaded a driver of PostgreSQL.
    """

    free: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    postgres: bool = False


def ask_routes(python: Path, app: str, root: Path, usual: Sequence[str]) -> AppRoutes | str:
    """What the app tells, or why it does not; UsageError where there is no such app. `usual` are paths of probes."""
    command = [str(python), "-B", "-c", _ASK, app, json.dumps(usual), json.dumps(_DRIVERS)]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        return f"importing it took more than {_TIMEOUT_S} s"
    except OSError as error:
        raise MachineError(f"{python} cannot be run: {error.strerror}.") from error
    last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    if done.returncode == _NO_APP:
        raise UsageError(f"{app} is no app of {root}: {last}.")
    if done.returncode != 0:
        return last if len(last) <= _SHOWN else f"{last[:_SHOWN]}…"
    try:
        told = json.loads(done.stdout.splitlines()[-1])
        return AppRoutes(tuple(told["free"]), tuple(told["known"]), bool(told["drivers"]))
    except (ValueError, KeyError, TypeError, IndexError):
        return "it ended before it had told its paths"
