"""`postgresql.conf` lines, and the same for one role alone where PostgreSQL lets a role have it."""

from __future__ import annotations

from collections.abc import Iterator

from harness.model.target import Scalar
from harness.tuning.paste.file import File, comment, comments, is_hidden, left_out, make
from harness.tuning.recommendation import Recommendation, Setting

OF_A_ROLE = frozenset(
    {
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "transaction_timeout",
        "work_mem",
        "client_connection_check_interval",
    }
)
_HEAD = "Settings of PostgreSQL as Shakedown recommends them. Take the lines into postgresql.conf and reload it."


def postgresql(recommendation: Recommendation, part: str, *, alone: bool = True) -> File | None:
    """Of one part; its name stands in that of the file where there are several."""
    found = list(recommendation.of(f"parts.{part}.settings"))
    if not found:
        return None
    hidden = [each.key for each in found if is_hidden(each)]
    blocks = [left_out(each) if is_hidden(each) else _lines(each) for each in found]
    return make("postgresql.conf" if alone else f"postgresql-{part}.conf", _HEAD, blocks, hidden)


def _lines(setting: Setting) -> Iterator[str]:
    yield from comments(setting)
    value = quoted(setting.value)
    if setting.name in OF_A_ROLE:
        yield from comment(f"For the app's role alone: ALTER ROLE app SET {setting.name} = {value};")
    yield f"{setting.name} = {value}"


def quoted(value: Scalar) -> str:
    """As postgresql.conf and SQL both read it; a text of one line, in quotes, of which each counts twice.

    A backslash is a letter in SQL and not in the file: it is doubled there alone, so none may stand in a setting.
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return f"{value}"
    if "\\" in value or not value.isprintable():
        raise ValueError("a setting of PostgreSQL is one line without a backslash")
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
