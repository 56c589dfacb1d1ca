"""All verbs. A new one is one file with a click command and one line here."""

from __future__ import annotations

from importlib.metadata import version

import click

from harness.cli import audit, compare, doctor, heal, judge, list_, report, run, sweep

VERBS: tuple[click.Command, ...] = (
    doctor.doctor,
    list_.list_,
    run.run,
    sweep.sweep,
    compare.compare,
    audit.audit,
    judge.judge,
    report.report,
    heal.heal,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("fastapi-shakedown"), prog_name="shakedown")
def cli() -> None:
    """Break a FastAPI deployment on purpose, under load, and say what held.

    \b
    First steps:
      shakedown doctor                 what this machine has, and what is missing
      shakedown list                   the scenarios, faults and checks
      shakedown run quick              the reference API through all of the quick suite
      shakedown run db-refused --target my.toml     one scenario, your own app
      shakedown sweep baseline --vary workers=1,2,4    several configurations, side by side
      shakedown compare workers=2 workers=4            is it better, is it worse?
      shakedown audit                  the deployment checklist, row by row, against the live service

    \b
    Exit codes: 0 pass, 1 a verdict failed, 2 inconclusive, 3 the machine could not do it,
    4 something was left behind, 64 bad input, 130 and 143 interrupted.

    \b
    Shell completion (bash; zsh and fish likewise):
      eval "$(_SHAKEDOWN_COMPLETE=bash_source shakedown)"
    """


for _verb in VERBS:
    cli.add_command(_verb)
