"""All verbs. A new one is one file with a click command and one line here.

A verb is loaded when it is asked for: `heal` needs nothing of what an audit needs, and is there at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version

import click

VERBS: Mapping[str, str] = {
    "doctor": "doctor",
    "list": "list_",
    "run": "run",
    "sweep": "sweep",
    "compare": "compare",
    "capacity": "capacity",
    "tune": "tune",
    "audit": "audit",
    "history": "history",
    "judge": "judge",
    "report": "report",
    "export": "export",
    "join": "join",
    "init": "init",
    "heal": "heal",
}
"""By its name: the file in this folder, which calls its command as itself."""


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return verb(cmd_name) if cmd_name in VERBS else None


def verb(name: str) -> click.Command:
    found: click.Command = getattr(import_module(f"harness.cli.{VERBS[name]}"), VERBS[name])
    return found


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("fastapi-shakedown"), prog_name="shakedown")
def cli() -> None:
    """Break a FastAPI deployment on purpose, under load, and say what held.

    \b
    First steps:
      shakedown doctor                 what this machine has, and what is missing
      shakedown list                   the scenarios, faults and checks
      shakedown run quick              the reference API through all of the quick suite
      shakedown init app.main:app      write a target file for your own app, to complete
      shakedown run db-refused --target my.toml     one scenario, your own app
      shakedown sweep baseline --vary workers=1,2,4    several configurations, side by side
      shakedown compare workers=2 workers=4            is it better, is it worse?
      shakedown capacity --workers 2   the highest rate that holds the objectives
      shakedown tune                   the best configuration, verified, with the settings to paste
      shakedown audit                  the deployment checklist, row by row, against the live service

    \b
    Exit codes: 0 pass, 1 a verdict failed, 2 inconclusive, 3 the machine could not do it,
    4 something was left behind, 64 bad input, 130 and 143 interrupted.

    \b
    Shell completion (bash; zsh and fish likewise):
      eval "$(_SHAKEDOWN_COMPLETE=bash_source shakedown)"
    """
