"""The key audit.ports."""

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.target import load_target


def load(folder: Path, ports: str) -> tuple[int, ...]:
    (folder / "shakedown.toml").write_text(f'[target]\napp = "a:b"\n[audit]\nports = {ports}\n')
    return load_target(folder / "shakedown.toml", {}).audit.ports


def test_ports_are_numbers(tmp_path: Path) -> None:
    assert load(tmp_path, "[9090, 9091]") == (9090, 9091)
    assert load(tmp_path, "[]") == ()


@pytest.mark.parametrize("wrong", ["[0]", "[65536]", "[true]", '["9090"]', "9090"])
def test_what_is_no_port_is_refused(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"audit\.ports"):
        load(tmp_path, wrong)
