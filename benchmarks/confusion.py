"""Which verdict catches which bad app, and does it accuse nobody else? Every bad app against every check.

    .venv/bin/python benchmarks/confusion.py [--repeat 3] [--app NAME] [--state FILE] [--report] [--write]

Runs each case of tests/bad_cases.py, and the healthy twin under every scenario, so many times, through the
real command. Each result is kept in the state file as it comes: an interrupted series goes on where it was. `--report`
only prints what is there, `--write` puts it into docs/confusion-matrix.md too. Goal: every defect is caught by its
check, what else does not pass is explained by a sentence, the twin passes, and all repetitions agree.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "shell")]

from bad_cases import CASES, Case  # noqa: E402
from test_bad_apps import run  # noqa: E402

from harness.checks import CHECKS  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402

TWIN = "bookings"
PAGE = ROOT / "docs" / "confusion-matrix.md"
MARKS = {"pass": "·", "fail": "✗", "inconclusive": "?"}
HEAD = """# Confusion matrix

Every bad app of `tests/bad_apps` under the scenario that shows its defect, against every check; below them the healthy
twin under each scenario. Measured by `benchmarks/confusion.py`, which also writes this page.

| | |
|---|---|
| **✗** | fails: the check that the defect is meant for |
| ✗ | fails too, for the reason given below |
| ? | inconclusive, for the reason given below |
| · | passes |
| | does not apply |
| ! | not what was expected, or the repetitions do not agree |
"""


@dataclass(frozen=True, slots=True)
class Result:
    """One run: what each check said."""

    app: str
    scenario: str
    commit: str
    exit_code: int
    outcomes: Mapping[str, str]


def wanted(app: str | None) -> list[Case]:
    twin = [Case(TWIN, scenario.name, {}) for scenario in SCENARIOS]
    return [case for case in (*CASES, *twin) if app in (None, case.app)]


def read_state(path: Path) -> list[Result]:
    """The results so far; a last line that was cut is left out."""
    results = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            results.append(Result(**json.loads(line)))
        except ValueError:
            continue
    return results


def of(results: Sequence[Result], case: Case) -> list[Result]:
    return [result for result in results if (result.app, result.scenario) == (case.app, case.scenario)]


def run_one(case: Case, commit: str) -> Result:
    with tempfile.TemporaryDirectory(prefix="confusion-") as folder:
        ended = run(case.scenario, case.target, Path(folder) / "run", *case.options)
    trials = ended.document.get("trials", [])
    outcomes = {told["check"]: told["verdict"] for trial in trials for told in trial["verdicts"]}
    return Result(case.app, case.scenario, commit, ended.code, outcomes)


def expected(case: Case, check: str) -> str:
    return "fail" if check in case.fails else "inconclusive" if check in case.unjudged else "pass"


def cell(case: Case, results: Sequence[Result], check: str) -> str:
    """What the repetitions said of one check, and whether that was expected."""
    said = {result.outcomes.get(check, "") for result in results}
    if said == {""}:
        return "!" if expected(case, check) != "pass" else ""
    if len(said) > 1 or said != {expected(case, check)}:
        return "!" + "".join(sorted(MARKS.get(one, "-") for one in said))
    mark = MARKS[said.pop()]
    return f"**{mark}**" if check == next(iter(case.fails), "") else mark


def rows(cases: Sequence[Case], results: Sequence[Result]) -> Iterator[tuple[Case, int, list[str]]]:
    for case in cases:
        mine = of(results, case)
        if mine:
            yield case, len(mine), [cell(case, mine, check.name) for check in CHECKS]


def page(cases: Sequence[Case], results: Sequence[Result]) -> Iterator[str]:
    """Markdown; columns are numbered, for their names are too long to stand side by side."""
    yield HEAD
    yield "Checks: " + ", ".join(f"{n} `{check.name}`" for n, check in enumerate(CHECKS, 1)) + ".\n"
    yield "| app | scenario | runs | " + " | ".join(str(n) for n in range(1, len(CHECKS) + 1)) + " |"
    yield "|" + "---|" * (len(CHECKS) + 3)
    for case, runs, cells in rows(cases, results):
        yield f"| `{case.app}` | `{case.scenario}` | {runs} | " + " | ".join(cells) + " |"
    yield "\n## Why\n"
    for case in cases:
        for check, why in (*case.fails.items(), *case.unjudged.items()):
            yield f"- `{case.app}` under `{case.scenario}`, `{check}`: {why}"


def report(cases: Sequence[Case], results: Sequence[Result], repeat: int) -> int:
    print("\n".join(page(cases, results)))
    shown = list(rows(cases, results))
    wrong = [f"{case.app} under {case.scenario}" for case, _, cells in shown if any("!" in one for one in cells)]
    few = [case for case in cases if len(of(results, case)) < repeat and of(results, case)] or not shown
    print(f"\n{sum(runs for _, runs, _ in shown)} runs of {len(shown)} cases; not as expected: {len(wrong)}")
    for name in wrong:
        print(f"  {name}")
    return 1 if wrong else 2 if few else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--app")
    parser.add_argument("--state", type=Path, default=ROOT / "runs" / "benchmark-confusion.jsonl")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    cases, results = wanted(asked.app), read_state(asked.state)
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()
    asked.state.parent.mkdir(exist_ok=True)
    for repetition in range(0 if asked.report else asked.repeat):
        for case in cases:
            if len(of(results, case)) > repetition:
                continue
            results.append(run_one(case, commit))
            with asked.state.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(results[-1])) + "\n")
            print(f"{repetition + 1} of {asked.repeat}: {case}: exit {results[-1].exit_code}", file=sys.stderr)
    if asked.write:
        PAGE.write_text("\n".join(page(wanted(None), results)) + "\n", "utf-8")
    return report(cases, results, asked.repeat)


if __name__ == "__main__":
    sys.exit(main())
