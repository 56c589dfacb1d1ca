"""`gunicorn.conf.py`: Python that Gunicorn executes, one assignment a setting."""

from __future__ import annotations

import keyword

from harness.tuning.paste.file import File, comments, is_hidden, left_out, make
from harness.tuning.recommendation import Recommendation, Setting

WORKERS = "target.workers"
_HEAD = "Settings of Gunicorn as Shakedown recommends them. Take the lines into your own gunicorn.conf.py."


def gunicorn(recommendation: Recommendation) -> File | None:
    found = settings_of(recommendation, "gunicorn")
    if not found:
        return None
    hidden = [each.key for each in found if is_hidden(each)]
    blocks = [left_out(each) if is_hidden(each) else [*comments(each), _line(each)] for each in found]
    return make("gunicorn.conf.py", _HEAD, blocks, hidden)


def settings_of(recommendation: Recommendation, table: str) -> list[Setting]:
    """The number of workers first, then the server's options whose names are names."""
    workers = [each for each in recommendation.settings if each.key == WORKERS]
    options = [each for each in recommendation.of(f"target.{table}") if _is_name(each.name)]
    return [*workers, *options]


def _is_name(name: str) -> bool:
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def _line(setting: Setting) -> str:
    return f"{setting.name} = {setting.value!r}"
