"""What is said of a setting that a tuning recommends: why it was chosen, and what nobody tested of it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.tuning.asked import short
from harness.tuning.levers import TOLERANCE, Moved
from harness.tuning.recommendation import Effect


def reason(move: Moved) -> str:
    """The figures that the choice was made of."""
    told = ", ".join(
        f"{value}: {'at least ' if value in move.limits else ''}{rate(score)}" for value, score in move.tried.items()
    )
    if len(move.tried) < 2:
        return f"Only {move.after} was tried ({told})." if move.tried else "Nothing of it was tried."
    if move.rival is not None:
        return f"Kept as it is, for {move.rival} could not be told from it ({told})."
    if move.traded:
        return f"Moved together with {short(move.traded)}, for so both hold more ({told})."
    return f"The smallest within {TOLERANCE:.0%} of the best of those that were tried ({told})."


def rate(score: float) -> str:
    """Three digits of it: a staircase tells no more."""
    return f"{score:.3g}/s" if score < 100 else f"{float(f'{score:.3g}'):.0f}/s"


def untested_of(seen: Sequence[Effect], changed: int, verified: bool, cut: bool) -> str:
    found = []
    if changed and not seen:
        found.append("its effect has no interval: no blocks were run")
    elif changed > 1:
        others = "setting" if changed == 2 else f"{changed - 1} settings"
        found.append(f"its effect was measured together with that of the other {others} that changed")
    if cut or not verified:
        found.append("no resilience scenario was run with it")
    return "; ".join(found)


def joined(*parts: str) -> str:
    return "; ".join(part.rstrip(".") for part in parts if part)
