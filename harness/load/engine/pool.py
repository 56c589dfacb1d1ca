"""The connections of a load: those that are idle, those that are being opened, and what waits for one."""

import asyncio
import collections
import socket
from collections.abc import Callable

from harness.load.engine.connection import Connection, Job, Owner
from harness.load.profile import Profile
from harness.model.rows import Outcome

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
        self.waiting: collections.deque[Job] = collections.deque()
        self.opened = 0

    def share_limit(self, engines: int) -> None:
        """A limit that was asked for is that of all engines together; one of our own is a bound that none reaches."""
        if self._profile.connections:
            self._limit = max(1, -(-self._profile.connections // max(1, engines)))

    @property
    def opening(self) -> int:
        return len(self._opening)

    def serve(self, job: Job) -> None:
        """Over an idle connection, the one that was used last; else over a new one; else later."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.usable:
                self._send(connection, job)
                return
        if len(self._open) + len(self._opening) < self._limit:
            self._connect(job)
        else:
            self.waiting.append(job)

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
        for connection in list(self._open):
            if connection.busy:
                connection.give_up(Outcome.UNFINISHED)
            connection.close()
        self._idle.clear()

    def _fill(self) -> None:
        while self.waiting and len(self._open) + len(self._opening) < self._limit:
            self._connect(self.waiting.popleft())

    def _connect(self, job: Job) -> None:
        self.opened += 1
        task = asyncio.get_running_loop().create_task(self._try(job, self.opened))
        self._opening[task] = job

    async def _try(self, job: Job, number: int) -> None:
        task = asyncio.current_task()
        connection: Connection | None = None
        code = Outcome.CONNECT_OTHER
        try:
            connection = await self._opened(number)
        except TimeoutError:
            code = Outcome.CONNECT_TIMEOUT
        except ConnectionRefusedError:
            code = Outcome.REFUSED
        except OSError:
            code = Outcome.CONNECT_OTHER
        assert task is not None
        if self._opening.pop(task, None) is None:
            return  # the load has ended meanwhile
        if connection is None:
            self._failed(job, code)
            self._fill()
            return
        self._open.add(connection)
        self._send(connection, job)

    async def _opened(self, number: int) -> Connection:
        loop = asyncio.get_running_loop()
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(self._profile.connect_timeout_s):
                await loop.sock_connect(sock, self._where)
            _, connection = await loop.create_connection(
                lambda: Connection(self._owner, number, self._pid_header), sock=sock
            )
        except BaseException:
            sock.close()
            raise
        return connection
