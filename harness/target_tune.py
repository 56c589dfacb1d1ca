"""The table [tune] of a target file: settings with a number of which `shakedown tune` may look for a better one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from harness.model.tune import Knob, KnobKind, TuneSpec
from harness.servers import SERVERS
from harness.target_override import full_key
from harness.target_table import Table, is_number

_MOST = 1_000_000
_ENV = "env."


def read_tune(table: Table, document: Mapping[str, object]) -> TuneSpec:
    """`document` is the whole file: what a setting is now stands there."""
    knobs = [_read_knob(each, document) for each in table.tables("knobs")]
    table.done()
    found = tuple(knob for knob in knobs if knob is not None)
    names = [knob.setting for knob in found]
    if double := next((name for name in names if names.count(name) > 1), None):
        table.wrong("knobs", f"name {double} twice; accepted: each setting once")
    return TuneSpec(found)


def _read_knob(table: Table, document: Mapping[str, object]) -> Knob | None:
    setting = _full(table.text("setting", None, _check_setting))
    kinds = get_args(KnobKind)
    kind = table.text("kind", "limit", lambda value: None if value in kinds else ", ".join(kinds))
    values = table.wholes("values")
    if not values or not all(0 <= value <= _MOST for value in values):
        table.wrong("values", "is no list of numbers to try; accepted: whole numbers, as in [2, 5, 10, 20]")
        values = (1,)
    default = table.whole("default", 0, 0, _MOST) if table.has("default") else None
    before = _now(setting, document)
    table.done()
    if before is None and default is None:
        if setting:
            says = f"is missing, for {setting} is not set as a whole number; accepted: what the app takes then"
            table.wrong("default", says)
        return None
    now = before if before is not None else default or 0
    known: KnobKind = "pool" if kind == "pool" else "timeout" if kind == "timeout" else "limit"
    return Knob(setting, known, tuple(sorted({*values, now})), now)


def _check_setting(value: str) -> str | None:
    places = ("target.env.", *(f"target.{server.table}." for server in SERVERS), "parts.")
    key = _full(value)
    if key.startswith(places) and not key.endswith(".") and key != "target.workers":
        return None
    return "the key of one setting, as in env.POOL_SIZE, gunicorn.backlog or parts.postgres.settings.work_mem"


def _full(setting: str) -> str:
    """`env.POOL_SIZE` is short for `target.env.POOL_SIZE`."""
    return f"target.{setting}" if setting.startswith(_ENV) else full_key(setting)


def _now(setting: str, document: Mapping[str, object]) -> int | None:
    """What the file says; a variable is text there."""
    here: object = document
    for word in setting.split("."):
        here = here.get(word) if isinstance(here, dict) else None
    if isinstance(here, str) and here.strip().isdigit():
        return int(here)
    return here if is_number(here) and isinstance(here, int) else None
