"""The reference pages say what the code says: nothing is missing there, nothing is invented, no link is dead."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from harness import booting, phases, timeline
from harness.audit import ROWS
from harness.checks import CHECKS
from harness.checks.check import PREMISES, Check
from harness.cli.verbs import VERBS, verb
from harness.faults import FAULTS
from harness.model.known_limit import KnownLimit
from harness.model.observation import Observation
from harness.model.rows import ROW, Flag, Outcome
from harness.model.scenario import Scenario
from harness.model.target import Limits, ProbeSpec, Slo
from harness.servers import SERVERS
from harness.target import load_target
from harness.target_table import Table
from scenarios import SCENARIOS, SUITES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")),
]
ROOMS = ("harness", "scenarios", "reports", "target_api", "benchmarks", "tests")
ON = {
    "link": "`ingress`, a part",
    "http": "an HTTP part",
    "postgres": "a PostgreSQL part",
    "worker": "`worker`",
    "server": "`server`",
    "client": "`client`",
}


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def section(text: str, heading: str) -> str:
    """From a heading to the next one of its level or above."""
    level = heading.split(" ", 1)[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {heading!r}"
    return found.group(1)


def rows(text: str) -> list[list[str]]:
    """The cells of every table row below its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for i, row in enumerate(cells) if not set("".join(row)) <= {"-"} and not _is_head(cells, i)]


def _is_head(cells: list[list[str]], i: int) -> bool:
    return i + 1 < len(cells) and set("".join(cells[i + 1])) == {"-"}


def code(cell: str) -> str:
    return cell.strip("`")


def test_each_check_has_a_section_in_the_order_of_judging() -> None:
    told = re.findall(r"^### (.+)$", page("verdicts.md"), re.MULTILINE)
    assert told == [check.name for check in CHECKS]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_is_told_as_it_asks_and_with_its_premises(check: Check) -> None:
    text = section(page("verdicts.md"), f"### {check.name}")
    assert text.strip().splitlines()[0] == check.asks
    assert f"Premises: {', '.join(check.premises) or 'none'}." in text
    if check.name not in PREMISES:
        assert "fails when" in text.lower()
        assert "Change: " in text
    assert re.findall(r"Finds \[(.+)\]\(failure-modes\.md", text) == ([", ".join(check.finds)] if check.finds else [])
    assert check.finds or "Finds no failure mode of a service: " in text


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_docstring_of_a_check_says_what_it_finds(check: Check) -> None:
    """By number and by the name that the page has for it."""
    names = dict(re.findall(r"^\| (F\d\d) \| ([^|]+) \|", page("failure-modes.md"), re.MULTILINE))
    docstring = " ".join((sys.modules[check.judge.__module__].__doc__ or "").split())
    _, begins, said = docstring.partition("Finds ")
    assert begins
    assert dict(re.findall(r"(F\d\d) \(([^)]+)\)", said)) == {number: names[number] for number in check.finds}
    assert re.findall(r"\bF\d\d\b", said) == list(check.finds)
    assert check.finds or said.startswith("no failure mode of a service: ")


def test_each_objective_has_its_reason() -> None:
    told = {code(row[0]): row[2] for row in rows(section(page("verdicts.md"), "## Limits")) if len(row) == 3}
    for item in fields(Slo):
        assert len(told[f"slo.{item.name}"].split()) > 12, "what it is, and why the default is what it is"


@pytest.mark.parametrize("path", sorted((ROOT / "harness/checks").glob("*.py")), ids=lambda path: path.stem)
def test_a_verdict_that_fails_says_what_to_change(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == "failed":
            assert "advice" in {word.arg for word in call.keywords}, f"line {call.lineno}"


def test_each_limit_has_its_default_and_its_reason() -> None:
    told = {code(row[0]): (row[1], row[2]) for row in rows(section(page("verdicts.md"), "## Limits")) if len(row) == 3}
    for item in fields(Limits):
        default, why = told[item.name]
        assert float(default) == item.default, item.name
        assert why, item.name


def test_objectives_and_probes_have_their_defaults() -> None:
    told = {code(row[0]): row[1] for row in rows(section(page("verdicts.md"), "## Limits"))}
    for prefix, kind in (("slo", Slo), ("probes.*", ProbeSpec)):
        for item in fields(kind):
            assert float(told[f"{prefix}.{item.name}"]) == item.default, item.name


def test_no_limit_is_told_that_is_not_there() -> None:
    told = {code(row[0]) for row in rows(section(page("verdicts.md"), "## Limits"))}
    there = {item.name for item in fields(Limits)}
    there |= {f"slo.{item.name}" for item in fields(Slo)} | {f"probes.*.{item.name}" for item in fields(ProbeSpec)}
    assert told == there


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_is_told_as_it_is(scenario: Scenario) -> None:
    told = {code(row[0]): row for row in rows(section(page("scenarios-and-faults.md"), "## Scenarios"))}
    _, asks, faults, ready, needs = told[scenario.name]
    assert asks == scenario.asks
    assert ready == scenario.ready
    assert re.findall(r"`([a-z]+\.[a-z-]+)`", faults.replace("`slo.deadline_s`", "")) == [u.id for u in scenario.faults]
    for use in scenario.faults:
        assert use.for_s is None or f"for {use.for_s:g} s" in faults
        assert all(f"{value:g} ms" in faults for name, value in use.parameters.items() if name == "latency_ms")
        assert use.outlasts_deadline == ("slo.deadline_s" in faults)
    assert re.findall(r"`(\w+)`", needs) == list(scenario.requires)
    assert (f"{scenario.min_workers} workers" in needs) == (scenario.min_workers > 1)
    for key in scenario.settings:
        assert f"`{key}`" in page("scenarios-and-faults.md")


def test_no_scenario_and_no_suite_is_missing_or_invented() -> None:
    text = page("scenarios-and-faults.md")
    assert [code(row[0]) for row in rows(section(text, "## Scenarios"))] == [each.name for each in SCENARIOS]
    suites = {code(row[0]): tuple(re.findall(r"`([^`]+)`", row[1])) for row in rows(section(text, "## Suites"))}
    assert suites == dict(SUITES)


def test_faults_are_told_as_they_are() -> None:
    told = [
        (
            code(name),
            on,
            does,
            re.findall(r"`(\w+)` = (-?\d+) \((-?\d+) to (\d+)\)", parameters),
            re.findall(r'`(\w+)` = "([^"]*)" \(([^)]*)\)', parameters),
        )
        for name, on, does, parameters in rows(section(page("scenarios-and-faults.md"), "## Faults"))
    ]
    assert told == [
        (
            spec.name,
            ON[spec.on],
            spec.does,
            [(p.name, f"{p.default:.0f}", f"{p.low:.0f}", f"{p.high:.0f}") for p in spec.parameters],
            [(c.name, c.default, c.takes) for c in spec.choices],
        )
        for spec in FAULTS
    ]


def test_the_fields_of_a_scenario_are_told() -> None:
    text = section(page("scenarios-and-faults.md"), "## A scenario of your own")
    told = re.findall(r"`([a-z_]+)`", " ".join(row[0] for row in rows(text)))
    assert sorted(told) == sorted(item.name for item in fields(Scenario))


def test_the_scenario_of_the_page_is_one() -> None:
    text = section(page("scenarios-and-faults.md"), "## A scenario of your own")
    source = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert source
    names: dict[str, object] = {}
    exec(source.group(1), names)
    assert isinstance(names["SCENARIO"], Scenario)


def test_observations_are_told_with_their_fields() -> None:
    told = {
        code(row[0]): set(re.findall(r"`(\w+)`", row[2]))
        for row in rows(section(page("the-record.md"), "## Observations"))
    }
    there = {}
    for kind in get_args(Observation):
        names = {item.name for item in fields(kind)} - {"kind", "sent_ns", "done_ns"}
        there[next(str(item.default) for item in fields(kind) if item.name == "kind")] = names
    assert told == there


def test_rows_codes_and_flags_are_told() -> None:
    told = rows(section(page("the-record.md"), "## Rows"))
    assert [(code(row[0]), f"<{row[1]}") for row in told if row[0].startswith("`")] == ROW.descr
    numbered = [(row[1], int(row[0])) for row in told if row[0].isdigit()]
    assert numbered == [(each.name, each.value) for each in [*Outcome, *Flag]]
    assert f"{ROW.itemsize} bytes" in page("the-record.md")


def test_the_lengths_of_the_phases_are_those_that_a_trial_has() -> None:
    told = {row[0]: row[1] for row in rows(section(page("how-a-trial-runs.md"), "## The phases"))}
    assert told["boot"].endswith(f"at most {booting.BOOT_S:g} s")
    assert told["warmup"] == f"{timeline.WARMUP_S:g} s, at most {timeline.WARMUP_CAP_S:g} s"
    defaults = {item.name: item.default for item in fields(Scenario)}
    assert f"{defaults['baseline_s']:g} s as a rule" in told["baseline"]
    assert told["recovery"].startswith(f"{phases.RECOVERY_MIN_S:g} s")
    assert told["recovery"].endswith(f"{defaults['recovery_s']:g} s")


@pytest.mark.parametrize("name", VERBS)
def test_the_options_of_a_verb_are_told(name: str) -> None:
    text = section(page("command-line.md"), f"## {name}")
    told = [code(row[0]).split(" ")[0] for row in rows(text)]
    assert told == [option.opts[0] for option in verb(name).params if isinstance(option, click.Option)]


def test_no_verb_is_missing_or_invented() -> None:
    told = re.findall(r"^    shakedown ([a-z]+)", page("command-line.md"), re.MULTILINE)
    assert sorted(told) == sorted(str(verb(name).name) for name in VERBS)


def test_the_readme_counts_what_there_is() -> None:
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    faults, scenarios, suites = (
        words[count] if count < len(words) else str(count) for count in map(len, (FAULTS, SCENARIOS, SUITES))
    )
    told = f"{faults} kinds of fault, {scenarios} scenarios, {suites} suite"
    assert told in (ROOT / "README.md").read_text("utf-8").lower()


def test_the_readme_names_every_server() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    line = next(line for line in readme.splitlines() if line.startswith("- Servers: "))
    assert re.findall(r"`([a-z-]+)`", line) == [server.id for server in SERVERS]


def test_the_page_of_servers_has_each_of_them_with_its_signals() -> None:
    table = page("servers.md").split("\n\n")[2].splitlines()
    heads, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    told = {line[0]: line[1:] for line in lines}
    assert [code(cell) for cell in heads[1:]] == [server.id for server in SERVERS]
    assert [code(cell) for cell in told["options"]] == [f"[target.{server.table}]" for server in SERVERS]
    for name, cells in told.items():
        for signal in re.findall(r"`server\.([a-z-]+)`", name):
            assert [cell == "yes" for cell in cells] == [signal in server.takes for server in SERVERS], signal


def test_known_limits_are_told_as_they_are() -> None:
    told = [
        (code(row[0]), code(row[1]), re.findall(r"`([a-z-]+)`", row[2]), *row[3:])
        for row in rows(section(page("servers.md"), "## Known limits"))
    ]
    assert told == [
        (server.id, known.fault, list(known.checks), known.says, _bound(known), *_seen(known))
        for server in SERVERS
        for known in server.known_limits
    ]


def _bound(known: KnownLimit) -> str:
    words = {"silence": "silent", "end": "ends", "orphans": "left"}
    word = words.get(known.shows, known.shows)
    return f"{word}: {known.most}" if known.most else word


def _seen(known: KnownLimit) -> tuple[str, str]:
    return known.versions, known.source


def test_every_number_that_the_code_names_is_told() -> None:
    told = {row[0] for row in rows(page("failure-modes.md"))}
    sources = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    named = {number for path in sources for number in re.findall(r"\b[FT][0-9]{2}\b", path.read_text("utf-8"))}
    assert sources
    assert named - told == set()


def test_every_key_of_a_target_file_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The keys that the readers ask for, table by table, are those of the page."""
    asked: dict[str, set[str]] = {}
    done = Table.done

    def note(table: Table, **later: Any) -> None:
        asked.setdefault(_heading(table.path), set()).update(table.known)
        done(table, **later)

    monkeypatch.setattr(Table, "done", note)
    load_target(ROOT / "reference.toml", {})
    rest = '[target]\napp = "a:b"\n[auth]\npath = "/login"\n[audit.tokens]\nkey = "k"\n[parts.postgres]\n'
    rest += '[[scenarios.own.faults]]\nfault = "postgres.refuse"\n'
    (tmp_path / "shakedown.toml").write_text(rest)
    load_target(tmp_path / "shakedown.toml", {})
    text = page("target-file.md")
    inner = {"target": {"env", *(server.table for server in SERVERS)}}
    parts = ("parts.NAME", "parts.NAME.routes")
    audit = ("audit", "audit.cors", "audit.tokens", "audit.declared")
    tune = ("tune.knobs", "tune.timeouts")
    own = ("scenarios.NAME", "scenarios.NAME.faults")
    tables = ("target", *own, *parts, *audit, "load", "load.requests", "auth", "ledger", "probes.live", "slo", *tune)
    for heading in tables:
        title = next(line for line in text.splitlines() if line.startswith("## ") and f"[{heading}" in line)
        told = {code(row[0]) for row in rows(section(text, title))}
        assert asked[heading] - inner.get(heading, set()) == told, heading


def _heading(path: str) -> str:
    """A table's path as the page has it."""
    return re.sub(r"^(parts|scenarios)\.\w+", r"\1.NAME", re.sub(r"\[\d+\]", "", path))


@pytest.mark.parametrize("name", ["README.md", "docs/your-own-app.md"])
def test_the_target_file_of_a_page_is_one(name: str, tmp_path: Path) -> None:
    """The pieces of a page, one after another, are a whole file."""
    pieces = re.findall(r"```toml\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
    file = tmp_path / "shakedown.toml"
    file.write_text("".join(pieces), "utf-8")
    target = load_target(file, {"target.python": sys.executable})
    assert target.app == "app.main:app"
    assert "postgres" in target.names_of("postgres")
    assert target.load.requests


def test_the_flow_of_the_page_is_that_of_the_example() -> None:
    found = re.search(r"```python\n(.*?)```", page("flows.md"), re.DOTALL)
    assert found
    assert (ROOT / "examples/flows/locustfile.py").read_text("utf-8").endswith(found.group(1))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), f"{path.name} links to {link}"
        if anchor:
            assert anchor in _anchors(there), f"{path.name} links to {link}"


def _anchors(path: Path) -> set[str]:
    """As GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index() -> None:
    index = page("README.md")
    pages = sorted(path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md")
    assert [name for name in pages if f"({name})" not in index] == []


def test_every_row_and_check_of_the_audit_is_told() -> None:
    text = page("audit.md")
    assert re.findall(r"^## ([a-z]+)$", text, re.MULTILINE) == [row.name for row in ROWS]
    for row in ROWS:
        told = section(text, f"## {row.name}")
        assert row.asks in told
        marks = [(check.name, " ✱" if check.essential else "") for check in row.checks]
        assert [cells[0] for cells in rows(told)] == [f"`{name}`{mark}" for name, mark in marks]
