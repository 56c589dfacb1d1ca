"""What each layer of the reference API costs, against the same handler with its query and none of them.

    .venv/bin/python benchmarks/layers.py [ROUNDS]

One Uvicorn process for each variant, all on one real PostgreSQL. A round asks each of them, in a shuffled order, for
the same list over one kept connection, one request after the other; its figure is the median request. Compared is
within a round, and told is the median of the rounds' ratios with a bootstrap interval of 95 %. The client's own part
of a request is in both sides of a ratio: it is measured beside, against a socket that answers at once, and taken off.
Goal: all layers together at most 25 %, by the upper end of the interval for a pass and the lower end for a miss.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "shell")]

from target_api_rig import TOKEN_KEYS, Postgres, free_port, migrate, postgres_cluster, wait_until  # noqa: E402

from target_api.tokens import Tokens, read_keys  # noqa: E402

REQUESTS = 40
ROUNDS = 100
WARM_UP = 300
GOAL = 0.25
ALL = "request-id,log,auth,metrics,headers,body-limit,end"
VARIANTS = {
    "bare": "",
    "bare again": "",
    "request id": "request-id",
    "request id, log": "request-id,log",
    "auth": "auth",
    "metrics": "metrics",
    "headers": "headers",
    "body limit": "body-limit",
    "deadline, 500": "end",
    "all": ALL,
}
PATH = "/items?limit=10"


class Connection:
    def __init__(self, port: int, token: str) -> None:
        self.wire = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = f"GET {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()

    def ask_s(self) -> float:
        began_s = time.perf_counter()
        self.wire.sendall(self.request)
        got = self.wire.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self.wire.recv(65536)
        took_s = time.perf_counter() - began_s
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(got.decode())
        return took_s


def start(layers: str, database_url: str, folder: Path, name: str) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    metrics = folder / f"{name}-metrics"
    metrics.mkdir()
    env = {"PATH": os.environ["PATH"], "LAYERS": layers, "DATABASE_URL": database_url, "TOKEN_KEYS": TOKEN_KEYS}
    env |= {"PRICING_URL": "http://127.0.0.1:9", "PROMETHEUS_MULTIPROC_DIR": str(metrics), "DATABASE_POOL_MAX": "2"}
    words = ["-m", "uvicorn", "--factory", "benchmarks.layers_app:make", "--port", str(port), "--no-access-log"]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, env=env, stdout=log, stderr=log)
    return process, port


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def echo(answer: bytes) -> int:
    """The client's own part: what answers at once, with the same bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        wire, _ = listener.accept()
        while wire.recv(65536):
            wire.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


def measure(connections: dict[str, Connection], rounds: int) -> list[dict[str, float]]:
    order = list(connections)
    for name in order:
        for _ in range(WARM_UP):
            connections[name].ask_s()
    seen = []
    for _ in range(rounds):
        random.shuffle(order)
        seen.append({name: median(connections[name].ask_s() for _ in range(REQUESTS)) for name in order})
    return seen


def interval(values: list[float]) -> tuple[float, float]:
    """Of the median, by resampling the rounds."""
    medians = sorted(median(random.choices(values, k=len(values))) for _ in range(2000))
    return medians[50], medians[1949]


def run(postgres: Postgres, folder: Path, rounds: int) -> list[dict[str, float]]:
    migrate(postgres.url(), "upgrade", "head")
    postgres.fetch("INSERT INTO items (name) SELECT 'item-' || n FROM generate_series(1, 1000) n")
    token = Tokens(read_keys(TOKEN_KEYS), "target-api", 3600, 10).issue(1)
    with ExitStack() as stack:
        ports = {}
        for n, (name, layers) in enumerate(VARIANTS.items()):
            process, ports[name] = start(layers, postgres.url(), folder, f"variant-{n}")
            stack.callback(process.wait, 10)
            stack.callback(process.terminate)
        for port in ports.values():
            wait_until(lambda port=port: accepts(port), 30, "the service listens")  # type: ignore[misc]
        connections = {name: Connection(port, token) for name, port in ports.items()}
        connections["client"] = Connection(echo(b"HTTP/1.1 200 OK\r\ncontent-length: 700\r\n\r\n" + b"x" * 700), token)
        return measure(connections, rounds)


def main(rounds: int) -> int:
    with tempfile.TemporaryDirectory(prefix="layers-") as folder, postgres_cluster() as postgres:
        seen = run(postgres, Path(folder), rounds)
    client_s = median(one["client"] for one in seen)
    bare_s = median(one["bare"] for one in seen)
    print(
        f"{rounds} rounds of {REQUESTS} requests; bare {bare_s * 1e6:.0f} µs, the client's part {client_s * 1e6:.0f} µs"
    )
    for name in list(VARIANTS)[1:]:
        costs = [(one[name] - one["bare"]) / (one["bare"] - one["client"]) for one in seen]
        low, high = interval(costs)
        added_us = median((one[name] - one["bare"]) * 1e6 for one in seen)
        print(f"  {name:18} {median(costs):+6.1%}   ({low:+.1%} to {high:+.1%})   {added_us:+5.0f} µs")
    print(f"Goal: all layers together at most {GOAL:.0%}.")
    return 0 if high <= GOAL else 1 if low > GOAL else 2


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
