"""The keys of a user's own Locust file. That the file itself can be run is tried elsewhere, by a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.target import load_target

LEAST = '[target]\napp = "app.main:app"\n[load]\n'


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('locustfile = "not_there.py"', ["load.locustfile", "does not exist", "not_there.py"]),
        ('locustfile = "x.txt"', ["load.locustfile", "a Python file"]),
        ('locustfile = "x.py"\n[[load.requests]]\npath = "/"', ["load.requests stands beside locustfile"]),
        ('model = "open"', ["load.model is for a locustfile"]),
        ("users = 5", ["load.users is for a locustfile"]),
        ('locustfile = "x.py"\nmodel = "half"', ["load.model", "'half'", "open or closed"]),
        ('locustfile = "x.py"\nmodel = "closed"', ["load.users is missing"]),
        ('locustfile = "x.py"\nmodel = "closed"\nusers = 0', ["load.users", "1 to 2000"]),
        ('locustfile = "x.py"\nusers = 5', ["load.users is for the closed model"]),
        ('locustfile = "x.py"\nmodel = "closed"\nusers = 5\nrate_rps = 10', ["load.rate_rps", "has no rate"]),
        ('locustfile = "x.py"\nmodel = "closed"\nusers = 5\nshape = "poisson"', ["load.shape", "has no rate"]),
        ('locustfile = "x.py"\npre_connect = true', ["load.pre_connect stands beside locustfile"]),
    ],
)
def test_what_does_not_go_together_is_told(said: str, told: list[str], tmp_path: Path) -> None:
    file = tmp_path / "shakedown.toml"
    file.write_text(LEAST + said + "\n")
    with pytest.raises(UsageError) as error:
        load_target(file, {})
    for words in told:
        assert words in str(error.value)
