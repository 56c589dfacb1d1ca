# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False
from pathlib import Path

import pytest

from harness.target import app_env, fill_env, load_target

FILE = """
[target]
app = "a:b"
pass_env = ["SHAKEDOWN_TEST_PASSED", "SHAKEDOWN_TEST_ABSENT"]
[target.env]
DSN = "postgresql+asyncpg://{postgres.user}:{postgres.password}@{postgres.host}:{postgres.port}/{postgres.database}"
WORD = "{postgres.password}"
RATES = "{rates.url}"
JSON = '{{"a": "{rates.host}"}}'
[parts.postgres]
[parts.rates]
kind = "http"
"""
VALUES = {
    "postgres": {
        "user": "u/1",
        "password": "p@:%{host}",
        "host": "127.0.0.1",
        "port": "5",
        "database": "d",
        "url": "-",
    },
    "rates": {"url": "http://127.0.0.1:6", "host": "127.0.0.1", "port": "6"},
}


@pytest.fixture
def target(tmp_path: Path):
    (tmp_path / "shakedown.toml").write_text(FILE)
    return load_target(tmp_path / "shakedown.toml", {})


def test_values_are_filled_in_and_encoded_in_urls_only(target, monkeypatch):
    monkeypatch.setenv("SHAKEDOWN_TEST_PASSED", "{as it is}")
    assert fill_env(target, VALUES) == {
        "SHAKEDOWN_TEST_PASSED": "{as it is}",
        "DSN": "postgresql+asyncpg://u%2F1:p%40%3A%25%7Bhost%7D@127.0.0.1:5/d",
        "WORD": "p@:%{host}",
        "RATES": "http://127.0.0.1:6",
        "JSON": '{"a": "127.0.0.1"}',
    }


def test_the_app_gets_what_a_process_needs_and_nothing_else_of_ours(target, monkeypatch):
    monkeypatch.setenv("SHAKEDOWN_TEST_OTHER", "x")
    monkeypatch.setenv("WEB_CONCURRENCY", "9")
    env = app_env(target, VALUES)
    assert env["PATH"].split(":")[0] == str(target.python.parent)
    assert env["WORD"] == "p@:%{host}"
    assert not {"SHAKEDOWN_TEST_OTHER", "WEB_CONCURRENCY", "SHAKEDOWN_TEST_ABSENT"} & set(env)
