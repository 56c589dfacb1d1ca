"""The options that several commands have, in the same words, and what is made of them."""

from __future__ import annotations

import random
from pathlib import Path

import click

from harness.target import find_target


def _in_a_folder(_ctx: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """Said before a run of half an hour, and not at its end."""
    if path is not None and not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent} to write {path.name} into.")
    return path


TARGET = click.option("--target", "target_file", type=click.Path(), help="Target file; see docs/target-file.md.")
SET = click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key of the target file.")
WORKERS = click.option("--workers", type=int, help="Number of worker processes.")
SEED = click.option("--seed", type=click.IntRange(0), help="Seed of the load's schedule; random by default, and told.")
SEED_OF_ORDER = click.option(
    "--seed", type=click.IntRange(0), help="Seed of order and load; random by default, and told."
)
OUT = click.option("--out", type=click.Path(path_type=Path), help="Run directory, new or empty; runs/… by default.")
JUNIT = click.option(
    "--junit",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_in_a_folder,
    help="Write JUnit XML to this file too.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else there.")
QUIET = click.option("--quiet", is_flag=True, help="No progress, only the result.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Only show what would be run, and how long it takes.")


def target_path(target_file: str | None) -> Path:
    return find_target(Path(target_file) if target_file else None, Path.cwd())


def seed_or_random(seed: int | None) -> int:
    return seed if seed is not None else random.randrange(1, 2**31)
