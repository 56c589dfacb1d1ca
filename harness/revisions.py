"""Revisions of the user's repository, each checked out into a folder of its own that is gone when the run is.

The folder is a clone that borrows the repository's objects, not a worktree of it: a worktree has an entry in the
repository, which whoever kills us would leave there. So the repository is only read, and one folder is all there is to
remove; its name is in the ledger before it is there. What is not in git comes from no revision: the interpreter and its
packages are those of today, the same for all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import MachineError, UsageError
from harness.ledger import Ledger
from harness.model.target import Target
from harness.system.process import clean_env

_GIT_S = 120.0
_ASK_S = 30.0
_PACKAGES = ("*requirements*.txt", "*.lock", "pyproject.toml", "setup.cfg", "setup.py")
_QUIET = ("-c", "advice.detachedHead=false", "-c", "core.hooksPath=/dev/null")
_ASK = """
import importlib.util, sys
try: found = importlib.util.find_spec(sys.argv[1])
except Exception: found = None
if found is not None: print(found.origin or next(iter(found.submodule_search_locations or [""])))
"""


@dataclass(frozen=True, slots=True)
class Revision:
    """`name` as it was typed, and what it was then."""

    name: str
    commit: str


def find_repository(file: Path) -> Path:
    """The repository that a target file lies in."""
    folder = file.absolute().parent
    done = _git(folder, "rev-parse", "--show-toplevel")
    if done.returncode != 0:
        raise UsageError(f"{file} lies in no git repository, so there are no revisions to compare ({_said(done)}).")
    return Path(done.stdout.rstrip("\n"))


def find_revision(repository: Path, name: str) -> Revision:
    done = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if done.returncode != 0:
        raise UsageError(f"git:{name} is no commit, branch or tag of {repository}; `git log --oneline` names some.")
    return Revision(name, done.stdout.strip())


def check_clean(repository: Path, revisions: Sequence[Revision]) -> None:
    """Changes that are not committed are in no revision. That matters where what is checked out is compared."""
    head = _git(repository, "rev-parse", "HEAD").stdout.strip()
    named = next((each.name for each in revisions if each.commit == head), None)
    if named is None:
        return
    changed = _git(repository, "status", "--porcelain", "--untracked-files=no").stdout.splitlines()
    if changed:
        files = ", ".join(line[3:] for line in changed[:3]) + (", …" if len(changed) > 3 else "")
        raise UsageError(
            f"git:{named} is what is checked out in {repository}, and files differ from it ({files}): those changes"
            " would be in neither side. Commit or stash them first."
        )


def differing_packages(repository: Path, base: Revision, new: Revision) -> list[str]:
    """Files that say which packages are wanted, and differ; one environment cannot be right for both."""
    done = _git(repository, "diff", "--name-only", base.commit, new.commit, "--", *_PACKAGES)
    return done.stdout.splitlines()


@contextmanager
def checked_out(repository: Path, revision: Revision, side: str, ledger: Ledger) -> Iterator[Path]:
    """The folder with the files of the revision."""
    folder = Path(tempfile.gettempdir()).absolute() / f"shakedown-{ledger.token}-{side}"
    entry = ledger.intend("folder", f"git:{revision.name}", path=str(folder))
    try:
        steps = (
            ("clone", "--quiet", "--shared", "--no-checkout", "--", str(repository), str(folder)),
            ("-C", str(folder), "checkout", "--quiet", "--detach", revision.commit),
        )
        for step in steps:
            done = _git(repository, *_QUIET, *step)
            if done.returncode != 0:
                raise MachineError(f"git:{revision.name} cannot be checked out to {folder}: {_said(done)}.")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        ledger.ended(entry)


def check_imported(target: Target, folder: Path, revision: Revision) -> None:
    """The app must be the revision's: an editable install elsewhere would have both sides run the same code."""
    module = target.app.partition(":")[0].partition(".")[0]
    path = target.env.get("PYTHONPATH", "")
    env = clean_env(**({"PYTHONPATH": path} if path and "{" not in path else {}))
    command = [str(target.python), "-c", _ASK, module]
    try:
        done = subprocess.run(
            command, cwd=target.root, env=env, capture_output=True, text=True, timeout=_ASK_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # the server will say it better
    found = done.stdout.strip()
    if found and not Path(os.path.realpath(found)).is_relative_to(os.path.realpath(folder)):
        raise UsageError(
            f"At git:{revision.name} the app's module {module} would be imported from {found}, which is not of that"
            " revision: is it installed in the environment? A relative PYTHONPATH in [target.env], such as src, comes"
            " before what is installed."
        )


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Without the variables by which a hook or an alias would point git elsewhere."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words],
            env=env,
            capture_output=True,
            text=True,
            timeout=_GIT_S,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise MachineError("git is not on PATH, and revisions need it.") from None
    except subprocess.TimeoutExpired:
        raise MachineError(f"git {words[0]} did not end within {_GIT_S:g} s.") from None


def _said(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    return lines[-1].rstrip(".") if lines else f"git ended with {done.returncode}"
