"""The connections of a load: those that are idle, those that are being opened, and what waits for one."""

import asyncio
import collections
import socket
import sys
from collections.abc import Callable

from harness.load.engine.connection import Connection, Job, Owner
from harness.load.engine.security import context_of
from harness.load.profile import Profile
from harness.model.rows import Outcome

_AHEAD_AT_ONCE = 32

Failed = Callable[[Job, Outcome], None]
Send = Callable[[Connection, Job], None]


class Pool:
    """As many connections as the profile allows. What finds none waits, in order."""

    def __init__(self, profile: Profile, owner: Owner, send: Send, failed: Failed) -> None:
        self._profile, self._owner, self._send, self._failed = profile, owner, send, failed
        family, _, _, _, where = socket.getaddrinfo(profile.host, profile.port, type=socket.SOCK_STREAM)[0]
        self._family, self._where = family, where  # once, before the load: a name server is no part of what is measured
        self._limit = profile.connection_limit()
        self._pid_header = profile.pid_header.lower().encode()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening: dict[asyncio.Task[None], Job] = {}
        self._ahead: set[asyncio.Task[None]] = set()
        self._still_ahead = 0
        self._engines = 1
        self._tls = context_of(profile.tls) if profile.tls else None
        self._server_name = (profile.tls.server_name or profile.host) if profile.tls else None
        self._told = False
        self.waiting: collections.deque[Job] = collections.deque()
        self.opened = 0

    def share_limit(self, place: int, engines: int) -> None:
        """A limit that was asked for is that of all engines together; one of our own is a bound that none reaches.

        Each has one connection at least.
        """
        self._engines = engines
        if self._profile.connections:
            each, rest = divmod(self._profile.connections, engines)
            self._limit = max(1, each + (place < rest))

    def open_ahead(self, connections: int) -> None:
        """Open so many before anything needs them, a few at a time: a server has a limited backlog."""
        self._still_ahead = -(-connections // self._engines)
        for _ in range(_AHEAD_AT_ONCE):
            self._open_next_ahead()

    @property
    def opening(self) -> int:
        """Arrivals whose connection is being opened."""
        return len(self._opening)

    @property
    def _is_full(self) -> bool:
        return len(self._open) + len(self._opening) + len(self._ahead) >= self._limit

    def serve(self, job: Job) -> None:
        """Over an idle connection, the one that was used last; else over a new one; else later."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.usable:
                self._send(connection, job)
                return
        if self._is_full:
            self.waiting.append(job)
        else:
            self._connect(job)

    def release(self, connection: Connection) -> None:
        if self.waiting:
            self._send(connection, self.waiting.popleft())
        else:
            self._idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """It is closed; its place is free for what waits."""
        self._open.discard(connection)
        self._fill()

    def end(self) -> None:
        """Everything that is open ends now, and is told."""
        self.waiting.clear()
        for task, job in list(self._opening.items()):
            task.cancel()
            self._failed(job, Outcome.UNFINISHED_CONNECT)
        self._opening.clear()
        self._still_ahead = 0
        for task in list(self._ahead):
            task.cancel()
        self._ahead.clear()
        for connection in list(self._open):
            if connection.busy:
                connection.give_up(Outcome.UNFINISHED)
            connection.close()
        self._idle.clear()

    def _fill(self) -> None:
        while self.waiting and not self._is_full:
            self._connect(self.waiting.popleft())

    def _connect(self, job: Job) -> None:
        self.opened += 1
        task = asyncio.get_running_loop().create_task(self._try(job, self.opened))
        self._opening[task] = job

    def _open_next_ahead(self) -> None:
        if self._still_ahead and not self._is_full:
            self._still_ahead -= 1
            self.opened += 1
            self._ahead.add(asyncio.get_running_loop().create_task(self._try_ahead(self.opened)))

    async def _try(self, job: Job, number: int) -> None:
        made = await self._attempt(number)
        task = asyncio.current_task()
        assert task is not None
        if self._opening.pop(task, None) is None:
            return  # the load has ended meanwhile
        if isinstance(made, Connection):
            self._open.add(made)
            self._send(made, job)
        else:
            self._failed(job, made)
            self._fill()

    async def _try_ahead(self, number: int) -> None:
        """Whether it comes or not, no arrival is told of it: those that need one will see for themselves."""
        made = await self._attempt(number)
        task = asyncio.current_task()
        assert task is not None
        if task not in self._ahead:
            return
        self._ahead.discard(task)
        if isinstance(made, Connection):
            self._open.add(made)
            self.release(made)
        else:
            self._fill()
        self._open_next_ahead()

    async def _attempt(self, number: int) -> Connection | Outcome:
        try:
            return await self._opened(number)
        except TimeoutError:
            return Outcome.CONNECT_TIMEOUT
        except ConnectionRefusedError:
            return Outcome.REFUSED
        except OSError as error:
            if not self._told:  # a certificate that is not trusted looks like any other failure in the rows
                self._told = True
                print(f"connection {number} could not be opened: {error}", file=sys.stderr)
            return Outcome.CONNECT_OTHER

    async def _opened(self, number: int) -> Connection:
        loop = asyncio.get_running_loop()
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(self._profile.connect_timeout_s):
                await loop.sock_connect(sock, self._where)
                _, connection = await loop.create_connection(
                    lambda: Connection(self._owner, number, self._pid_header),
                    sock=sock,
                    ssl=self._tls,
                    server_hostname=self._server_name,
                )
        except BaseException:
            sock.close()
            raise
        return connection
