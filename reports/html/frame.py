"""What every page has round its subject: the template's surroundings, the style, the icon, the facts of the run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from importlib.resources import files
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.model.verdict import Outcome
from reports.html.palette import LIGHT, css
from reports.plain import plain, printable
from reports.words import SYMBOL, WORD

MAX_ENTRIES = 40
_TOLD = ("schema_version", "command", "target")
"""Facts of a manifest that every page tells in places of their own."""


def fill(template: str, outcome: Outcome, **subject: object) -> str:
    """The whole page as text."""
    common = {"symbol": SYMBOL, "word": WORD, "icon": _icon(outcome), "css": Markup(css() + asset("page.css"))}
    return _templates().get_template(template).render({**common, "outcome": outcome, **subject})


def fill_run(
    template: str, outcome: Outcome, run_dir: str, facts: Mapping[str, object], *elsewhere: str, **subject: object
) -> str:
    """The page of a run; facts that are told `elsewhere` on it are left out of their list."""
    return fill(
        template,
        outcome,
        target=str(facts.get("target", "")),
        command=_command_line(facts.get("command")),
        facts=[(name, shown(value)) for name, value in facts.items() if name not in (*_TOLD, *elsewhere)],
        run_dir=run_dir,
        **subject,
    )


def _templates() -> Environment:
    """Autoescaped, and strict about what is not there."""
    return Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_safe,
    )


def _safe(value: object) -> object:
    """Applied to all that a template prints: text of the app shows no control characters."""
    return printable(value) if type(value) is str else value


def asset(name: str) -> str:
    return (files("reports") / "assets" / name).read_text("utf-8")


def shown(value: object) -> str:
    """A value for a reader: text as it is, numbers short, pairs and lists of pairs as lines, the rest as JSON."""
    value = plain(value)
    if isinstance(value, dict) and value:
        return ", ".join(f"{key} {_short(each)}" for key, each in value.items())
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        lines = [shown(each) for each in value[:MAX_ENTRIES]]
        more = [f"… and {len(value) - MAX_ENTRIES:,} more; verdict.json has all."] if len(value) > MAX_ENTRIES else []
        return "\n".join(lines + more)
    return _short(value)


def _short(value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list) and all(isinstance(each, str | int) for each in value):
        return ", ".join(str(each) for each in value) or "none"
    return json.dumps(value, ensure_ascii=False)


def _command_line(value: object) -> str:
    if isinstance(value, str):
        return value
    return shlex.join(str(word) for word in value) if isinstance(value, Iterable) else ""


def _icon(outcome: Outcome) -> str:
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="8"'
        f' fill="{LIGHT[outcome]}"/><text x="8" y="12" text-anchor="middle" font-size="11" font-weight="700"'
        f' fill="#fff">{SYMBOL[outcome]}</text></svg>'
    )
    return "data:image/svg+xml," + quote(drawn)
