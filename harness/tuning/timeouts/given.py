"""What is declared of a deployment, and one step of what is derived for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.model.ladder import Rung
from harness.model.target import Scalar
from harness.tuning.recommendation import Setting
from harness.tuning.times import Times

IN_THE_APP: Mapping[Rung, str] = {
    "command": "app.command_timeout_s",
    "acquire": "app.acquire_timeout_s",
    "request": "app.request_deadline_s",
}


@dataclass(frozen=True, slots=True)
class Given:
    """What is declared, and where a setting belongs.

    `table` is the server's table of options, `database` the name of the PostgreSQL part (empty: none), `present` the
    values of today by key, `keys` where the app reads a limit from (`target.env.…`), by rung. `client_s` is what
    clients wait where it is `client_declared`, else only the patience of the load.
    """

    deadline_s: float
    client_s: float
    termination_s: float | None = None
    proxy_s: float | None = None
    client_declared: bool = False
    table: str = "gunicorn"
    database: str = ""
    present: Mapping[str, Scalar] = field(default_factory=dict)
    keys: Mapping[Rung, str] = field(default_factory=dict)

    def setting(self, key: str, value: Scalar, reason: str, untested: str = "") -> Setting:
        return Setting(key, self.present.get(key), value, reason, untested=untested)

    def in_the_app(self, rung: Rung, seconds: float, reason: str, untested: str) -> Setting:
        """Where the app reads it from, or by its name alone."""
        return self.setting(self.keys.get(rung, IN_THE_APP[rung]), seconds, reason, untested)


@dataclass(frozen=True, slots=True)
class Step:
    """A rung with its value and the setting that says it. Some settings are no rung, some rungs only known."""

    rung: Rung | None
    seconds: float
    setting: Setting | None = None


def up(seconds: float, step_s: float) -> float:
    """Rounded up to a step, but for the noise of floating point."""
    return round(math.ceil(seconds / step_s - 1e-9) * step_s, 6)


def of_silence(times: Times, request_s: float) -> str:
    """What nobody tested of a limit that only a silent part shows."""
    if times.silence_s is None:
        return "No part was silent in any trial."
    if times.silence_s <= request_s:
        return f"No part was silent for longer than {times.silence_s:.3g} s."
    return ""
