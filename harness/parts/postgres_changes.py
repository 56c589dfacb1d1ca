"""PostgreSQL itself tells who changes the schema: an event trigger of ours writes each change down.

It lives in a schema of our own, needs a superuser, and runs as its owner, so that the app's role need not be able to
write there. A change that is rolled back leaves no line, for its line is rolled back too.
"""

from __future__ import annotations

from typing import TypeAlias

import asyncpg

from harness.model.schema_change import Change

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SCHEMA = "shakedown_watch"
_FIRST = 2  # changes of each session that are held: what follows in the same transaction meets the other run too
_MOST = 200

_INSTALL = f"""
CREATE SCHEMA {SCHEMA};
CREATE TABLE {SCHEMA}.changes (
    n bigint GENERATED ALWAYS AS IDENTITY, command text, thing text, application text, pid int
);
CREATE FUNCTION {SCHEMA}.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $note$
DECLARE
    change record;
    told int := 0;
BEGIN
    IF tg_event = 'sql_drop' THEN
        FOR change IN SELECT object_type, object_identity FROM pg_event_trigger_dropped_objects()
                      WHERE original AND NOT is_temporary LOOP
            INSERT INTO {SCHEMA}.changes (command, thing, application, pid)
            VALUES (tg_tag, change.object_identity, current_setting('application_name'), pg_backend_pid());
        END LOOP;
        RETURN;
    END IF;
    FOR change IN SELECT command_tag, object_identity FROM pg_event_trigger_ddl_commands()
                  WHERE schema_name IS NULL OR schema_name NOT LIKE 'pg\\_temp%' LOOP
        INSERT INTO {SCHEMA}.changes (command, thing, application, pid)
        VALUES (change.command_tag, change.object_identity, current_setting('application_name'), pg_backend_pid());
        told := told + 1;
    END LOOP;
    IF told > 0 AND {{hold_s}} > 0 AND
       (SELECT count(*) FROM {SCHEMA}.changes WHERE pid = pg_backend_pid()) <= {_FIRST} + told - 1 THEN
        PERFORM pg_sleep({{hold_s}});
    END IF;
END
$note$;
CREATE EVENT TRIGGER {SCHEMA}_end ON ddl_command_end EXECUTE FUNCTION {SCHEMA}.note();
CREATE EVENT TRIGGER {SCHEMA}_drop ON sql_drop EXECUTE FUNCTION {SCHEMA}.note();
"""
_CHANGES = f"SELECT command, thing, application, pid FROM {SCHEMA}.changes ORDER BY n LIMIT {_MOST}"


async def watch_changes(connection: Connection, *, hold_s: float = 0.0) -> None:
    """From now on. `hold_s`: the first changes of each session take so much longer, so that two runs really meet."""
    await connection.execute(_INSTALL.replace("{hold_s}", f"{hold_s:g}"))


async def changes_of(connection: Connection) -> tuple[Change, ...]:
    rows = await connection.fetch(_CHANGES)
    return tuple(Change(row["command"], row["thing"], row["application"], row["pid"]) for row in rows)
