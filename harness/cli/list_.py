"""`shakedown list`: what there is to run, to break, to judge."""

from __future__ import annotations

import json
from typing import Any

import click

from harness.checks import CHECKS
from harness.faults import FAULTS
from harness.servers import SERVERS
from scenarios import SCENARIOS, SUITES

_WHAT = ("scenarios", "suites", "faults", "checks", "servers")
_ON = {
    "link": "ingress, postgres, NAME",
    "http": "NAME",
    "postgres": "postgres",
    "worker": "worker",
    "server": "server",
    "client": "client",
}

Row = dict[str, object]


def _scenarios() -> list[Row]:
    return [
        {
            "name": scenario.name,
            "asks": scenario.asks,
            "faults": [use.id for use in scenario.faults],
            "requires": list(scenario.requires),
        }
        for scenario in SCENARIOS
    ]


def _suites() -> list[Row]:
    return [{"name": name, "asks": ", ".join(members)} for name, members in SUITES.items()]


def _faults() -> list[Row]:
    rows: list[Row] = []
    for spec in FAULTS:
        parameters = [
            {"name": p.name, "default": p.default, "low": p.low, "high": p.high, "help": p.help}
            for p in spec.parameters
        ]
        choices = [
            {"name": c.name, "default": c.default, "accepted": list(c.accepted), "takes": c.takes, "help": c.help}
            for c in spec.choices
        ]
        where = _ON[spec.on]
        named = f"{{{where}}}" if "," in where or where == "NAME" else where
        rows.append({"name": f"{named}.{spec.name}", "asks": spec.does, "parameters": parameters, "choices": choices})
    return rows


def _checks() -> list[Row]:
    return [{"name": check.name, "asks": check.asks, "premises": list(check.premises)} for check in CHECKS]


def _servers() -> list[Row]:
    return [
        {
            "name": server.id,
            "asks": f"options in [target.{server.table}]; takes {', '.join(server.takes)}",
            "takes": list(server.takes),
            "known_limits": [
                {"fault": known.fault, "says": known.says, "versions": known.versions, "source": known.source}
                for known in server.known_limits
            ],
        }
        for server in SERVERS
    ]


_ROWS = {
    "scenarios": _scenarios,
    "suites": _suites,
    "faults": _faults,
    "checks": _checks,
    "servers": _servers,
}


@click.command("list")
@click.argument("what", required=False, type=click.Choice(_WHAT))
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def list_(what: str | None, as_json: bool) -> None:
    """List scenarios, suites, faults, checks or servers (all, without WHAT)."""
    chosen = [what] if what else list(_WHAT)
    if as_json:
        click.echo(json.dumps({"schema_version": 1, **{name: _ROWS[name]() for name in chosen}}))
        return
    for name in chosen:
        rows = _ROWS[name]()
        width = max(len(str(row["name"])) for row in rows)
        click.echo(f"{name}:")
        for row in rows:
            click.echo(f"  {row['name']!s:<{width}}  {row['asks']}")
            for parameter in _parameters(row):
                click.echo(f"  {'':<{width}}    {parameter}")
        click.echo()


def _parameters(row: Row) -> list[str]:
    given = row.get("parameters")
    if not isinstance(given, list):
        return []
    numbers = [f"{p['name']} = {p['default']:g} ({p['low']:g} to {p['high']:g}): {p['help']}" for p in given]
    words = row.get("choices")
    return numbers + ([_word(choice) for choice in words] if isinstance(words, list) else [])


def _word(choice: dict[str, Any]) -> str:
    default = choice["default"] or "unset"
    return f"{choice['name']} = {default} ({choice['takes']}): {choice['help']}"
