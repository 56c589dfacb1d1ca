"""What a deployer may set, read from the environment and checked before the first request.

The defaults fit together: statement < command timeout; acquire + 2 x command < request deadline; deadline + drain <
graceful_timeout of gunicorn.conf.py. Change one and look at its neighbours.
"""

import re
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field, HttpUrl, PostgresDsn, UrlConstraints, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from target_api.tokens import TokenKey, read_keys

Seconds = Annotated[float, Field(gt=0, le=300)]
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")


def exact_origins(value: object) -> object:
    """A browser sends its origin in this very form: what is written otherwise would never match."""
    origins = tuple(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else value
    if isinstance(origins, tuple) and not all(ORIGIN.fullmatch(one) for one in origins):
        raise ValueError("origins are written https://app.example, separated by commas; * is not accepted")
    return origins


Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(exact_origins)]


class DatabaseUrl(PostgresDsn):
    """As asyncpg and Alembic take it: without the +driver that SQLAlchemy would add."""

    _constraints = UrlConstraints(allowed_schemes=["postgresql", "postgres"], host_required=True)


class ConfigurationError(Exception):
    """The environment does not describe a service that can run."""


class DatabaseSettings(BaseSettings):
    """What an operator's command needs, which serves no requests."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore")

    database_url: DatabaseUrl = Field(repr=False)
    database_pool_max: int = Field(default=10, ge=1, le=200)
    database_acquire_timeout_s: Seconds = 1.0
    database_connect_timeout_s: Seconds = 2.0
    database_command_timeout_s: Seconds = 3.0
    database_statement_timeout_s: Seconds = 2.5


class Settings(DatabaseSettings):
    token_keys: Annotated[tuple[TokenKey, ...], NoDecode, BeforeValidator(read_keys)] = Field(
        default="",  # type: ignore[arg-type]  # it is validated too, and refused with a hint how to make a key
        repr=False,
    )
    token_issuer: str = Field(default="target-api", min_length=1, max_length=200)
    token_lifetime_s: int = Field(default=900, ge=1, le=86400)
    token_leeway_s: int = Field(default=10, ge=0, le=300)

    pricing_url: HttpUrl = Field(repr=False)
    pricing_timeout_s: Seconds = 2.0
    pricing_max_in_flight: int = Field(default=20, ge=1, le=1000)
    pricing_breaker_failures: int = Field(default=5, ge=1, le=1000)
    pricing_breaker_window_s: Seconds = 10.0
    pricing_breaker_pause_s: Seconds = 1.0

    environment: Literal["development", "staging", "production"] = "production"
    sentry_dsn: HttpUrl | None = Field(default=None, repr=False)
    cors_origins: Origins = ()
    docs: bool = False
    body_max_bytes: int = Field(default=2**20, ge=1, le=2**30)

    ready_interval_s: Seconds = 0.5
    ready_timeout_s: Seconds = 0.8
    request_deadline_s: Seconds = 9.0
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


S = TypeVar("S", bound=DatabaseSettings)


def load_settings() -> Settings:
    return load(Settings)


def load(kind: type[S]) -> S:
    """Settings from the environment, or an error that names the variables and never shows a value."""
    try:
        return kind()  # type: ignore[call-arg]  # the fields come from the environment
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"Environment variables are missing or wrong: {faults}") from None
