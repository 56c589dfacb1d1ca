"""Settings of the reference API: limits that fit together, and errors that name a variable and hide its value."""

import pytest

from target_api.database import CLOSE_TIMEOUT_S
from target_api.settings import ConfigurationError, load_settings

GOOD = {
    "DATABASE_URL": "postgresql://app:p%40ss@db:5432/app?sslmode=disable",
    "PRICING_URL": "http://pricing:8080/v1",
    "TOKEN_KEYS": "k1:" + "a" * 43,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_the_default_limits_fire_in_the_right_order() -> None:
    s = load_settings()
    assert s.database_statement_timeout_s < s.database_command_timeout_s
    worst_s = s.database_acquire_timeout_s + 2 * s.database_command_timeout_s
    assert worst_s < s.request_deadline_s
    assert s.request_deadline_s + s.database_acquire_timeout_s <= 10  # a cancelled query is given back for 1 s
    assert s.pricing_timeout_s < s.request_deadline_s
    assert 5 + s.request_deadline_s + CLOSE_TIMEOUT_S < 30  # drain + deadline + close < graceful_timeout


def test_the_database_address_reaches_the_driver_unchanged() -> None:
    assert str(load_settings().database_url) == GOOD["DATABASE_URL"]


def test_no_secret_is_in_the_text_of_the_settings() -> None:
    settings = load_settings()
    assert "p%40ss" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://app:secret-7@db/app"),
        ("DATABASE_URL", "postgresql+asyncpg://app:secret-7@db/app"),
        ("DATABASE_URL", "secret-7"),
        ("DATABASE_URL", ""),
        ("PRICING_URL", "secret-7"),
        ("DATABASE_POOL_MAX", "0"),
        ("REQUEST_DEADLINE_S", "secret-7"),
        ("LOG_LEVEL", "secret-7"),
        ("TOKEN_KEYS", "secret-7"),
        ("TOKEN_KEYS", "k1:secret-7"),
        ("TOKEN_KEYS", "k1:" + "secret-7/" * 8),
        ("TOKEN_KEYS", f"secret-7:{'a' * 43},secret-7:{'b' * 43}"),
        ("TOKEN_ISSUER", ""),
        ("TOKEN_LIFETIME_S", "86401"),
        ("TOKEN_LIFETIME_S", "secret-7"),
        ("TOKEN_LEEWAY_S", "-1"),
        ("ENVIRONMENT", "secret-7"),
        ("BODY_MAX_BYTES", "0"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://app.example, *"),
        ("CORS_ORIGINS", "https://app.example/secret-7"),
        ("CORS_ORIGINS", "null"),
    ],
)
def test_what_is_wrong_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert f"{name}: " in str(caught.value)
    assert "secret-7" not in str(caught.value)


def test_all_that_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GOOD:
        monkeypatch.delenv(name)
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL: .*TOKEN_KEYS: .*PRICING_URL: "):
        load_settings()


def test_the_token_settings_have_safe_defaults() -> None:
    settings = load_settings()
    assert (settings.token_issuer, settings.token_lifetime_s, settings.token_leeway_s) == ("target-api", 900, 10)
    assert settings.token_keys[0].secret not in repr(settings).encode()
    assert "token_keys" not in repr(settings)


@pytest.mark.parametrize("keys", ["", "k1:too-short"])
def test_missing_and_wrong_token_keys_tell_how_to_make_one(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("TOKEN_KEYS", keys)
    with pytest.raises(ConfigurationError, match=r"TOKEN_KEYS: .*; make a secret with python -c"):
        load_settings()


def test_origins_are_a_list_of_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().cors_origins == ()
    monkeypatch.setenv("CORS_ORIGINS", " https://app.example,http://localhost:5173 ,")
    assert load_settings().cors_origins == ("https://app.example", "http://localhost:5173")


def test_it_is_production_unless_said_otherwise() -> None:
    assert load_settings().environment == "production"
    assert not load_settings().docs
