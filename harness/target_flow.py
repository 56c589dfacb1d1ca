"""The keys of [load] for a user's own Locust file: `locustfile`, `model`, `users`."""

from __future__ import annotations

from pathlib import Path

from harness.load.flow_check import why_not
from harness.model.target import FlowSpec
from harness.target_table import Table

_MODELS = ("open", "closed")
MAX_USERS = 2000


def read_flow(table: Table, root: Path) -> FlowSpec | None:
    """None without a locustfile. The file is tried, so that its mistakes are told before anything is started."""
    path = root / table.text("locustfile", "", lambda value: None if value.endswith(".py") else "a Python file")
    model = table.text("model", "open", lambda value: None if value in _MODELS else " or ".join(_MODELS))
    users = table.whole("users", 0, 1, MAX_USERS)
    if not table.has("locustfile"):
        for key in ("model", "users"):
            if table.has(key):
                table.wrong(key, "is for a locustfile, and there is none; accepted: with locustfile")
        return None
    before = len(table.problems.found)
    if table.has("requests"):
        table.wrong("requests", "stands beside locustfile; accepted: one of the two")
    if model == "closed":
        _check_closed(table)
    elif table.has("users"):
        table.wrong(
            "users",
            'is for the closed model: in the open one as many come as are needed; accepted: with model = "closed"',
        )
    if not path.is_file():
        table.wrong("locustfile", f"does not exist as {path}; accepted: a file with classes of Locust users")
    elif len(table.problems.found) == before and (why := why_not(path)):
        table.wrong("locustfile", f"cannot be run: {why}; accepted: a file that Locust can run")
    return FlowSpec(str(path), "closed" if model == "closed" else "open", users)


def _check_closed(table: Table) -> None:
    if not table.has("users"):
        table.wrong("users", "is missing, and a closed model is made of so many users")
    for key in ("rate_rps", "shape"):
        if table.has(key):
            table.wrong(key, 'stands beside model = "closed", which has no rate; accepted: without it')
