"""Who ends a statement that waits: PostgreSQL's own log and the age of what is in hand, on a real server."""

import asyncio
import re

import asyncpg
import pytest
from parts_rig import bench
from probe_rig import running, watch_port

from harness.deployment import Address
from harness.model.observation import DatabaseSampled, Noted, SessionLimits
from harness.model.target import PostgresPart
from harness.parts.postgres import Database, Postgres, start_postgres
from harness.probes import read_session_limits
from harness.probes.database import DatabaseProbe
from harness.system.ports import Ports
from harness.tuning.paste.postgresql import postgresql
from harness.tuning.recommendation import Recommendation, Setting

pytestmark = pytest.mark.real

PART = PostgresPart("postgres", settings={"statement_timeout": "3s", "lock_timeout": "2min"})
WAIT = "SELECT pg_sleep(60)"


async def paste(server: Postgres, database: Database) -> None:
    """What a recommendation writes for the app's role, as somebody takes it over."""
    recommended = Setting("parts.postgres.settings.statement_timeout", None, "2500ms", "It was measured.")
    file = postgresql(Recommendation((recommended,)), "postgres")
    assert file is not None
    (statement,) = re.findall(r"ALTER ROLE app .*;", file.text)
    admin = await server.admin(database.name)
    await admin.execute(statement.replace("ROLE app", f'ROLE "{database.user}"'))
    await admin.close()


def test_the_age_of_a_statement_and_who_ended_it_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.probes.database.PERIOD_S", 0.1)

    async def scenario() -> None:
        async with bench() as b:
            server = await start_postgres(PART, b.spawner, b.ports, b.folder)
            assert server.cluster is not None
            await server.make_template()
            database = await server.clone("one")
            reserved = await server.reserve(database.name)
            seen = watch_port(b.ports.take())

            await read_session_limits(seen.watch, "postgres", server.address, database, server.mark)
            (read,) = seen.of(SessionLimits)
            assert (read.part, read.statement_s, read.lock_s, read.idle_in_transaction_s) == ("postgres", 3, 120, 0)

            def looks() -> list[DatabaseSampled]:
                return seen.of(DatabaseSampled)

            await paste(server, database)
            await read_session_limits(seen.watch, "postgres", server.address, database, server.mark)
            assert seen.of(SessionLimits)[-1].statement_s == 2.5, "a line to paste is one that PostgreSQL takes"

            async with running(DatabaseProbe(seen.watch, "postgres", reserved, log=server.cluster.log)):
                app = await asyncpg.connect(database.url, ssl=False)
                with pytest.raises(asyncpg.QueryCanceledError, match="statement timeout"):
                    await app.execute(WAIT)
                await seen.until(lambda: looks()[-1].timed_out == 1, 20, "the server's own limit")
                assert max(look.oldest_s for look in looks()) > 1
                with pytest.raises(TimeoutError):
                    await app.execute(WAIT, timeout=0.5)
                await seen.until(lambda: looks()[-1].cancelled == 1, 20, "the driver's cancel")
                assert looks()[-1].timed_out == 1
                await app.close()
            await reserved.close()
            await server.stop()

    asyncio.run(scenario())


def test_limits_that_cannot_be_read_are_noted() -> None:
    async def scenario() -> None:
        ports = Ports()
        seen, nobody = watch_port(ports.take()), Address("127.0.0.1", ports.take())
        database = Database("one", "app", "secret", nobody.host, nobody.port)
        await read_session_limits(seen.watch, "postgres", nobody, database, "ours")
        (note,) = seen.of(Noted)
        assert note.what == "session-limits-unseen"
        assert "secret" not in note.text
        assert seen.of(SessionLimits) == []

    asyncio.run(scenario())
