"""`shakedown heal`: lift what runs that crashed have left. Live runs are spared."""

from __future__ import annotations

import json

import click

from harness.errors import HealError
from harness.healing import Healed, dead_ledgers
from harness.healing import heal as heal_run


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def heal(as_json: bool) -> None:
    """End the processes and remove the folders that a crashed run left behind.

    Works from the ledgers in the state folder (~/.local/state/shakedown). Nothing is signalled whose pid, start time
    or token does not match, and runs that are alive are left alone.
    """
    done = [heal_run(path) for path in dead_ledgers()]
    left = [what for healed in done for what in healed.left]
    if as_json:
        body = {
            "schema_version": 1,
            "runs": len(done),
            "processes": [name for healed in done for name in healed.processes],
            "folders": [name for healed in done for name in healed.folders],
            "left": left,
        }
        click.echo(json.dumps(body))
    else:
        click.echo(_text(done))
    if left:
        raise HealError(
            f"Could not be healed: {'; '.join(left)}. End these processes and remove these folders by hand."
        )


def _text(done: list[Healed]) -> str:
    if not done:
        return "Nothing to heal: no run has left anything behind."
    processes = sum(len(healed.processes) for healed in done)
    folders = sum(len(healed.folders) for healed in done)
    return f"Healed {len(done)} run(s): {processes} process(es) ended, {folders} folder(s) removed."
