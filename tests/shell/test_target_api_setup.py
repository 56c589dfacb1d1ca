"""What happens before the first request: migrations as a step of their own, and settings that are checked."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from target_api_rig import (
    ROOT,
    TOKEN_KEYS,
    Postgres,
    alembic,
    free_port,
    held,
    migrate,
    postgres_cluster,
    service,
    wait_until,
)

pytestmark = pytest.mark.real

HEAD = ["alembic_version", "idempotency_keys", "item_keys", "items", "users"]
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
MIGRATION_LOCK = 7_463_519_204  # as in migrations/env.py


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_cluster() as cluster:
        yield cluster


def test_replicas_that_migrate_at_once_all_succeed(postgres: Postgres) -> None:
    postgres.fetch("CREATE DATABASE at_once")
    with held(postgres, f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})", "at_once"):
        replicas = [alembic(postgres.url("at_once"), "upgrade", "head") for _ in range(3)]
        wait_until(lambda: len(postgres.fetch(WAITING, "at_once")) == 3, 30, "all three wait for their turn")
    said = [replica.communicate(timeout=90)[0] for replica in replicas]
    assert [replica.returncode for replica in replicas] == [0, 0, 0], said
    assert tables(postgres, "at_once") == HEAD


def tables(postgres: Postgres, database: str) -> list[str]:
    return [row["tablename"] for row in postgres.fetch(TABLES, database)]


def test_the_migrations_go_down_and_up_again(postgres: Postgres) -> None:
    postgres.fetch("CREATE DATABASE down")
    migrate(postgres.url("down"), "upgrade", "head")
    migrate(postgres.url("down"), "downgrade", "base")
    assert tables(postgres, "down") == ["alembic_version"]
    migrate(postgres.url("down"), "upgrade", "head")
    assert tables(postgres, "down") == HEAD


# What workers of the first version do, also while the second is rolled out.
FIRST_CREATE = """
WITH new AS (INSERT INTO items (name) VALUES ('{name}') RETURNING id)
INSERT INTO idempotency_keys (key, fingerprint, item_id) SELECT '{name}', 'f', id FROM new ON CONFLICT (key) DO NOTHING
"""
OWNED_CREATE = """
WITH owner AS (INSERT INTO users (name, password_hash) VALUES ('{owner}', 'h') RETURNING id),
     new AS (INSERT INTO items (name, owner_id) SELECT '{name}', id FROM owner RETURNING id, owner_id)
INSERT INTO item_keys (owner_id, key, fingerprint, item_id) SELECT owner_id, '{key}', 'f', id FROM new
"""
ITEMS = "SELECT string_agg(name, ' ' ORDER BY id) FROM items"
KEYS = """
SELECT string_agg(k.key || '=' || i.name, ' ' ORDER BY k.key) FROM idempotency_keys k JOIN items i ON i.id = item_id
"""


def test_the_way_back_keeps_every_item_and_key_and_leads_up_again(postgres: Postgres) -> None:
    postgres.fetch("CREATE DATABASE data")
    database, url = "data", postgres.url("data")
    migrate(url, "upgrade", "0001")
    postgres.fetch(FIRST_CREATE.format(name="first"), database)
    migrate(url, "upgrade", "0002")
    postgres.fetch(FIRST_CREATE.format(name="meanwhile"), database)
    for owner, name, key in (
        ("ann", "anchor", "k"),
        ("bob", "buoy", "k"),
        ("cat", "chain", "first"),
        ("dan", "davit", "d"),
    ):
        postgres.fetch(OWNED_CREATE.format(owner=owner, name=name, key=key), database)

    migrate(url, "downgrade", "0001")
    assert tables(postgres, database) == ["alembic_version", "idempotency_keys", "items"]
    assert postgres.fetch(ITEMS, database)[0][0] == "first meanwhile anchor buoy chain davit"
    assert postgres.fetch(KEYS, database)[0][0] == "d=davit first=first k=anchor meanwhile=meanwhile"
    postgres.fetch(FIRST_CREATE.format(name="back"), database)

    migrate(url, "upgrade", "head")
    assert postgres.fetch(ITEMS, database)[0][0] == "first meanwhile anchor buoy chain davit back"
    assert postgres.fetch("SELECT 1 FROM items WHERE owner_id IS NOT NULL", database) == []
    postgres.fetch(OWNED_CREATE.format(owner="ann", name="again", key="k"), database)


def test_replicas_that_go_down_at_once_lose_nothing(postgres: Postgres) -> None:
    postgres.fetch("CREATE DATABASE down_at_once")
    url = postgres.url("down_at_once")
    migrate(url, "upgrade", "head")
    postgres.fetch(OWNED_CREATE.format(owner="ann", name="anchor", key="k"), "down_at_once")
    replicas = [alembic(url, "downgrade", "0001") for _ in range(3)]
    said = [replica.communicate(timeout=90)[0] for replica in replicas]
    assert [replica.returncode for replica in replicas] == [0, 0, 0], said
    assert postgres.fetch(KEYS, "down_at_once")[0][0] == "k=anchor"


def test_a_migration_that_would_stall_the_service_gives_up_and_can_be_run_again(postgres: Postgres) -> None:
    postgres.fetch("CREATE DATABASE busy")
    url = postgres.url("busy")
    migrate(url, "upgrade", "0001")
    with held(postgres, "LOCK TABLE items IN ACCESS SHARE MODE", "busy"):
        process = alembic(url, "upgrade", "head")
        said, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "lock timeout" in said
    assert tables(postgres, "busy") == ["alembic_version", "idempotency_keys", "items"]
    migrate(url, "upgrade", "head")
    assert tables(postgres, "busy") == HEAD


def test_migrations_without_an_address_name_the_variable() -> None:
    process = alembic("", "upgrade", "head")
    said, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "DATABASE_URL" in said


GOOD: dict[str, str | None] = {
    "DATABASE_URL": "postgresql://a:hidden-one@127.0.0.1/x",
    "PRICING_URL": "http://127.0.0.1:9",
    "TOKEN_KEYS": TOKEN_KEYS,
}


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"DATABASE_URL": None}, "DATABASE_URL"),
        ({"PRICING_URL": None}, "PRICING_URL"),
        ({"TOKEN_KEYS": None}, "TOKEN_KEYS"),
        ({"DATABASE_URL": "mysql://a:hidden-one@127.0.0.1/x"}, "DATABASE_URL"),
        ({"TOKEN_KEYS": "k1:hidden-one"}, "TOKEN_KEYS"),
    ],
    ids=["no-database-url", "no-pricing-url", "no-token-keys", "wrong-scheme", "short-key"],
)
def test_a_wrong_environment_stops_the_start_and_is_named(changed: dict[str, str | None], name: str) -> None:
    command = [sys.executable, "-m", "gunicorn", "-c", "target_api/gunicorn.conf.py"]
    # One worker: a second that fails while Gunicorn stops for the first makes it end with a traceback and 1.
    environment = {"PATH": os.environ["PATH"], "BIND": f"127.0.0.1:{free_port()}", "WEB_CONCURRENCY": "1"}
    environment |= {name: value for name, value in (GOOD | changed).items() if value is not None}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 3
    assert f"ConfigurationError: Environment variables are missing or wrong: {name}: " in said
    assert "hidden-one" not in said


def test_a_service_on_a_database_that_was_not_migrated_says_so_in_its_log(postgres: Postgres, tmp_path: Path) -> None:
    postgres.fetch("CREATE DATABASE empty")
    with service(postgres.url("empty"), "http://127.0.0.1:9", tmp_path / "log") as api:
        api.wait_for("/ready", 200, 20)
        answer = api.get("/items")
        assert answer.status_code == 500
        assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
        wait_until(lambda: "UndefinedTableError" in api.log.read_text(), 20, "the traceback is logged")
        (line,) = [line for line in api.lines() if "UndefinedTableError" in str(line.get("exception"))]
        assert line["request_id"] == answer.headers["X-Request-ID"]
