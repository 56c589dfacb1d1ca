"""PostgreSQL: a cluster of our own on a loopback port, or the user's server with a database of our own in it.

Superuser and app role are apart: the app owns its database and nothing else, so that our own reserved connection still
gets in when the app has used up every other one. Each trial gets a fresh database, cloned from a template.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import asyncpg

from harness.deployment import Address
from harness.errors import MachineError, UsageError
from harness.ledger import Ledger
from harness.model.target import PostgresPart
from harness.parts.postgres_cluster import Cluster, start_cluster
from harness.parts.postgres_login import Login, connect, is_refused, login_of, reason
from harness.parts.postgres_reserved import Reserved
from harness.system.ports import Ports
from harness.system.process import Spawner

_CLONE_TRIES = 5


@dataclass(frozen=True, slots=True)
class Database:
    """A database as the app reaches it: its own role, at the real server."""

    name: str
    user: str
    password: str = field(repr=False)
    host: str
    port: int

    @property
    def url(self) -> str:
        return _url(self, self.host, self.port)

    def values(self, host: str, port: int) -> Mapping[str, str]:
        """What `{part.KEY}` of a target file stands for, with the address of the proxy."""
        return {
            "host": host,
            "port": str(port),
            "user": self.user,
            "password": self.password,
            "database": self.name,
            "url": _url(self, host, port),
        }


def _url(database: Database, host: str, port: int) -> str:
    user, password, name = (quote(word, safe="") for word in (database.user, database.password, database.name))
    return f"postgresql://{user}:{password}@{host}:{port}/{name}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Postgres:
    """A server that answers, and what we made in it."""

    def __init__(self, part: PostgresPart, login: Login, ledger: Ledger, cluster: Cluster | None) -> None:
        self.part, self.name, self.cluster = part, part.name, cluster
        self._login, self._ledger = login, ledger
        self._prefix = f"shakedown_{ledger.token}_{_word(part.name)}"[:44]
        self._template: Database | None = None
        self._made: dict[str, int] = {}
        self._over: list[str] = []
        self._clones = 0
        self._stopped = False

    @property
    def address(self) -> Address:
        """The server itself, not a proxy."""
        return Address(self._login.host, self._login.port)

    @property
    def mark(self) -> str:
        """The application name of sessions that are not the app's."""
        return f"shakedown-{self._ledger.token}"

    @property
    def alive(self) -> bool:
        return self.cluster.process.alive if self.cluster else not self._stopped

    @property
    def down(self) -> bool:
        """Ended on purpose, by a fault that starts it again."""
        return self.cluster is not None and self.cluster.down

    async def make_template(self) -> Database:
        """The app role and an empty database that it owns, for the setup commands to fill."""
        if self.part.use_existing:
            user, password = self._login.user, self._login.password
            self._template = Database(self._login.database, user, password, self._login.host, self._login.port)
            return self._template
        role, password = f"{self._prefix}_app", secrets.token_urlsafe(18)
        await self._make(
            role,
            "role",
            f"CREATE ROLE {_quoted(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{password}'",
            # Without it a role that is no superuser cannot make databases for another.
            f"GRANT {_quoted(role)} TO CURRENT_USER",
        )
        database = Database(f"{self._prefix}_template", role, password, self._login.host, self._login.port)
        await self._make(database.name, "database", f"CREATE DATABASE {_quoted(database.name)} OWNER {_quoted(role)}")
        self._template = database
        return database

    @property
    def template_name(self) -> str:
        return self._template.name if self._template else ""

    async def make_tablespace(self, label: str, location: Path) -> str:
        """A place for databases in a folder that is empty and the server's; its name."""
        name = f"{self._prefix}_{_word(label)}_space"[:63]
        place = str(location).replace("'", "''")
        await self._make(name, "tablespace", f"CREATE TABLESPACE {_quoted(name)} LOCATION '{place}'")
        return name

    async def drop_tablespace(self, name: str) -> None:
        """With the databases that are given up, which may lie in it; no other may."""
        await self._sweep()
        if name in self._made:
            await self._unmake(name, f"DROP TABLESPACE IF EXISTS {_quoted(name)}")

    async def clone(self, label: str, *, empty: bool = False, tablespace: str = "") -> Database:
        """A fresh copy of the template for one trial; whoever is still connected to the template is cut off.

        `empty`: nothing of the template is in it, as before the first setup. `tablespace`: where its tables lie.
        """
        template = self._template
        if template is None:
            raise MachineError(f"The part {self.name} has no template yet.")
        if self.part.use_existing:
            return template
        await self._sweep()
        self._clones += 1
        name = f"{self._prefix}_{self._clones}_{_word(label)}"[:63]
        source = "template1" if empty else template.name
        place = f" TABLESPACE {_quoted(tablespace)}" if tablespace else ""
        for attempt in range(1, _CLONE_TRIES + 1):
            if not empty:
                await self._cut_off(template.name)
            try:
                await self._make(
                    name,
                    "database",
                    f"CREATE DATABASE {_quoted(name)} TEMPLATE {_quoted(source)} OWNER {_quoted(template.user)}{place}",
                )
                break
            except asyncpg.ObjectInUseError:
                if attempt == _CLONE_TRIES:
                    raise MachineError(f"The template of {self.name} is in use: a setup command still runs.") from None
        return Database(name, template.user, template.password, template.host, template.port)

    async def drop(self, database: Database) -> None:
        """Remove a database that we made, with whoever is connected; any other is left alone.

        In our own cluster it goes when the next one comes, and the last with all of it: a drop waits for a checkpoint.
        """
        if database.name not in self._made:
            return
        if self.cluster is not None:
            self._over.append(database.name)
        else:
            await self._drop(database.name)

    async def _sweep(self) -> None:
        while self._over:
            await self._drop(self._over.pop())

    async def reserve(self, database_name: str) -> Reserved:
        """Our own connection to a database, which does not pass the proxy."""
        app_role = self._template.user if self._template else self._login.user
        return await Reserved.open(self.name, self._login, database_name, app_role, self.mark)

    async def admin(self, database_name: str, *, ours: bool = False) -> asyncpg.Connection[asyncpg.Record]:
        """A superuser's connection to a database; the caller closes it. `ours`: it never counts as one of the app."""
        return await connect(self._login, database=database_name, name=self.mark if ours else "shakedown")

    async def stop(self) -> None:
        """Stop our cluster; on the user's server, drop what we made there."""
        if self._stopped:
            return
        self._stopped = True
        if self.cluster is not None:
            await self.cluster.stop()
            return
        for name in [name for name in self._made if name != f"{self._prefix}_app"]:
            await self._drop(name)
        for name in list(self._made):
            await self._unmake(name, f"DROP ROLE IF EXISTS {_quoted(name)}")

    async def _make(self, name: str, what: str, *statements: str) -> None:
        # Names only: a ledger holds no address and no password.
        entry = 0 if self.cluster else self._ledger.intend("database", name, object=what, part=self.name)
        try:
            await self._execute(*statements)
        except BaseException:
            if entry:
                self._ledger.ended(entry)
            raise
        self._made[name] = entry

    async def _drop(self, name: str) -> None:
        await self._unmake(name, f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")

    async def _unmake(self, name: str, statement: str) -> None:
        await self._execute(statement)
        entry = self._made.pop(name)
        if entry:
            self._ledger.ended(entry)

    async def _cut_off(self, database: str) -> None:
        await self._execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{database}' AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    async def _execute(self, *statements: str) -> None:
        try:
            connection = await connect(self._login)
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close(timeout=2)
        except asyncpg.ObjectInUseError:
            raise
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise MachineError(f"PostgreSQL ({self.name}) did not do what it was asked: {reason(error)}") from error


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:20]


async def start_postgres(part: PostgresPart, spawner: Spawner, ports: Ports, folder: Path) -> Postgres:
    """A server that answers. `folder` is a temporary one that the caller made and removes."""
    if part.url is not None:
        login = login_of(part)
        await _admit(part, login)
        return Postgres(part, login, spawner.ledger, None)
    if part.use_existing:
        raise UsageError(
            f"parts.{part.name}.use_existing needs parts.{part.name}.url: the server that has the database."
        )
    cluster = await start_cluster(part, spawner, ports, folder)
    return Postgres(part, cluster.login, spawner.ledger, cluster)


async def _admit(part: PostgresPart, login: Login) -> None:
    """Does the user's server answer, and may this role make what we need?"""
    try:
        connection = await connect(login)
        try:
            row = await connection.fetchrow(
                "SELECT rolsuper OR (rolcreatedb AND rolcreaterole) AS may FROM pg_roles WHERE rolname = current_user"
            )
        finally:
            await connection.close(timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        where = f"PostgreSQL at {login.host}:{login.port} (parts.{part.name}.url)"
        kind = "does not let us in" if is_refused(error) else "cannot be reached"
        raise MachineError(f"{where} {kind}: {reason(error)}") from error
    if not part.use_existing and not (row and row["may"]):
        raise UsageError(
            f"parts.{part.name}.url: the role {login.user} may not make a database and a role of our own. Give a"
            " superuser, or a role with CREATEDB and CREATEROLE, or set use_existing = true."
        )
