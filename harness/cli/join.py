"""`shakedown join HOST:PORT`: lend this machine to a run elsewhere."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from harness.cli.guarded import conduct, inherited_ledger
from harness.errors import Interrupted, UsageError
from harness.ledger import Ledger
from harness.lending import lend
from harness.system.process import Spawner

_WAIT = "Seconds without a load after which it ends."


@click.command()
@click.argument("where", metavar="HOST:PORT")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(1),
    default=60.0,
    show_default=True,
    help=_WAIT,
)
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def join(where: str, wait_s: float, quiet: bool) -> int:
    """Lend this machine to a run that was started elsewhere with --bind: it makes a part of each load.

    Both machines need the same version of Shakedown. It ends by itself when the run has no more loads to make.
    """
    ledger = inherited_ledger("join")
    host, port = _read(where)

    def say(text: str) -> None:
        if not quiet:
            click.echo(text, err=True)

    with _folder(ledger) as folder:
        failure, interrupted = conduct(lambda: lend(host, port, wait_s, folder, Spawner(ledger), say), ledger)
    if interrupted:
        raise Interrupted("interrupted; the run goes on without this machine", interrupted)
    if failure is not None:
        raise failure
    return 0


@contextmanager
def _folder(ledger: Ledger) -> Iterator[Path]:
    """Its name is in the ledger before it is there, so that it is removed however we end."""
    path = Path(tempfile.gettempdir()).absolute() / f"shakedown-{ledger.token}"
    entry = ledger.intend("folder", "lent", path=str(path))
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        ledger.ended(entry)


def _read(where: str) -> tuple[str, int]:
    host, _, port = where.rpartition(":")
    if not host or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise UsageError(f"{where} is no HOST:PORT; it is what `shakedown run … --bind` shows, as 192.0.2.7:5557.")
    return host, int(port)
