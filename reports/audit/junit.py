"""The checklist as JUnit XML: a row is a class, each check a case. What nobody measured is skipped, never green."""

from __future__ import annotations

import json
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from harness.model.audit import Finding, RowVerdict
from reports.junit import suite_xml
from reports.plain import plain, printable

_TAG = {"fail": "failure", "inconclusive": "error"}


def audit_junit(name: str, rows: Sequence[RowVerdict]) -> str:
    cases = [_case(row.row, finding) for row in rows for finding in row.findings]
    cases += [_untested(row) for row in rows if _untested_only(row)]
    return suite_xml(name, cases)


def _untested_only(row: RowVerdict) -> bool:
    """Inconclusive although no check is: an essential one was not measured."""
    return row.verdict == "inconclusive" and all(finding.verdict != "inconclusive" for finding in row.findings)


def _untested(row: RowVerdict) -> ET.Element:
    case = ET.Element("testcase", {"classname": row.row, "name": "row"})
    why = "An essential check of this row was not measured."
    ET.SubElement(case, "error", {"type": "inconclusive", "message": why})
    return case


def _case(row: str, finding: Finding) -> ET.Element:
    case = ET.Element("testcase", {"classname": row, "name": finding.check})
    why = printable(finding.why)
    if finding.verdict in ("not_applicable", "declared"):
        ET.SubElement(case, "skipped", {"message": f"{finding.verdict.replace('_', ' ')}: {why}"})
    elif tag := _TAG.get(finding.verdict):
        body = "\n".join(
            part
            for part in (why, printable(finding.advice), json.dumps(plain(finding.evidence), ensure_ascii=False))
            if part
        )
        ET.SubElement(case, tag, {"type": finding.verdict, "message": why}).text = printable(body)
    else:
        ET.SubElement(case, "system-out").text = why
    return case
