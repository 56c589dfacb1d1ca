"""JUnit XML, as CI servers read it: the run is a suite, each check of each trial a case.

Fail becomes a failure. Inconclusive becomes an error with type "inconclusive": a check without data must not be green.
What does not apply is skipped, with its reason. A trial that was run again is told in a property of the suite.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from harness.model.verdict import Outcome, TrialVerdict, Verdict
from reports.plain import plain, printable
from reports.words import checks_told, config_told, explained_at, run_again_told

_TAG: dict[Outcome, str] = {"fail": "failure", "inconclusive": "error", "error": "error"}


def junit_xml(name: str, verdicts: Sequence[TrialVerdict]) -> str:
    """The XML text; `name` is the suite's, for instance the run directory."""
    cases: list[ET.Element] = []
    properties: list[tuple[str, str]] = []
    for trial, place in zip(verdicts, _places(verdicts), strict=True):
        cases += _cases(trial, place)
        properties += [(place, run_again_told(before)) for before in trial.set_aside]
    return suite_xml(name, cases, properties)


def suite_xml(name: str, cases: Sequence[ET.Element], properties: Sequence[tuple[str, str]] = ()) -> str:
    """One suite of these cases, with its counts; `properties` are names and values that are told of the whole."""
    counts = {
        "tests": len(cases),
        "failures": sum(1 for case in cases if case.find("failure") is not None),
        "errors": sum(1 for case in cases if case.find("error") is not None),
        "skipped": sum(1 for case in cases if case.find("skipped") is not None),
    }
    attributes = {"name": printable(name), **{key: str(count) for key, count in counts.items()}}
    root = ET.Element("testsuites", attributes)
    suite = ET.SubElement(root, "testsuite", attributes)
    if properties:
        told = ET.SubElement(suite, "properties")
        for key, value in properties:
            ET.SubElement(told, "property", {"name": key, "value": printable(value)})
    suite.extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _places(verdicts: Sequence[TrialVerdict]) -> list[str]:
    """A name for each trial that no other has: CI servers merge cases of one name."""
    seen: dict[str, int] = {}
    places = []
    for trial in verdicts:
        config = f"[{config_told(trial.config)}]" if trial.config else ""
        place = printable(trial.scenario + config)
        seen[place] = seen.get(place, 0) + 1
        places.append(place if seen[place] == 1 else f"{place}#{seen[place]}")
    return places


def _cases(trial: TrialVerdict, place: str) -> list[ET.Element]:
    cases = [_case(verdict, place) for verdict in trial.verdicts]
    for check in trial.not_applicable:
        case = _element(place, check.check)
        ET.SubElement(case, "skipped", {"message": printable(check.why)})
        cases.append(case)
    if trial.verdict != "pass" and all(verdict.verdict == "pass" for verdict in trial.verdicts):
        # Cut, in error, or nothing applied: no check says it, so the trial itself does.
        why = trial.note or checks_told(trial)
        cases.append(_case(Verdict("trial", trial.verdict, why), place))
    return cases


def _case(verdict: Verdict, place: str) -> ET.Element:
    case = _element(place, verdict.check)
    tag = _TAG.get(verdict.verdict)
    if tag is None:
        ET.SubElement(case, "system-out").text = printable(verdict.why)
        return case
    attributes = {"type": verdict.verdict, "message": printable(verdict.why)}
    ET.SubElement(case, tag, attributes).text = printable(_body(verdict))
    return case


def _element(place: str, check: str) -> ET.Element:
    return ET.Element("testcase", {"classname": place, "name": printable(check)})


def _body(verdict: Verdict) -> str:
    parts = [verdict.why]
    if verdict.advice:
        parts.append(f"Advice: {verdict.advice}")
    if place := explained_at(verdict):
        parts.append(f"Explained: {place}")
    if verdict.attributed_to != "app":
        parts.append(f"Attributed to: {verdict.attributed_to}")
    for name, values in (("Limits", verdict.limits), ("Evidence", verdict.evidence)):
        if values:
            parts.append(f"{name}: {json.dumps(plain(values), ensure_ascii=False)}")
    return "\n".join(parts)
