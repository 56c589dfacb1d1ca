"""What is handed over to be pasted reads again as what was recommended, whatever stands in its texts."""

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.target import Scalar
from harness.tuning.paste import File, files
from harness.tuning.paste.postgresql import quoted
from harness.tuning.recommendation import Effect, Recommendation, Setting

NASTY = st.text(max_size=60) | st.sampled_from(["a\nimport os", "'); DROP", '"""', "$(id)", "x\r\ny\u2028z", "\\", "#"])
VALUES = st.booleans() | st.integers(-(10**9), 10**9) | st.floats(0, 1e6).map(lambda s: round(s, 3)) | NASTY
PARTS = {"db": "postgres", "pricing": "http"}


def made(*settings: Setting, server: str = "gunicorn") -> dict[str, File]:
    found = files(Recommendation(settings), "app.main:app", server, PARTS)
    return {file.name: file for file in found}


def setting(key: str, value: Scalar, **more: Any) -> Setting:
    return Setting(key, more.pop("before", None), value, more.pop("reason", "It was measured."), **more)


def executed(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    exec(compile(text, "gunicorn.conf.py", "exec"), {"__builtins__": {}}, found)
    return found


def read_env(text: str) -> dict[str, str]:
    """As a shell reads it: words, comments left out."""
    return dict(word.split("=", 1) for word in shlex.split(text, comments=True))


def test_each_line_stands_below_its_reason_its_effect_and_what_is_not_tested() -> None:
    effect = Effect("capacity_rps", 1.31, 1.2, 1.42, 5)
    each = setting(
        "target.workers", 4, before=2, reason="3 % of the best, and fewest.", effect=effect, untested="8 hours."
    )
    assert made(each)["gunicorn.conf.py"].text == (
        "# Settings of Gunicorn as Shakedown recommends them. Take the lines into your own gunicorn.conf.py.\n\n"
        "# 3 % of the best, and fewest.\n"
        "# Before: 2.\n"
        "# Measured: capacity_rps +31.0 % (95 % interval +20.0 to +42.0 %, 5 pairs).\n"
        "# Not tested: 8 hours.\n"
        "workers = 4\n"
    )


@given(VALUES, NASTY, NASTY)
def test_gunicorns_configuration_is_python_that_sets_the_same(value: Scalar, reason: str, untested: str) -> None:
    each = setting("target.gunicorn.timeout", value, reason=reason, untested=untested, before=reason)
    file = made(setting("target.workers", 3), each)["gunicorn.conf.py"]
    assert executed(file.text) == {"workers": 3, "timeout": value}


@given(VALUES, NASTY)
def test_variables_are_read_by_a_shell_as_they_were_recommended(value: Scalar, reason: str) -> None:
    file = made(setting("target.env.POOL_SIZE", value, reason=reason))["settings.env"]
    if isinstance(value, str):
        assert (read_env(file.text), file.left_out) == ({}, ("target.env.POOL_SIZE",))
        assert "POOL_SIZE is left out: its value may be a secret." in file.text
    else:
        (text,) = read_env(file.text).values()
        assert text == {True: "true", False: "false"}[value] if isinstance(value, bool) else float(text) == float(value)


@given(NASTY, NASTY)
def test_what_may_be_a_secret_is_nowhere(secret: str, reason: str) -> None:
    each = Setting("target.env.DATABASE_URL", f"old-{secret}", f"hunter2-{secret}", "It was measured.")
    other = setting("parts.db.url", f"hunter2-{secret}")
    for file in made(each, other).values():
        assert "hunter2" not in file.text
        assert "old-" not in file.text


@pytest.mark.parametrize("server", ["uvicorn", "granian", "hypercorn"])
@given(value=st.integers(1, 100) | NASTY, reason=NASTY)
def test_a_command_line_is_one_command_with_the_same_words(server: str, value: Scalar, reason: str) -> None:
    each = setting(f"target.{server}.graceful_timeout", value, reason=reason)
    words = shlex.split(made(setting("target.workers", 2), each, server=server)["start.sh"].text, comments=True)
    assert words[:3] == [server, "--workers=2", f"--graceful-timeout={value}"]
    assert words[-1] == "app.main:app"


def test_flags_are_given_and_taken_back() -> None:
    on, off = setting("target.uvicorn.access_log", True), setting("target.uvicorn.proxy_headers", False)
    words = shlex.split(made(on, off, server="uvicorn")["start.sh"].text, comments=True)
    assert words == ["uvicorn", "--access-log", "--no-proxy-headers", "app.main:app"]


def test_settings_of_postgresql_are_lines_of_its_file_and_of_a_role_where_it_can_have_them() -> None:
    text = made(
        setting("parts.db.settings.statement_timeout", "2500ms"),
        setting("parts.db.settings.max_connections", 80),
        setting("parts.db.settings.log_line_prefix", "it's"),
        setting("parts.db.settings.jit", False),
    )["postgresql.conf"].text
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines == [
        "statement_timeout = '2500ms'",
        "max_connections = 80",
        "log_line_prefix = 'it''s'",
        "jit = off",
    ]
    assert "# For the app's role alone: ALTER ROLE app SET statement_timeout = '2500ms';" in text
    assert "ALTER ROLE app SET max_connections" not in text


@pytest.mark.parametrize("value", ["a\nb", "back\\slash", "\0"])
def test_what_the_file_and_sql_would_read_differently_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        quoted(value)


def test_two_databases_have_a_file_each() -> None:
    both = Recommendation(tuple(setting(f"parts.{part}.settings.work_mem", "8MB") for part in ("db", "old")))
    names = [file.name for file in files(both, "app:app", "gunicorn", {"db": "postgres", "old": "postgres"})]
    assert names == ["postgresql-db.conf", "postgresql-old.conf"]


def test_what_belongs_elsewhere_is_told_in_the_words_of_the_place() -> None:
    text = made(
        setting("proxy.read_timeout_s", 15),
        setting("pod.termination_grace_s", 45),
        setting("app.command_timeout_s", 3.5),
    )["elsewhere.txt"].text
    assert "proxy_read_timeout 15s;\n" in text
    assert "terminationGracePeriodSeconds: 45\n" in text
    assert "command_timeout_s = 3.5\n" in text


def test_without_settings_there_are_no_files() -> None:
    assert made() == {}
