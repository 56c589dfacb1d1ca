"""Installs the load generators that ours is compared with, each by its own registry's client, outside the repository.

    .venv/bin/python -m benchmarks.load.peer_install [--into FOLDER]

k6, vegeta and hey come as Go modules and oha as a crate, all compiled here at the lowest priority, which takes about a
quarter of an hour; wrk is a package of the system. What is there already is left alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

GO = {
    "k6": "go.k6.io/k6@v1.8.1",
    "vegeta": "github.com/tsenart/vegeta/v12@v12.13.0",
    "hey": "github.com/rakyll/hey@v0.1.5",
}
OHA = "1.16.0"


def default_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "shakedown" / "peers"


def find(tool: str, folder: Path) -> Path | None:
    here = folder / "bin" / tool
    found = here if here.exists() else shutil.which(tool)
    return Path(found) if found else None


def install(folder: Path) -> list[str]:
    """What could not be had, with the reason."""
    missing = []
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="peers-") as scratch:
        for tool, module in GO.items():
            if not find(tool, folder) and not _go(module, folder / "bin", Path(scratch)):
                missing.append(f"{tool}: go install {module} failed; it takes Go on PATH")
        if not find("oha", folder) and not _cargo(folder, Path(scratch)):
            missing.append(f"oha: cargo install oha@{OHA} failed; it takes Rust's cargo on PATH")
    if not find("wrk", folder) and not _apt():
        missing.append("wrk: the system's package wrk is not installed, and apt-get could not do it")
    return missing


def _go(module: str, into: Path, scratch: Path) -> bool:
    places = {"GOBIN": into, "GOPATH": scratch / "go", "GOCACHE": scratch / "go-cache"}
    ours = {"GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw -p=1", "CGO_ENABLED": "0"}
    return _run(["go", "install", "-trimpath", module], {**{k: str(v) for k, v in places.items()}, **ours})


def _cargo(folder: Path, scratch: Path) -> bool:
    words = ["cargo", "install", f"oha@{OHA}", "--locked", "--root", str(folder), "--jobs", "1"]
    return _run(words, {"CARGO_TARGET_DIR": str(scratch / "cargo")})


def _apt() -> bool:
    can = os.geteuid() == 0 and shutil.which("apt-get") is not None
    return can and _run(["apt-get", "install", "--yes", "--no-install-recommends", "wrk"], {})


def _run(words: list[str], more: dict[str, str]) -> bool:
    if not shutil.which(words[0]):
        return False
    print(" ".join(words), flush=True)
    return subprocess.run(["nice", "-n", "19", *words], env={**os.environ, **more}, check=False).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=default_folder())
    missing = install(parser.parse_args().into)
    print("\n".join(missing) or "all are there")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
