"""The document, the text summary and JUnit XML, from verdicts that a test makes up."""

import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from harness.cli.results import wants_color
from harness.model.verdict import NotApplicable, Outcome, TrialVerdict, Verdict
from reports.document import run_document
from reports.junit import junit_xml
from reports.plain import plain, printable
from reports.text import summarise
from reports.view import RunView

BASELINE = TrialVerdict(
    scenario="baseline",
    config={},
    faults=(),
    verdict="pass",
    verdicts=(Verdict("starts", "pass", "2 of 2 workers answered."), Verdict("recovers", "pass", "Back after 0.4 s.")),
    not_applicable=(),
)
REFUSED = TrialVerdict(
    scenario="db-refused",
    config={"workers": 2},
    faults=("postgres.refuse",),
    verdict="fail",
    verdicts=(
        Verdict("starts", "pass", "2 of 2 workers answered."),
        Verdict("fault-proven", "inconclusive", "No canary was sent.", attributed_to="rig"),
        Verdict("error-budget", "inconclusive", "fault-proven did not pass."),
        Verdict("requests-bounded", "inconclusive", "fault-proven did not pass."),
        Verdict(
            "recovers",
            "fail",
            "Not ready 5.0 s after the fault was lifted (limit 5 s, 12 probes).",
            evidence={"recovered_s": 7.123456789, "pids": (11, 12), "nan": float("nan")},
            limits={"recover_s": 5.0},
            premises=("starts", "fault-proven"),
            advice="Let the pool replace broken connections.",
        ),
    ),
    not_applicable=(NotApplicable("nothing-lost", "The target has no ledger."),),
)
CUT = TrialVerdict("drain", {}, ("server.sigterm",), "inconclusive", (), (), note="The record is cut.")


def test_document_has_exactly_the_keys_of_the_contract_in_order() -> None:
    body = run_document("runs/x", "reference.toml", [BASELINE, REFUSED])
    assert list(body) == ["schema_version", "run_dir", "target", "verdict", "trials"]
    assert body["verdict"] == "fail"
    trial = json.loads(json.dumps(body, allow_nan=False))["trials"][1]
    assert list(trial) == ["scenario", "config", "faults", "verdict", "verdicts", "not_applicable"]
    assert trial["verdicts"][4] == {
        "check": "recovers",
        "verdict": "fail",
        "why": "Not ready 5.0 s after the fault was lifted (limit 5 s, 12 probes).",
        "evidence": {"recovered_s": 7.123457, "pids": [11, 12], "nan": None},
        "limits": {"recover_s": 5.0},
        "premises": ["starts", "fault-proven"],
        "attributed_to": "app",
        "advice": "Let the pool replace broken connections.",
        "explained": "docs/verdicts.md#recovers",
    }
    assert [verdict["check"] for verdict in trial["verdicts"] if "explained" in verdict] == ["recovers"]
    assert trial["not_applicable"] == [{"check": "nothing-lost", "why": "The target has no ledger."}]


def test_a_note_is_told_where_there_is_one() -> None:
    trials = json.loads(json.dumps(run_document("d", "t", [CUT])))["trials"]
    assert trials[0]["note"] == "The record is cut."


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ((), "inconclusive"),
        (("pass", "pass"), "pass"),
        (("pass", "inconclusive"), "inconclusive"),
        (("inconclusive", "fail"), "fail"),
        (("fail", "error"), "error"),
    ],
)
def test_the_run_is_as_good_as_its_worst_trial(outcomes: tuple[Outcome, ...], verdict: str) -> None:
    trials = [TrialVerdict("s", {}, (), outcome, (), ()) for outcome in outcomes]
    assert run_document("d", "t", trials)["verdict"] == verdict


def test_values_become_plain_json() -> None:
    assert plain(np.float64(1.23456789)) == 1.234568
    assert plain(np.int64(3)) == 3
    assert plain(np.array([1, 2])) == [1, 2]
    assert plain({1: {"b", "a"}, "x": float("inf")}) == {"1": ["a", "b"], "x": None}
    assert plain(True) is True
    assert plain(b"\xff") == "b'\\xff'"


def test_text_shows_no_escape_codes_of_the_app() -> None:
    assert printable("a\x1b[31mred\x1b[0m\x1b]0;title\x07\x00\ud800b") == "ared\ufffd\ufffdb"


GOLDEN = """\
✖ FAIL  3 trials of reference.toml: 1 failed, 1 inconclusive, 1 passed

✔ baseline    2 checks passed
✖ db-refused  1 failed, 3 inconclusive, 1 passed
    ✖ recovers: Not ready 5.0 s after the fault was lifted (limit 5 s, 12 probes).
      → Let the pool replace broken connections.
        docs/verdicts.md#recovers
    ? fault-proven: No canary was sent.
    ? error-budget, requests-bounded: fault-proven did not pass.
? drain       nothing was judged
    The record is cut.

Not sure     docs/troubleshooting.md#a-verdict-is-inconclusive
Report       runs/my run/report.html
Judge again  shakedown judge 'runs/my run'
"""


def test_text_is_the_golden_text() -> None:
    assert summarise("runs/my run", "reference.toml", [BASELINE, REFUSED, CUT], color=False) == GOLDEN


def test_a_known_limit_of_the_server_is_told_under_the_trial_that_passed() -> None:
    limit = Verdict("recovers", "pass", "The server ended.", attributed_to="server", advice="Start it again.")
    others = (Verdict("starts", "pass", "2 of 2."), Verdict("drains", "pass", "A word.", attributed_to="rig"))
    text = summarise("r", "t", [TrialVerdict("worker-killed", {}, (), "pass", (*others, limit), ())], color=False)
    told = text.splitlines()[2:6]
    assert told == [
        "✔ worker-killed  3 checks passed",
        "    ✔ recovers: The server ended.",
        "      → Start it again.",
        "",
    ]


def test_an_advice_stands_once_under_a_trial() -> None:
    verdicts = tuple(
        Verdict(check, "fail", f"It had ended at {check}.", advice="Start it again.")
        for check in ("recovers", "starts")
    )
    trials = [TrialVerdict(name, {}, (), "fail", verdicts, ()) for name in ("worker-killed", "drain")]
    told = [line for line in summarise("r", "t", trials, color=False).splitlines() if line.startswith("    ")]
    one = [line for line in told if not line.startswith("        ")][:3]
    assert one[0].endswith("recovers: It had ended at recovers.")
    assert one[1:] == ["      → Start it again.", "    ✖ starts: It had ended at starts."]
    assert sum("Start it again." in line for line in told) == 2, "once for each trial"


def test_color_adds_codes_and_nothing_else() -> None:
    from re import sub

    colored = summarise("runs/my run", "reference.toml", [BASELINE, REFUSED, CUT], color=True)
    assert "\x1b[" in colored
    assert sub(r"\x1b\[[0-9;]*m", "", colored) == GOLDEN


def test_ascii_only_is_ascii_and_narrow_text_is_wrapped() -> None:
    text = summarise("runs/x", "tärget", [BASELINE, REFUSED, CUT], color=False, ascii_only=True, width=60)
    assert text.isascii()
    assert "x db-refused" in text
    assert max(len(line) for line in text.splitlines()[2:]) <= 66


def test_the_last_words_of_a_server_that_did_not_come_up_are_shown() -> None:
    log = "\n".join(f"line {n}" for n in range(30)) + "\n\nImportError: \x1b[31mno\x1b[0m module\n" + "y" * 500 + "\n"
    down = Verdict("starts", "fail", "It did not come up.", evidence={"log_tail": log}, advice="Read it.")
    text = summarise("r", "t", [TrialVerdict("baseline", {}, (), "fail", (down,), ())], color=False)
    shown = [line.strip() for line in text.splitlines() if "| " in line]
    assert shown == [*(f"| line {n}" for n in range(22, 30)), "| ImportError: no module", f"| {'y' * 160}…"]
    assert text.index("yyy") < text.index("Read it.")


def test_a_page_that_is_not_there_is_not_named() -> None:
    text = summarise("runs/x", "t", [BASELINE], color=False, has_page=False)
    assert "Report       shakedown report runs/x\n" in text
    assert "report.html" not in text


@pytest.mark.parametrize(
    ("env", "wanted"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_color_is_for_those_who_want_it(env: dict[str, str], wanted: bool) -> None:
    assert wants_color(env) is wanted


def test_a_trial_that_never_began_is_no_pass() -> None:
    plan: list[dict[str, object]] = [
        {"trial": name, "scenario": name[3:], "config": {}} for name in ("01-baseline", "02-db-refused", "03-drain")
    ]
    facts = {"plan": plan}
    assert [trial.scenario for trial in RunView("r", "t", facts, ()).missing] == ["baseline", "db-refused", "drain"]
    odds: tuple[object, ...] = (None, 3, ["x"], [{}])
    for odd in odds:
        assert RunView("r", "t", {"plan": odd}, ()).trials == ()
        assert run_document("r", "t", RunView("r", "t", {"plan": odd}, ()).verdicts)["verdict"] == "inconclusive"
    text = summarise("r", "t", [BASELINE, *RunView("r", "t", facts, ()).missing[1:]], color=False)
    assert text.startswith("? INCONCLUSIVE  3 trials of t: 2 inconclusive, 1 passed\n")
    assert "\n? db-refused, drain\n    Planned and never begun" in text


def test_text_of_nothing() -> None:
    text = summarise("runs/x", "t", [], color=False)
    assert text.startswith("? INCONCLUSIVE  0 trials of t: nothing was run")


def test_trials_of_one_scenario_are_told_apart() -> None:
    two = TrialVerdict("baseline", {"workers": 4}, (), "pass", BASELINE.verdicts, ())
    assert "✔ baseline [workers=4]  2 checks passed" in summarise("r", "t", [two, two], color=False)


def test_junit_counts_and_places() -> None:
    root = ET.fromstring(junit_xml("runs/x", [BASELINE, REFUSED, BASELINE, CUT]))
    suite = root.find("testsuite")
    assert suite is not None
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "11", "failures": "1", "errors": "4", "skipped": "1"}
    names = [(case.get("classname"), case.get("name")) for case in suite]
    assert len(set(names)) == len(names)
    assert ("db-refused[workers=2]", "recovers") in names
    assert ("baseline#2", "starts") in names
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "Advice: Let the pool" in (failure.text or "")
    assert "Explained: docs/verdicts.md#recovers" in (failure.text or "")
    assert {error.get("type") for error in suite.iter("error")} == {"inconclusive"}


def test_junit_survives_hostile_text() -> None:
    hostile = Verdict("a<b", "fail", "<script>\x00\x1b[31m]]>&\"'", evidence={"<k>": "\ud800"})
    root = ET.fromstring(junit_xml("<run>", [TrialVerdict("s", {}, (), "fail", (hostile,), ())]))
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == "<script>\ufffd]]>&\"'"
