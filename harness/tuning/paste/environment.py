"""`settings.env`: variables of the app, for a shell to read."""

from __future__ import annotations

import re
import shlex

from harness.tuning.paste.file import File, comments, is_hidden, left_out, make, shown
from harness.tuning.recommendation import Recommendation, Setting

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEAD = "Variables of the app as Shakedown recommends them, for a shell: set -a; . ./settings.env"


def environment(recommendation: Recommendation) -> File | None:
    found = [each for each in recommendation.of("target.env") if _NAME.fullmatch(each.name)]
    if not found:
        return None
    hidden = [each.key for each in found if is_hidden(each)]
    blocks = [left_out(each) if is_hidden(each) else [*comments(each), _line(each)] for each in found]
    return make("settings.env", _HEAD, blocks, hidden)


def _line(setting: Setting) -> str:
    return f"{setting.name}={shlex.quote(shown(setting.value))}"
