"""The table [tune] of a target file: settings with a number of which `shakedown tune` may look for a better one, and
where the app reads its timeouts from."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import get_args

from harness.model.ladder import Rung
from harness.model.tune import Knob, KnobKind, TimeoutKey, TuneSpec
from harness.servers import SERVERS
from harness.target_override import full_key
from harness.target_table import Table, is_number

_VARIABLE = re.compile(r"(target\.)?env\.[A-Za-z_][A-Za-z0-9_]*")
_MOST = 1_000_000
_ENV = "env."
_TIMEOUTS: tuple[Rung, ...] = ("statement", "command", "acquire", "request")


def read_tune(table: Table, document: Mapping[str, object]) -> TuneSpec:
    """`document` is the whole file: what a setting is now stands there."""
    knobs = [_read_knob(each, document) for each in table.tables("knobs")]
    timeouts = _read_timeouts(table.table("timeouts"), document)
    table.done()
    found = tuple(knob for knob in knobs if knob is not None)
    names = [knob.setting for knob in found]
    if double := next((name for name in names if names.count(name) > 1), None):
        table.wrong("knobs", f"name {double} twice; accepted: each setting once")
    return TuneSpec(found, timeouts)


def _read_timeouts(table: Table, document: Mapping[str, object]) -> tuple[TimeoutKey, ...]:
    found = []
    for rung in _TIMEOUTS:
        if table.has(rung):
            setting = _full(table.text(rung, "", _check_variable))
            found.append(TimeoutKey(rung, setting, _seconds(_value(setting, document))))
    table.done()
    return tuple(found)


def _check_variable(value: str) -> str | None:
    if _VARIABLE.fullmatch(value):
        return None
    return "a variable of [target.env], as in env.COMMAND_TIMEOUT_S"


def _seconds(value: object) -> float | None:
    """A variable is text; one that is no number of seconds is not shown."""
    try:
        seconds = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


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


def _value(setting: str, document: Mapping[str, object]) -> object:
    here: object = document
    for word in setting.split("."):
        here = here.get(word) if isinstance(here, dict) else None
    return here


def _now(setting: str, document: Mapping[str, object]) -> int | None:
    """What the file says; a variable is text there."""
    here = _value(setting, document)
    if isinstance(here, str) and here.strip().isdigit():
        return int(here)
    return here if is_number(here) and isinstance(here, int) else None
