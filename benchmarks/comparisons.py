"""Does `compare` cry wolf, and does it see a real change? Real runs of one configuration, drawn into comparisons.

    .venv/bin/python -m benchmarks.comparisons [--blocks 30] [--most N] [--state FILE] [--report]

A block is three runs in random order: two of one configuration (the reference API asks its pricing stub for each
request) and one whose stub takes longer by a fifth of the median response. Every run is a deployment of its own, with
its own database, proxies and stub. Each result is kept in the state file as it comes, so that an interrupted series
goes on where it was; `--most N` ends after N runs, with 2 while any is left.

Comparisons are then drawn: five blocks each, BASE and NEW turned at random where both are the same. The code of
`compare` judges them, and leaves out what it would leave out. Without a change every answer but "no difference seen" is
a false alarm (goal: at most 5 %); with the change planted, the answer "worse" is wanted (goal: at least 90 %). A change
that turned out larger than a fifth is also told brought down to one, and that decides. Draws share their blocks, so the
interval of a share is found by drawing the blocks themselves again, with repetition. A goal is missed when the interval
contradicts it. Beside them stands what a test over all requests of two equal runs would say.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.comparisons_drawn import FIRST, PLANTED, Result, report
from benchmarks.quick import commit
from benchmarks.series import keep_line, read_lines
from harness.checks.judge import judge_trial
from harness.model.record import TrialRecord
from harness.model.rows import ANSWERED, in_group
from harness.record import read_trial, trial_folders
from harness.tuning.comparison import Measured
from harness.tuning.metrics import measure

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / "runs" / "benchmark-comparisons.jsonl"
RATE_RPS, BASELINE_S = 100, 5
SERVICE_MS = 7

SCENARIO = f"""
from harness.model.scenario import Scenario

SCENARIO = Scenario("brief-baseline", "How fast is it when nothing is wrong?", baseline_s={BASELINE_S})
"""
TARGET = f"""
[target]
app = "target_api.main:app"
workers = 2
live = "/health"
ready = "/ready"
ready_needs = ["postgres"]
setup = ["python -m alembic -c {ROOT}/target_api/alembic.ini upgrade head"]

[target.env]
PYTHONPATH = "{ROOT}"
DATABASE_URL = "postgresql://{{postgres.user}}:{{postgres.password}}@{{postgres.host}}:{{postgres.port}}/{{postgres.database}}"
PRICING_URL = "{{pricing.url}}"
TOKEN_KEYS = "k1:{{secret.k1}}"
DRAIN_DELAY_S = "0.5"

[target.gunicorn]
config = "{ROOT}/target_api/gunicorn.conf.py"

[parts.postgres]

[parts.pricing]
kind = "http"

[[parts.pricing.routes]]
path = "/prices/*"
json = {{ cents = 1200 }}
latency_ms = LATENCY

[load]
rate_rps = {RATE_RPS}

[[load.requests]]
path = "/quotes/anchor"
needs = ["pricing"]
"""


def order(block: int) -> list[bool]:
    """Which of the three runs of a block is planted: random, and the same again; in the first block none is."""
    runs = [False, False, block != FIRST]
    random.Random(f"comparisons/{block}").shuffle(runs)
    return runs


def due(results: Sequence[Result], blocks: int) -> Iterator[tuple[int, int, bool]]:
    done = {(each.block, each.place) for each in results}
    for block in range(FIRST, blocks):
        for place, planted in enumerate(order(block)):
            if (block, place) not in done:
                yield block, place, planted


def planted_ms(results: Sequence[Result]) -> int:
    """The stub's time with a fifth of the median response on top, as the runs before the first block had it.

    In whole milliseconds, for a timer of asyncio waits so many.
    """
    first = [each.values["p50_ms"] for each in results if each.block == FIRST and "p50_ms" in each.values]
    if not first:
        raise SystemExit("The runs before the first block measured nothing, so nobody knows what a fifth is.")
    return SERVICE_MS + round(PLANTED * median(first))


def run_one(block: int, place: int, planted: bool, service_ms: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="comparisons-") as name:
        folder = Path(name)
        (folder / "brief.py").write_text(SCENARIO)
        (folder / "shakedown.toml").write_text(TARGET.replace("LATENCY", str(service_ms)))
        words = ["run", str(folder / "brief.py"), "--target", str(folder / "shakedown.toml"), "--json", "--quiet"]
        command = [
            sys.executable,
            "-m",
            "harness.cli.main",
            *words,
            "--seed",
            str(block - FIRST),
            "--out",
            str(folder / "run"),
        ]
        ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
        if ended.returncode in (64, 130, 143):
            raise SystemExit(f"The run was not made (exit {ended.returncode}), so it is no result.")
        found = trial_folders(folder / "run") if (folder / "run" / "trials").is_dir() else []
        records = [record for each in found if (record := read_trial(each)).whole]
        measured = [Measured(measure(record), judge_trial(record)) for record in records]
    values = dict(measured[0].values) if measured else {}
    spoilt = [] if not measured or measured[0].sound else _spoilt(measured[0])
    times = times_us(records[0]) if records else []
    return Result(block, place, planted, service_ms, commit(), ended.returncode, values, spoilt, times)


def times_us(record: TrialRecord) -> list[int]:
    span = record.phase("baseline")
    if span is None:
        return []
    rows = record.samples[in_group(record.samples, ANSWERED)]
    rows = rows[(rows["intended"] >= span.start_ns) & (rows["intended"] < span.end_ns)]
    return [int(each) // 1000 for each in rows["done"] - rows["intended"]]


def _spoilt(measured: Measured) -> list[str]:
    return [each.check for each in measured.verdict.verdicts if each.verdict == "inconclusive"] or ["starts"]


def read_state(path: Path) -> list[Result]:
    return [Result(**line) for line in read_lines(path)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=30)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--most", type=int, help="so many runs, then end")
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--report", action="store_true", help="only print what the state file holds")
    asked = parser.parse_args()
    results = read_state(asked.state)
    left = [] if asked.report else list(due(results, asked.blocks))
    for block, place, planted in left[: asked.most]:
        result = run_one(block, place, planted, planted_ms(results) if planted else SERVICE_MS)
        results.append(result)
        keep_line(asdict(result), asked.state)
        p50 = result.values.get("p50_ms", float("nan"))
        aside = f", left out for {', '.join(result.spoilt)}" if result.spoilt else ""
        print(f"block {block}, run {place}{', planted' if planted else ''}: p50 {p50:.2f} ms{aside}", flush=True)
    if not asked.report and any(due(results, asked.blocks)):
        print(f"{len(results)} of {3 * (asked.blocks - FIRST)} runs so far")
        return 2
    return report(results, asked.pairs)


if __name__ == "__main__":
    sys.exit(main())
