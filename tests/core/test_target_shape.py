# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False
"""The key `load.shape` of a target file."""

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.model.load_shape import Constant, Diurnal, Ramp, Replayed, Spike, Step
from harness.target import load_target

LEAST = "[target]\napp = 'a:app'\n[load]\n"


@pytest.fixture
def load(tmp_path: Path):
    def read(text: str):
        (tmp_path / "shakedown.toml").write_text(LEAST + text)
        return load_target(tmp_path / "shakedown.toml", {}).load

    return read


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("", Constant()),
        ("shape = 'constant'", Constant()),
        ("shape = 'poisson'", Constant("poisson")),
        ("shape = { kind = 'constant', arrivals = 'poisson' }", Constant("poisson")),
        ("shape = { kind = 'step', levels_rps = [5, 50], each_s = 10 }", Step((5, 50), 10)),
        ("shape = { kind = 'ramp', to_rps = 90, over_s = 5 }", Ramp(90, 5)),
        ("[load.shape]\nkind = 'ramp'\nto_rps = 0\nover_s = 5\nafter_s = 2", Ramp(0, 5, 2)),
        (
            "shape = { kind = 'spike', peak_rps = 90, after_s = 5, for_s = 1, arrivals = 'poisson' }",
            Spike(90, 5, 1, "poisson"),
        ),
        ("shape = { kind = 'diurnal', low_rps = 0, high_rps = 9, period_s = 60 }", Diurnal(0, 9, 60)),
    ],
)
def test_each_shape_is_read(load, text, shape):
    assert load(text).shape == shape


def test_a_shape_with_rates_of_its_own_needs_no_other(load, tmp_path):
    assert load("shape = { kind = 'diurnal', low_rps = 10, high_rps = 30, period_s = 60 }").rate_rps == 20
    assert load("rate_rps = 7\nshape = 'poisson'").rate_rps == 7
    assert load("shape = 'poisson'").rate_rps is None
    (tmp_path / "moments.txt").write_text("0\n0.1\n0.2\n2\n")
    replayed = load("shape = { kind = 'replayed', file = 'moments.txt' }")
    assert replayed.shape == Replayed(str(tmp_path / "moments.txt"), 1.5, 3)
    assert replayed.rate_rps == 1.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shape = 3", ["load.shape is 3", "accepted: a table"]),
        ("shape = 'spiky'", ["load.shape.kind is 'spiky'", "did you mean spike?"]),
        ("shape = 'zzz'", ["load.shape.kind is 'zzz'", "constant, poisson, step, ramp, spike, diurnal, replayed"]),
        ("shape = {}", ["load.shape.kind is missing"]),
        ("shape = 'ramp'", ["load.shape.to_rps is missing", "load.shape.over_s is missing"]),
        ("shape = { kind = 'ramp', to_rps = -1, over_s = 1 }", ["load.shape.to_rps is -1", "0 to 20000"]),
        ("shape = { kind = 'ramp', to_rps = 1, over_s = 0 }", ["load.shape.over_s is 0", "more than 0"]),
        ("shape = { kind = 'ramp', to_rps = 1, over_s = 1, peak = 2 }", ["load.shape.peak is no key", "to_rps"]),
        ("shape = { kind = 'step', each_s = 1 }", ["load.shape.levels_rps is missing"]),
        ("shape = { kind = 'step', levels_rps = [], each_s = 1 }", ["load.shape.levels_rps", "as in [50, 100, 200]"]),
        ("shape = { kind = 'step', levels_rps = [0], each_s = 1 }", ["load.shape.levels_rps sends nothing"]),
        ("shape = { kind = 'step', levels_rps = [inf], each_s = 1 }", ["load.shape.levels_rps is no list of rates"]),
        ("shape = { kind = 'spike', peak_rps = 1, after_s = 1 }", ["load.shape.for_s is missing"]),
        (
            "shape = { kind = 'constant', arrivals = 'closed' }",
            ["load.shape.arrivals is 'closed'", "uniform or poisson"],
        ),
        (
            "shape = { kind = 'diurnal', low_rps = 9, high_rps = 2, period_s = 1 }",
            ["load.shape.low_rps is 9", "at most"],
        ),
        ("shape = { kind = 'replayed' }", ["load.shape.file is missing"]),
        ("shape = { kind = 'replayed', file = 'no.txt' }", ["load.shape.file cannot be read", "no.txt", "accepted"]),
        ("shape = { kind = 'replayed', file = '.' }", ["load.shape.file cannot be read", "accepted"]),
        ("shape = { kind = 'replayed', file = 'bad.txt' }", ["load.shape.file is refused", "line 2: 'x'", "accepted"]),
        (
            "rate_rps = 5\nshape = { kind = 'step', levels_rps = [1], each_s = 1 }",
            ["load.rate_rps stands beside a shape that says its own rates (step)"],
        ),
    ],
)
def test_a_wrong_shape_is_told_with_its_key_and_what_is_accepted(load, tmp_path, text, words):
    (tmp_path / "bad.txt").write_text("0\nx\n")
    with pytest.raises(UsageError) as caught:
        load(text)
    assert all(word in str(caught.value) for word in words), str(caught.value)
