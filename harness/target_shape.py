"""The key `load.shape`: a name alone (`shape = "poisson"`), or a table with what the shape needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

from harness.load.replay import ReplayFile
from harness.model.load_shape import Arrivals, Constant, Diurnal, LoadShape, Ramp, Replayed, Spike, Step, own_rate_rps
from harness.target_table import Table, is_number, suggest

MAX_RPS = 20_000.0
_MAX_S = 86_400.0 * 7


def read_shape(load: Table, root: Path, rate_rps: float | None) -> LoadShape:
    """`rate_rps` is what the file says: a shape that has rates of its own takes no other beside them."""
    if not load.has("shape"):
        return Constant()
    said = load.raw["shape"]
    table = Table(load.key("shape"), {"kind": said} if isinstance(said, str) else said, load.problems)
    shape = _read(table, root)
    if shape is not None and own_rate_rps(shape) is not None and rate_rps:
        says = f"stands beside a shape that says its own rates ({shape.kind}); accepted: one of the two"
        load.wrong("rate_rps", says)
    return shape or Constant()


def _read(table: Table, root: Path) -> LoadShape | None:
    kind = table.text("kind", None, lambda value: None if value in _KINDS else suggest(value, list(_KINDS)))
    if kind not in _KINDS:
        return None
    before = len(table.problems.found)
    shape = _KINDS[kind](table, root)
    table.done()
    return shape if len(table.problems.found) == before else None


def _arrivals(table: Table) -> Arrivals:
    known = get_args(Arrivals)
    value = table.text("arrivals", "uniform", lambda value: None if value in known else " or ".join(known))
    return "poisson" if value == "poisson" else "uniform"


def _rate(table: Table, name: str, *, above: bool = False) -> float:
    _need(table, name)
    return table.number(name, 1.0, 0.0, MAX_RPS, above=above)


def _seconds(table: Table, name: str) -> float:
    _need(table, name)
    return table.number(name, 1.0, 0.0, _MAX_S, above=True)


def _need(table: Table, name: str) -> None:
    if not table.has(name):
        table.wrong(name, "is missing")


def _constant(table: Table, _: Path) -> LoadShape:
    return Constant(_arrivals(table))


def _poisson(_table: Table, _: Path) -> LoadShape:
    return Constant("poisson")


def _step(table: Table, _: Path) -> LoadShape:
    _need(table, "levels_rps")
    raw = table.raw.get("levels_rps", [1])
    levels = raw if isinstance(raw, list) else []
    if not levels or not all(is_number(level) and 0 <= level <= MAX_RPS for level in levels):
        table.wrong("levels_rps", f"is no list of rates; accepted: numbers from 0 to {MAX_RPS:g}, as in [50, 100, 200]")
        levels = [1]
    elif not max(levels):
        table.wrong("levels_rps", "sends nothing; accepted: with one rate above 0")
    return Step(tuple(float(level) for level in levels), _seconds(table, "each_s"), _arrivals(table))


def _ramp(table: Table, _: Path) -> LoadShape:
    after_s = table.number("after_s", 0.0, 0.0, _MAX_S)
    return Ramp(_rate(table, "to_rps"), _seconds(table, "over_s"), after_s, _arrivals(table))


def _spike(table: Table, _: Path) -> LoadShape:
    after_s, for_s = _seconds(table, "after_s"), _seconds(table, "for_s")
    return Spike(_rate(table, "peak_rps"), after_s, for_s, _arrivals(table))


def _diurnal(table: Table, _: Path) -> LoadShape:
    low, high = _rate(table, "low_rps"), _rate(table, "high_rps", above=True)
    if low > high:
        table.wrong("low_rps", f"is {low:g}, above high_rps ({high:g}); accepted: at most that")
    return Diurnal(low, high, _seconds(table, "period_s"), _arrivals(table))


def _replayed(table: Table, root: Path) -> LoadShape | None:
    name = table.text("file", None)
    if not name:
        return None
    try:
        file = ReplayFile(root / name)
    except ValueError as error:
        table.wrong("file", f"is refused: {error}")
    except OSError as error:
        table.wrong("file", f"cannot be read: {root / name}: {error.strerror}; accepted: a file of moments, one a line")
    else:
        return Replayed(str((root / name).resolve()), file.mean_rps, float(file.peak_rps))
    return None


_KINDS: dict[str, Callable[[Table, Path], LoadShape | None]] = {
    "constant": _constant,
    "poisson": _poisson,
    "step": _step,
    "ramp": _ramp,
    "spike": _spike,
    "diurnal": _diurnal,
    "replayed": _replayed,
}
