"""The app's environment: texts in which `{NAME.field}` stands for the address of a part's proxy.

Checked when the file is read, filled in when the parts run. `{{` and `}}` are braces, `{secret.NAME}` is a random text
(`harness.target_auth`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from harness.model.target import Part, Target
from harness.system.process import clean_env
from harness.target_table import Table, suggest

SECRET = "secret"
FIELDS = {
    "postgres": ("host", "port", "url", "user", "password", "database"),
    "http": ("host", "port", "url"),
}
_ENCODED = ("user", "password", "database")
_WORDS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_env(table: Table, parts: tuple[Part, ...]) -> dict[str, str]:
    """The texts of [target.env], every placeholder checked. No value is ever shown."""
    env: dict[str, str] = {}
    for name in list(table.raw):
        if not is_env_name(name):
            table.wrong("KEY", "is no name of a variable; accepted: letters, digits and _, as in DATABASE_URL")
        env[name] = table.text(name, "")
        for says in _wrong_placeholders(env[name], parts):
            table.wrong(name, says)
    return env


def is_env_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _wrong_placeholders(text: str, parts: tuple[Part, ...]) -> Iterator[str]:
    kinds = {part.name: part.kind for part in parts}
    for found in _WORDS.finditer(text):
        inner = found.group(1)
        if inner is None:
            if found.group() in "{}":
                yield "holds a single brace; accepted: {NAME.field}, and {{ or }} for a brace"
            continue
        name, _, field = inner.partition(".")
        if name == SECRET:
            if not is_env_name(field):
                yield "has a secret without a name; accepted: {secret.NAME}, with letters, digits and _"
        elif name not in kinds:
            yield f"has a placeholder that names no part of this target; {suggest(name, tuple(kinds))}"
        elif field not in FIELDS[kinds[name]]:
            places = " ".join(f"{{{name}.{known}}}" for known in FIELDS[kinds[name]])
            yield f"has a placeholder of {name} with an unknown field; accepted: {places}"


def fill_env(target: Target, values: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What the app gets beside what every process gets: `pass_env` from ours, and [target.env] filled in.

    `values` maps each part's name to its fields (`FIELDS`), and "secret" to the secrets of the run.
    """
    passed = {name: os.environ[name] for name in target.pass_env if name in os.environ}
    return {**passed, **{name: _fill(text, values) for name, text in target.env.items()}}


def app_env(target: Target, values: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The whole environment of the app and its setup: the folder of its interpreter comes first on PATH."""
    base = clean_env()
    base["PATH"] = f"{target.python.parent}{os.pathsep}{base['PATH']}"
    return {**base, **fill_env(target, values)}


def _fill(text: str, values: Mapping[str, Mapping[str, str]]) -> str:
    in_url = "://" in text

    def value_of(found: re.Match[str]) -> str:
        inner = found.group(1)
        if inner is None:
            return found.group()[0]
        name, _, field = inner.partition(".")
        value = values[name][field]
        return quote(value, safe="") if in_url and field in _ENCODED else value

    return _WORDS.sub(value_of, text)
