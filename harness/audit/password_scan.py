"""Does the app's database hold a password that we know, in the clear or as good as that?

A base64 text, or a digest without a salt, is looked up in a table: it counts as readable. Bounded in columns, in values
of each column and in time; what was not looked at is not counted.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

import asyncpg

from harness.audit.facts.authentication import Stored

_COLUMNS, _VALUES, _QUERY_S = 200, 10_000, 2.0
_SHORTEST = 8
_WORDS = ("pass", "pwd", "secret")
_TEXTS = """
    SELECT format('%I.%I', table_schema, table_name) AS owner, quote_ident(column_name) AS name,
           table_name || '.' || column_name AS shown, data_type = 'bytea' AS binary
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'
      AND data_type IN ('text', 'character varying', 'character', 'json', 'jsonb', 'ARRAY', 'bytea', 'USER-DEFINED')
    ORDER BY 1, 2
"""


def passwords_in(body: str) -> tuple[str, ...]:
    """The values of a login's body, a form or JSON, whose names say that they are secret."""
    try:
        fields = json.loads(body)
    except ValueError:
        fields = dict(parse_qsl(body))
    if not isinstance(fields, dict):
        return ()
    named = {str(name).lower(): value for name, value in fields.items() if isinstance(value, str)}
    return tuple(
        value for name, value in named.items() if len(value) >= _SHORTEST and any(word in name for word in _WORDS)
    )


def readable_forms(password: str) -> Mapping[str, str]:
    """Texts from which the password is had, by what they are."""
    raw = password.encode()
    forms = {"in the clear": password, "as base64": base64.b64encode(raw).decode()}
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        forms[f"as {algorithm.upper()} without a salt"] = hashlib.new(algorithm, raw).hexdigest()
    return forms


async def scan(connection: asyncpg.Connection[asyncpg.Record], password: str) -> Stored:
    forms = readable_forms(password)
    columns = values = 0
    found: list[str] = []
    for column in (await connection.fetch(_TEXTS, timeout=_QUERY_S))[:_COLUMNS]:
        # Bytes are compared as the text that they may be: `escape` leaves printable ones as they are.
        text = f"encode({column['name']}, 'escape')" if column["binary"] else f"{column['name']}::text"
        query = f"SELECT {text} AS value FROM {column['owner']} WHERE {column['name']} IS NOT NULL LIMIT {_VALUES}"
        try:
            seen = await connection.fetch(
                f"SELECT count(*) AS values, {_counts(len(forms))} FROM ({query}) seen",
                *forms.values(),
                timeout=_QUERY_S,
            )
        except (TimeoutError, asyncpg.PostgresError):
            continue
        columns, values = columns + 1, values + seen[0]["values"]
        found += [f"{column['shown']} {form}" for n, form in enumerate(forms, 1) if seen[0][f"form_{n}"]]
    return Stored(True, columns, values, tuple(found))


def _counts(forms: int) -> str:
    """The clear text as it is written; digests in any case."""
    plain = "coalesce(sum((position($1 in value) > 0)::int), 0) AS form_1"
    rest = [
        f"coalesce(sum((position(lower(${n}) in lower(value)) > 0)::int), 0) AS form_{n}" for n in range(2, forms + 1)
    ]
    return ", ".join([plain, *rest])
