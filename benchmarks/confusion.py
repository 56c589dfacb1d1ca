"""Which verdict catches which bad app, and does it accuse nobody else? Every bad app against every check.

    .venv/bin/python benchmarks/confusion.py [--repeat 3] [--app NAME] [--most N] [--jobs N] [--state FILE] [--report]
        [--write]

Runs each case of tests/bad_cases.py, and the healthy twin under every scenario, so many times, through the real
command. Each result is kept in the state file, docs/confusion-matrix.jsonl, as it comes: an interrupted series goes on
where it was. `--most 1` runs one case and ends, with 2 while any is left, so that a caller can give each its own turn
on a shared machine:

    while .venv/bin/python benchmarks/confusion.py --most 1; [ $? = 2 ]; do :; done

`--jobs 2` runs two cases beside each other: at 50 requests/s each leaves most of two cores idle. Each watches the
machine as always, so that what its neighbour spoils is set aside; and what differs only beside a neighbour is shown.
A run in which the machine was not fit to judge is kept and told, but is no repetition: the case is run again, by the
next call. `--report` only prints what is there, `--write` puts it into docs/confusion-matrix.md too. Goal: every defect
is caught by its check, what else does not pass is explained by a sentence, the twin passes, all repetitions agree.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "shell")]

from bad_cases import CASES, Case  # noqa: E402
from run_rig import is_unfit, run_once  # noqa: E402

from harness.checks import CHECKS  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402

TWIN = "bookings"
PAGE = ROOT / "docs" / "confusion-matrix.md"
MARKS = {"pass": "·", "fail": "✗", "inconclusive": "?"}
HEAD = """# Confusion matrix

Every bad app of `tests/bad_apps` under the scenario that shows its defect, against every check; below them the healthy twin under each scenario. Measured and written by `benchmarks/confusion.py`, from the [results](confusion-matrix.jsonl) of each run.

| | |
|---|---|
| **✗** | fails: the check that the defect is meant for |
| ✗ | fails too, for the reason given below |
| ? | inconclusive, for the reason given below |
| · | passes |
| | does not apply, or nothing is judged any more |
| ! | not what was expected, or the repetitions do not agree; what they said follows |

`runs` are repetitions. `unfit` are runs beside them in which other programs kept the machine too busy to judge; a row without repetitions shows what was seen in these, where ? is a finding that the machine may be the reason for, or what depends on it.
"""  # noqa: E501


@dataclass(frozen=True, slots=True)
class Result:
    """One run: what each check said, and which could not say it, for the machine's sake or for want of a trial."""

    app: str
    scenario: str
    commit: str
    exit_code: int
    outcomes: Mapping[str, str]
    unfit: Sequence[str] = ()


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


def keep(result: Result, path: Path) -> None:
    """On a line of its own, also after a line that was cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            whole = file.read() == b"\n"
            file.write(b"" if whole else b"\n")
        file.write(json.dumps(asdict(result)).encode() + b"\n")


def of(results: Sequence[Result], case: Case) -> list[Result]:
    """The repetitions of a case."""
    return [each for each in results if (each.app, each.scenario) == (case.app, case.scenario) and not each.unfit]


def set_aside(results: Sequence[Result], case: Case) -> list[Result]:
    """What was run of it while the machine was not fit."""
    return [each for each in results if (each.app, each.scenario) == (case.app, case.scenario) and each.unfit]


def run_one(case: Case, commit: str) -> Result:
    with tempfile.TemporaryDirectory(prefix="confusion-") as folder:
        ended = run_once(case.scenario, case.target, Path(folder) / "run", *case.options)
    trials = ended.document.get("trials", [])
    verdicts = [told for trial in trials for told in trial["verdicts"]]
    outcomes = {told["check"]: told["verdict"] for told in verdicts}
    unfit = [told["check"] for told in verdicts if told["check"] not in case.unjudged and is_unfit(told)]
    return Result(case.app, case.scenario, commit, ended.code, outcomes, unfit if outcomes else ["everything"])


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
        mine, spoilt = of(results, case), set_aside(results, case)
        if mine:
            yield case, len(mine), [cell(case, mine, check.name) for check in CHECKS]
        elif spoilt:
            yield case, 0, [_seen(spoilt, check.name) for check in CHECKS]


def _seen(results: Sequence[Result], check: str) -> str:
    """Of runs that are no repetitions: what was said, expected or not."""
    return "".join(sorted({MARKS.get(each.outcomes.get(check, ""), "") for each in results}))


def table(cases: Sequence[Case], results: Sequence[Result]) -> Iterator[str]:
    """Aligned, to be read as it is; columns are numbered, for their names are too long to stand side by side."""
    lines = [["app", "scenario", "runs", "unfit", *(str(n) for n in range(1, len(CHECKS) + 1))]]
    for case, runs, cells in rows(cases, results):
        unfit = len(set_aside(results, case))
        lines.append([f"`{case.app}`", f"`{case.scenario}`", str(runs), str(unfit or ""), *cells])
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    for line in lines:
        yield "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |"


def _by_app(cases: Sequence[Case]) -> str:
    scenarios: dict[str, list[str]] = {}
    for case in cases:
        scenarios.setdefault(case.app, []).append(f"`{case.scenario}`")
    return "; ".join(f"`{app}` under {', '.join(names)}" for app, names in scenarios.items())


def page(cases: Sequence[Case], results: Sequence[Result]) -> Iterator[str]:
    yield HEAD
    yield "Checks: " + ", ".join(f"{n} `{check.name}`" for n, check in enumerate(CHECKS, 1)) + ".\n"
    yield from table(cases, results)
    if missing := [case for case in cases if not of(results, case) and not set_aside(results, case)]:
        yield f"\nNot run yet: {_by_app(missing)}."
    yield "\n## Why\n"
    for case in cases:
        for check, why in (*case.fails.items(), *case.unjudged.items()):
            yield f"- `{case.app}` under `{case.scenario}`, `{check}`: {why}"


def report(cases: Sequence[Case], results: Sequence[Result], repeat: int) -> int:
    print("\n".join(page(cases, results)))
    shown = list(rows(cases, results))
    wrong = [f"{case.app} under {case.scenario}" for case, _, cells in shown if any("!" in one for one in cells)]
    few = [case for case in cases if len(of(results, case)) < repeat]
    print(f"\n{sum(runs for _, runs, _ in shown)} runs of {len(shown)} cases; not as expected: {len(wrong)}")
    for name in wrong:
        print(f"  {name}")
    print(f"cases with fewer than {repeat} runs: {len(few)}")
    return 1 if wrong else 2 if few else 0


def waiting(cases: Sequence[Case], results: Sequence[Result], repeat: int) -> Iterator[tuple[int, Case]]:
    """What is still to be run: all cases once, then all again; last what the machine has often been unfit for."""
    hopeful = sorted(cases, key=lambda case: len(set_aside(results, case)))
    for repetition in range(repeat):
        yield from ((repetition, case) for case in hopeful if len(of(results, case)) <= repetition)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--app")
    parser.add_argument("--most", type=int, help="so many runs, then end")
    parser.add_argument("--jobs", type=int, default=1, help="so many at once")
    parser.add_argument("--state", type=Path, default=PAGE.with_suffix(".jsonl"))
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    cases, results = wanted(asked.app), read_state(asked.state)
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()
    due = [] if asked.report else list(waiting(cases, results, asked.repeat))
    with ThreadPoolExecutor(asked.jobs) as pool:
        running = {pool.submit(run_one, case, commit): (repetition, case) for repetition, case in due[: asked.most]}
        for future in as_completed(running):
            repetition, case = running[future]
            results.append(future.result())
            keep(results[-1], asked.state)
            aside = f", the machine was not fit for {', '.join(results[-1].unfit)}" if results[-1].unfit else ""
            print(f"{repetition + 1} of {asked.repeat}: {case}: exit {results[-1].exit_code}{aside}", file=sys.stderr)
    if asked.write:
        PAGE.write_text("\n".join(page(wanted(None), results)) + "\n", "utf-8")
    if asked.most is not None and list(waiting(cases, results, asked.repeat)):
        return 2
    return report(cases, results, asked.repeat)


if __name__ == "__main__":
    sys.exit(main())
