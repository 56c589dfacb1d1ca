"""The checklist as text, JSON, JUnit and page: what each must hold, and what it must never hold."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from made_audit import EVIL, FACTS, ROWS

from harness.audit.judge import of_audit
from harness.model.audit import Finding, RowVerdict
from reports.audit.document import audit_document
from reports.audit.junit import audit_junit
from reports.audit.page import audit_page
from reports.audit.text import audit_text, row_line

DIR = "runs/a b"
TEXT = """\
FAIL  app:app, 5 rows of the deployment checklist

  ✔ server          pass           1 pass, 1 not applicable
  ✖ logging         fail           1 fail, 1 pass
  ? migrations      inconclusive   1 inconclusive
  ? authentication  inconclusive   1 pass, 1 not applicable
  – testing         not applicable 1 declared

server: Is the server set up for production?
  ✔ workers-sized: 2 workers on 2 CPUs.
  – forwarded-headers: Nothing shows it.
      Declare: audit.declared.proxy

logging: Are the logs structured?
  ✖ no-secrets: A line holds canary in query.
      Change: Log the path alone.
  ✔ structured: All lines are JSON.
"""


class Words(HTMLParser):
    """What a reader sees, and the elements and links that are there."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.tags, self.ids, self.links = "", list[str](), set[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if name == "href" and value:
                self.links.append(value)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Words:
    words = Words()
    words.feed(page)
    words.close()
    return words


def page() -> str:
    return audit_page(DIR, FACTS, ROWS, "fail")


def cases(rows: tuple[RowVerdict, ...] = ROWS) -> dict[str, ET.Element]:
    root = ET.fromstring(audit_junit("app:app", rows))
    return {f"{case.get('classname')}.{case.get('name')}": case for case in root.iter("testcase")}


def test_text_tells_rows_first_and_the_worst_of_each_first() -> None:
    told = audit_text(DIR, "app:app", ROWS, "fail", ascii_only=False)
    assert told.startswith(TEXT), told
    assert "\x1b" not in told


def test_text_can_do_without_signs() -> None:
    told = audit_text(DIR, "app:app", ROWS, "fail", ascii_only=True)
    assert told.isascii()
    assert "  x no-secrets: A line" in told


def test_a_line_of_progress_has_the_verdict_in_words() -> None:
    assert row_line(ROWS[1]) == ("✖ fail logging: 1 fail, 1 pass", "dark_orange3")


def test_the_document_is_the_contract() -> None:
    document = audit_document(DIR, "app:app", ROWS, "fail")
    assert list(document) == ["schema_version", "run_dir", "target", "verdict", "rows"]
    rows = json.loads(json.dumps(document))["rows"]
    assert [(row["row"], row["verdict"]) for row in rows] == [(row.row, row.verdict) for row in ROWS]
    assert list(rows[1]["checks"][1]) == ["check", "verdict", "why", "evidence", "advice"]
    assert rows[0]["checks"][0]["evidence"] == {"workers": 2, "cpus": 2}


def test_junit_has_a_case_for_each_check_and_nothing_green_that_nobody_measured() -> None:
    found = cases()
    kinds = {name: [child.tag for child in case] for name, case in found.items()}
    assert kinds == {
        "server.workers-sized": ["system-out"],
        "server.forwarded-headers": ["skipped"],
        "logging.structured": ["system-out"],
        "logging.no-secrets": ["failure"],
        "migrations.way-back": ["error"],
        "authentication.no-token-refused": ["system-out"],
        "authentication.forged-token-refused": ["skipped"],
        "testing.ci": ["skipped"],
        "authentication.row": ["error"],
    }
    root = ET.fromstring(audit_junit("app:app", ROWS))
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "9",
        "failures": "1",
        "errors": "2",
        "skipped": "3",
    }


def test_the_page_leads_to_every_row() -> None:
    words = read(page())
    assert {f"#row-{row.row}" for row in ROWS} <= set(words.links)
    assert {link[1:] for link in words.links if link.startswith("#")} <= words.ids
    for row in ROWS:
        for finding in row.findings:
            assert finding.check in words.text
    assert "shakedown audit --row=logging" in words.text
    assert "shakedown judge 'runs/a b'" in words.text
    assert "Declare: audit.declared.proxy" in " ".join(words.text.split())


def test_hostile_text_stays_text() -> None:
    words = read(page())
    assert "script" not in words.tags
    assert "img" not in words.tags
    assert "<img src=x onerror=alert(1)>" in words.text
    for told in (page(), audit_text(DIR, EVIL, ROWS, "fail", ascii_only=False), audit_junit(EVIL, ROWS)):
        assert "\x1b" not in told


def test_the_page_fetches_nothing_and_is_the_same_again() -> None:
    assert not re.findall(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""", page())
    assert page() == page()


DECLARED = (RowVerdict("testing", "?", "not_applicable", (Finding("ci", "declared", "They say so."),)),)


@pytest.mark.parametrize("rows", [(), DECLARED])
def test_nothing_measured_is_not_green(rows: tuple[RowVerdict, ...]) -> None:
    verdict = of_audit(rows)
    assert verdict == "inconclusive"
    assert audit_text(DIR, "app:app", rows, verdict, ascii_only=False).startswith("INCONCLUSIVE")
    told = audit_page(DIR, FACTS, rows, verdict)
    assert "<title>? inconclusive" in told.lower()
    assert 'class="pass"' not in told
    assert not [case for case in cases(rows).values() if case.find("skipped") is None]
