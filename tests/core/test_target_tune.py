"""The table [tune]: what may be tuned, what each knob is now, and what is told of a knob that is none."""

import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.model.tune import Knob, TimeoutKey
from harness.target import load_target

ENV = '[target.env]\nPOOL_SIZE = "4"\nWORD = "many"\n[target.gunicorn]\nbacklog = 64\n'


def read(folder: Path, text: str) -> tuple[Knob, ...]:
    file = folder / "shakedown.toml"
    file.write_text(f'[target]\napp = "a:b"\npython = "{sys.executable}"\n{ENV}{text}', "utf-8")
    return load_target(file, {}).tune.knobs


def test_nothing_has_to_be_tuned(tmp_path: Path) -> None:
    assert read(tmp_path, "") == ()


def test_what_it_is_now_is_among_the_values(tmp_path: Path) -> None:
    text = '[tune]\nknobs = [{ setting = "env.POOL_SIZE", kind = "pool", values = [20, 2] },'
    text += ' { setting = "gunicorn.backlog", values = [32, 64] }, { setting = "env.NEW", values = [1], default = 3 }]'
    assert read(tmp_path, text) == (
        Knob("target.env.POOL_SIZE", "pool", (2, 4, 20), 4),
        Knob("target.gunicorn.backlog", "limit", (32, 64), 64),
        Knob("target.env.NEW", "limit", (1, 3), 3),
    )


@pytest.mark.parametrize(
    ("knob", "key"),
    [
        ("values = [1]", "setting"),
        ('setting = "slo.p99_ms"\nvalues = [1]', "setting"),
        ('setting = "env.POOL_SIZE"', "values"),
        ('setting = "env.POOL_SIZE"\nvalues = [-1]', "values"),
        ('setting = "env.POOL_SIZE"\nvalues = [1]\nkind = "knob"', "kind"),
        ('setting = "env.POOL_SIZE"\nvalues = [1]\nmost = 3', "most"),
        ('setting = "env.ELSEWHERE"\nvalues = [1]', "default"),
        ('setting = "env.WORD"\nvalues = [1]', "default"),
    ],
)
def test_what_is_no_knob_is_named(tmp_path: Path, knob: str, key: str) -> None:
    with pytest.raises(UsageError, match=rf"tune\.knobs\[0\]\.{key}"):
        read(tmp_path, f"[[tune.knobs]]\n{knob}")


def test_the_app_may_read_its_timeouts_from_variables(tmp_path: Path) -> None:
    file = tmp_path / "shakedown.toml"
    text = '[tune.timeouts]\ncommand = "env.POOL_SIZE"\nrequest = "env.WORD"\nacquire = "target.env.NEW"\n'
    file.write_text(f'[target]\napp = "a:b"\npython = "{sys.executable}"\n{ENV}{text}', "utf-8")
    assert load_target(file, {}).tune.timeouts == (
        TimeoutKey("command", "target.env.POOL_SIZE", 4.0),
        TimeoutKey("acquire", "target.env.NEW"),
        TimeoutKey("request", "target.env.WORD"),
    )


@pytest.mark.parametrize(
    "timeout", ['command = "gunicorn.timeout"', 'command = "env."', "command = 3", 'proxy = "env.X"']
)
def test_what_is_no_variable_of_a_timeout_is_named(tmp_path: Path, timeout: str) -> None:
    with pytest.raises(UsageError, match=rf"tune\.timeouts\.{timeout.split()[0]}"):
        read(tmp_path, f"[tune.timeouts]\n{timeout}")


def test_a_setting_has_one_knob(tmp_path: Path) -> None:
    knob = '[[tune.knobs]]\nsetting = "env.POOL_SIZE"\nvalues = [1]\n'
    with pytest.raises(UsageError, match=r"target\.env\.POOL_SIZE twice"):
        read(tmp_path, knob + knob)
