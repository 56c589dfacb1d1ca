"""Make the environment in .venv from the hash-pinned lock, then become the command.

The executable `shakedown` starts this file with the system's Python when .venv does not fit, so only the standard
library is here and nothing of ours is imported. What is built lies aside until it is whole:

    .venv.setup/lock         held by whoever sets up, and by the step that runs, so that nobody builds over an orphan
    .venv.setup/new          the environment that is being built; never trusted, removed by the next set-up
    .venv.setup/set-up.log   what the steps print
    .venv                    `new`, renamed when it is whole
    .venv/.shakedown-key     the stamp: what .venv was made from. Without it .venv is somebody else's and never changed
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

STILL_RUNNING_S = 15
TAIL_LINES = 12


class SetupError(Exception):
    """What went wrong and what to do, for a person."""


@dataclass(frozen=True, slots=True)
class Place:
    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def stamp(self) -> Path:
        return self.venv / ".shakedown-key"

    @property
    def workshop(self) -> Path:
        return self.root / ".venv.setup"

    @property
    def new(self) -> Path:
        return self.workshop / "new"

    @property
    def log(self) -> Path:
        return self.workshop / "set-up.log"


@dataclass(frozen=True, slots=True)
class Step:
    says: str
    command: Sequence[str]
    hint: str


def say(text: str) -> None:
    print(f"shakedown: {text}", file=sys.stderr, flush=True)


def steps(place: Place) -> tuple[Step, ...]:
    pip = (str(place.new / "bin/python"), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install")
    version = "{}.{}.{}".format(*sys.version_info)
    return (
        Step(
            f"an environment with Python {version}",
            (sys.executable, "-I", "-m", "venv", str(place.new)),
            "On Debian and Ubuntu apt-get install python3-venv brings what is missing most often.",
        ),
        Step(
            f"{len(pins(place.root))} packages from requirements.lock, about 550 MB on disk",
            (*pip, "--progress-bar", "off", "--require-hashes", "--only-binary", ":all:", "-r", "requirements.lock"),
            "Most often the package index cannot be reached (pip's own settings hold here), the disk is full, or a"
            f" package has no wheel for Python {version} on this machine (SHAKEDOWN_PYTHON names another Python).",
        ),
        Step(
            "the command",
            (*pip, "--no-deps", "--no-build-isolation", "-e", "."),
            "The project's folder must be writable, and pyproject.toml as it was published.",
        ),
    )


def pins(root: Path) -> list[str]:
    """`name==version ; marker` of each package in the lock."""
    lines = (root / "requirements.lock").read_text().splitlines()
    return [line.removesuffix("\\").strip() for line in lines if "==" in line and not line.startswith((" ", "#"))]


@contextmanager
def locked(place: Place) -> Iterator[int]:
    place.workshop.mkdir(exist_ok=True)
    handle = os.open(place.workshop / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this folder is going on: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def provide(place: Place, key: str) -> None:
    """See to it that .venv is one that fits."""
    if place.venv.exists() and not place.stamp.exists():
        accept_foreign(place)
        return
    with locked(place) as lock:
        if not fits(place, key):
            build(place, key, lock)


def fits(place: Place, key: str) -> bool:
    with suppress(FileNotFoundError):
        return place.stamp.read_text() == stamp_text(key, place.venv)
    return False


def stamp_text(key: str, venv: Path) -> str:
    return f"{key} {os.path.realpath(venv / 'bin/python')}\n"


def build(place: Place, key: str, lock: int) -> None:
    began = time.monotonic()
    remove(place.new)
    if place.venv.exists():
        say("setting up: .venv was made from another lock, project file, folder or Python and is replaced")
    todo = steps(place)
    try:
        with place.log.open("wb") as log:
            for number, step in enumerate(todo, start=1):
                say(f"setting up ({number}/{len(todo)}): {step.says}")
                run(step, place, log, lock)
        move_paths(place.new, place.venv)
        (place.new / place.stamp.name).write_text(stamp_text(key, place.new))
        install(place)
    finally:
        shutil.rmtree(place.new, ignore_errors=True)
    say(f"set up in {time.monotonic() - began:.0f} s")


def run(step: Step, place: Place, log: IO[bytes], lock: int) -> None:
    environment = {**os.environ, "PIP_USER": "0"}
    with subprocess.Popen(
        step.command,
        cwd=place.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        pass_fds=(lock,),
        process_group=0,
    ) as process:
        try:
            code = wait(process, place)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # a step has children of its own
            raise
    if code != 0:
        say("setting up failed: the last lines were")
        print("\n".join(f"    {line}" for line in tail(place.log, TAIL_LINES)), file=sys.stderr)
        raise SetupError(f"The step ended with status {code}; all that it printed is in {place.log}. {step.hint}")


def wait(process: subprocess.Popen[bytes], place: Place) -> int:
    while True:
        try:
            return process.wait(STILL_RUNNING_S)
        except subprocess.TimeoutExpired:
            say(f"    still at it: {' '.join(tail(place.log, 1))[:100]}")


def tail(path: Path, lines: int) -> list[str]:
    return path.read_text(errors="replace").splitlines()[-lines:]


def move_paths(old: Path, new: Path) -> None:
    """Scripts of an environment name their interpreter by its absolute path: let them name the one to come."""
    for file in (*(old / "bin").iterdir(), old / "pyvenv.cfg"):
        if file.is_symlink() or not file.is_file():
            continue
        text = file.read_bytes()
        if bytes(old) in text and b"\0" not in text:
            file.write_bytes(text.replace(bytes(old), bytes(new)))


def install(place: Place) -> None:
    old = place.workshop / "old"
    remove(old)
    if place.venv.exists():
        place.venv.rename(old)
    place.new.rename(place.venv)
    remove(old)


def remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def accept_foreign(place: Place) -> None:
    """An environment that somebody made with another tool is used when it holds what the lock asks for."""
    command = (str(place.venv / "bin/python"), "-I", __file__, "--missing", str(place.root))
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        lacks = "cannot be started or lacks the package `packaging`"
    else:
        missing = answer.stdout.splitlines()
        if not missing:
            return
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        lacks = f"lacks {', '.join(missing[:3])}{more}"
    raise SetupError(
        f"{place.venv} was not made by this command, so it is left as it is, but it {lacks}."
        " Move it away (the next start makes another one), or install requirements.lock and then this project"
        " (pip install --no-deps --no-build-isolation -e .) into it."
    )


def missing(root: Path) -> list[str]:
    """What the interpreter that runs this lacks of the lock and of the project."""
    from packaging.requirements import Requirement

    lacking = []
    for pin in pins(root):
        wanted = Requirement(pin)
        if wanted.marker is None or wanted.marker.evaluate():
            try:
                there = importlib.metadata.version(wanted.name)
            except importlib.metadata.PackageNotFoundError:
                there = ""
            if there not in wanted.specifier:
                lacking.append(f"{wanted.name}{wanted.specifier}")
    project = importlib.util.find_spec("harness")
    of_this_folder = project is not None and project.origin == str(root / "harness/__init__.py")
    if not of_this_folder or not Path(sys.prefix, "bin/shakedown").exists():
        lacking.append("this project")
    return lacking


def become(place: Place, arguments: Sequence[str]) -> NoReturn:
    python = str(place.venv / "bin/python")
    os.execv(python, [python, str(place.venv / "bin/shakedown"), *arguments])


def end_by_signal(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def main() -> int:
    if sys.argv[1] == "--missing":
        for name in missing(Path(sys.argv[2])):
            print(name)
        return 0
    root, key, *arguments = sys.argv[1:]
    place = Place(Path(root))
    signal.signal(signal.SIGTERM, end_by_signal)
    signal.signal(signal.SIGHUP, end_by_signal)
    try:
        provide(place, key)
    except SetupError as error:
        say(str(error))
        return 3
    except OSError as error:
        say(f"cannot set up: {error}. The project's folder must be writable, with about 1 GB free.")
        return 3
    except KeyboardInterrupt:
        say("set-up interrupted; the next start begins it anew")
        return 130
    if arguments == ["--setup"]:
        return 0
    become(place, arguments)


if __name__ == "__main__":
    sys.exit(main())
