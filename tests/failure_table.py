"""What shows which failure mode: the table of docs/failure-modes.md, from scenarios, checks and bad apps.

    make docs

The names of the failure modes are those of the page's first table; what finds them is said by each scenario and check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bad_cases import CASES, Case

from harness.checks import CHECKS
from scenarios import SCENARIOS

PAGE = Path(__file__).parents[1] / "docs" / "failure-modes.md"
_WRITTEN = re.compile(r"(<!-- written by `make docs` -->\n).*?(<!-- end -->)", re.DOTALL)
_NAMED = re.compile(r"^\| (F\d\d) \| ([^|]+) \|", re.MULTILINE)


def written(page: str) -> str:
    """The page with the table as it has to be today."""
    kept = _WRITTEN.sub(r"\1\2", page)
    table = "".join(f"{line}\n" for line in _table(dict(_NAMED.findall(kept))))
    return _WRITTEN.sub(lambda found: f"{found[1]}\n{table}\n{found[2]}", page)


def _table(names: dict[str, str]) -> Iterator[str]:
    yield "| | failure mode | faults | scenarios | checks | bad apps |"
    yield "|---|---|---|---|---|---|"
    nothing: list[str] = []
    for number, name in sorted(names.items()):
        scenarios = [scenario for scenario in SCENARIOS if number in scenario.finds]
        cases = [case for case in CASES if number in case.finds]
        checks = [check.name for check in CHECKS if number in check.finds]
        if not scenarios and not checks and not cases:
            nothing.append(f"{number} {name}")
            continue
        faults = dict.fromkeys(use.id for scenario in scenarios for use in scenario.faults)
        cells = (_code(faults), _code(each.name for each in scenarios), _code(checks), _apps(cases))
        yield f"| {number} | {name} | {' | '.join(cells)} |"
    yield ""
    yield f"Nothing looks for these yet: {', '.join(nothing)}."


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _apps(cases: Sequence[Case]) -> str:
    return "; ".join(f"`{case.app}` under `{case.scenario}`: `{case.check}`" for case in cases)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
