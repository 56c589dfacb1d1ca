"""How long does a boot take, warm: from the start of the server until each worker has answered and is ready?

    .venv/bin/python benchmarks/boot.py [RUN_DIR…]

Read from the boot phase of the trials in run directories; without any, the baseline is run three times. The record
ends that phase when the load driver is loaded too, which goes on beside it, so the figure is no less than the truth.
The first trial of a run may find cold files: it is shown and not judged. Goal: at most 3 s.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.model.observation import BootEnded
from harness.record import read_trial, trial_folders

ROOT = Path(__file__).resolve().parent.parent
GOAL_S = 3.0
REPEAT = 3


def boots_of(run_dir: Path) -> list[tuple[str, float, int]]:
    """Trial, seconds, workers: of every boot that came to its end."""
    found = []
    for folder in trial_folders(run_dir):
        record = read_trial(folder)
        for boot in record.of(BootEnded):
            if boot.ok:
                found.append((folder.name, (boot.done_ns - boot.sent_ns) / 1e9, record.trial.workers))
    return found


def run_baseline(run_dir: Path) -> int:
    command = [str(ROOT / "shakedown"), "run", "baseline", "--repeat", str(REPEAT), "--out", str(run_dir), "--quiet"]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode


def measure(run_dirs: list[Path]) -> int:
    warm: list[float] = []
    for run_dir in run_dirs:
        for index, (trial, took_s, workers) in enumerate(boots_of(run_dir)):
            print(f"{trial:<20} {workers} workers  {took_s:5.2f} s{'  (first of its run)' if index == 0 else ''}")
            if index:
                warm.append(took_s)
    if not warm:
        print("No warm boot in these records: a run with two trials or more is needed.")
        return 2
    verdict = "met" if max(warm) <= GOAL_S else "missed"
    print(f"{len(warm)} warm boots: median {statistics.median(warm):.2f} s, worst {max(warm):.2f} s")
    print(f"goal {GOAL_S:g} s: {verdict}")
    return 0 if verdict == "met" else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run_dirs", type=Path, nargs="*", metavar="RUN_DIR")
    options = parser.parse_args()
    if options.run_dirs:
        return measure(options.run_dirs)
    with tempfile.TemporaryDirectory(prefix="shakedown-boot-") as folder:
        run_dir = Path(folder) / "run"
        code = run_baseline(run_dir)
        if code not in (0, 1, 2):
            print(f"`shakedown run baseline` ended with exit {code}; nothing was measured.")
            return 2
        return measure([run_dir])


if __name__ == "__main__":
    sys.exit(main())
