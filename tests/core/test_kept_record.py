"""The rules of today on a record of yesterday, without a process: whoever changes a rule sees it before all else runs.

tests/shell/test_judge_again.py asks the same of the command, byte for byte, and writes the golden file anew.
"""

import json
from pathlib import Path

from harness.checks.judge import judge_trial
from harness.record import read_trial, trial_folders
from reports.document import run_document

RECORD = Path(__file__).parents[1] / "data" / "short-run"


def test_a_record_that_is_kept_is_judged_as_it_ever_was() -> None:
    verdicts = [judge_trial(read_trial(folder)) for folder in trial_folders(RECORD)]
    told = json.loads(json.dumps(run_document("run", "target", verdicts)))["trials"]
    assert told == json.loads(RECORD.with_name("short-run.trials.json").read_text("utf-8")), (
        "Read the difference; if it is meant:"
        " SHAKEDOWN_UPDATE=1 python -m pytest tests/shell/test_judge_again.py -k kept writes it anew."
    )
