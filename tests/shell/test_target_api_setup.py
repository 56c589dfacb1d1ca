"""What happens before the first request: migrations as a step of their own, and settings that are checked."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from target_api_rig import ROOT, Postgres, alembic, free_port, held, migrate, postgres_cluster, service, wait_until

pytestmark = pytest.mark.real

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
    tables = [row["tablename"] for row in postgres.fetch(TABLES, "at_once")]
    assert tables == ["alembic_version", "idempotency_keys", "items"]


def test_the_migrations_go_down_and_up_again(postgres: Postgres) -> None:
    postgres.fetch("CREATE DATABASE down")
    migrate(postgres.url("down"), "upgrade", "head")
    migrate(postgres.url("down"), "downgrade", "base")
    assert [row["tablename"] for row in postgres.fetch(TABLES, "down")] == ["alembic_version"]
    migrate(postgres.url("down"), "upgrade", "head")
    assert len(postgres.fetch(TABLES, "down")) == 3


def test_migrations_without_an_address_name_the_variable() -> None:
    process = alembic("", "upgrade", "head")
    said, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "DATABASE_URL" in said


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"PRICING_URL": "http://127.0.0.1:9"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://a:hidden-one@127.0.0.1/x"}, "PRICING_URL"),
        ({"DATABASE_URL": "mysql://a:hidden-one@127.0.0.1/x", "PRICING_URL": "http://127.0.0.1:9"}, "DATABASE_URL"),
    ],
    ids=["no-database-url", "no-pricing-url", "wrong-scheme"],
)
def test_a_wrong_environment_stops_the_start_and_is_named(env: dict[str, str], name: str) -> None:
    command = [sys.executable, "-m", "gunicorn", "-c", "target_api/gunicorn.conf.py"]
    environment = {"PATH": os.environ["PATH"], "BIND": f"127.0.0.1:{free_port()}"} | env
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)
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
        wait_until(lambda: "UndefinedTableError" in api.log.read_text(), 5, "the traceback is logged")
        (line,) = [line for line in api.lines() if "UndefinedTableError" in str(line.get("exception"))]
        assert line["request_id"] == answer.headers["X-Request-ID"]
