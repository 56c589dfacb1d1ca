"""BASE and NEW of a comparison: settings, target files, or revisions of the target's repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from harness.cli.options import target_path
from harness.errors import UsageError
from harness.ledger import Ledger
from harness.model.target import Scalar, Target
from harness.plan_sweep import Variation
from harness.revisions import (
    check_clean,
    check_imported,
    checked_out,
    differing_packages,
    find_repository,
    find_revision,
)
from harness.target import load_target, read_override

GIT = "git:"


@dataclass(frozen=True, slots=True)
class Sides:
    """`facts` go into the manifest, `notes` are for whoever watches."""

    base: Variation
    new: Variation
    facts: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@contextmanager
def both_sides(
    base: str, new: str, target_file: str | None, common: Mapping[str, Scalar], ledger: Ledger
) -> Iterator[Sides]:
    """What was typed, read and checked; what had to be made for it is there until this is left."""
    revisions = [side.startswith(GIT) for side in (base, new)]
    if any(revisions) and not all(revisions):
        raise UsageError(f"A revision is compared with a revision: give both as {GIT}REV, as in {GIT}main {GIT}HEAD.")
    with ExitStack() as stack:
        if all(revisions):
            path = target_path(target_file)
            sides = stack.enter_context(_revisions(base[len(GIT) :], new[len(GIT) :], path, common, ledger))
        else:
            sides = Sides(_side("base", base, target_file, common), _side("new", new, target_file, common))
        _check_comparable(sides.base.target, sides.new.target)
        yield sides


def _side(name: str, text: str, target_file: str | None, common: Mapping[str, Scalar]) -> Variation:
    """A setting `KEY=VALUE[,KEY=VALUE…]` of the target, or a target file."""
    if "=" in text:
        own = dict(read_override(part) for part in text.split(","))
        path = target_path(target_file)
    else:
        own, path = {}, Path(text)
        if not path.is_file():
            raise UsageError(
                f"{text} is no setting KEY=VALUE, no target file, no revision {GIT}REV and no run directory; BASE and"
                " NEW take one of them."
            )
    overrides = {**common, **own}
    return Variation({"compared": name, **own}, overrides, load_target(path, overrides))


@contextmanager
def _revisions(base: str, new: str, file: Path, common: Mapping[str, Scalar], ledger: Ledger) -> Iterator[Sides]:
    """Each with its own target file, or today's where it had none yet; with today's interpreter, the same for both."""
    python = load_target(file, common).python
    repository = find_repository(file)
    pair = {side: find_revision(repository, name) for side, name in (("base", base), ("new", new))}
    check_clean(repository, list(pair.values()))
    with ExitStack() as stack:
        found, notes = [], []
        for side, revision in pair.items():
            folder = stack.enter_context(checked_out(repository, revision, side, ledger))
            there, had = _target_file(folder, repository, file)
            target = load_target(there, {**common, "target.python": str(python)})
            check_imported(target, folder, revision)
            named = replace(target, source=f"{file} at {revision.name}")  # the folder will be gone
            found.append(Variation({"compared": side}, common, named))
            notes.append(f"{side.upper()} is {revision.name}, commit {revision.commit[:12]}{had}")
        notes.append(f"both run with {python} and the packages that are installed for it now")
        if changed := differing_packages(repository, pair["base"], pair["new"]):
            notes.append(f"{', '.join(changed)} differ between them, and the packages do not")
        revisions = {"python": str(python), **{side: asdict(revision) for side, revision in pair.items()}}
        yield Sides(found[0], found[1], {"revisions": revisions}, tuple(notes))


def _target_file(folder: Path, repository: Path, file: Path) -> tuple[Path, str]:
    """The revision's own, or a copy of today's, which is then told."""
    there = folder / file.absolute().resolve().relative_to(repository.resolve())
    if there.is_file():
        return there, ""
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_bytes(file.read_bytes())
    return there, f", which had no {file.name}: today's is used"


def _check_comparable(base: Target, new: Target) -> None:
    """Both must be under the same load, or their difference is the load's."""
    if base.load.requests != new.load.requests:
        raise UsageError("BASE and NEW differ in [load] requests, so their difference would be the load's.")
    if base.load.rate_rps != new.load.rate_rps:
        raise UsageError(
            f"BASE and NEW differ in load.rate_rps ({base.load.rate_rps}, {new.load.rate_rps});"
            " set one for both: --set load.rate_rps=…"
        )
