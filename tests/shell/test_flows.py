"""A load of a user's own Locust file, by a real driver against a server that breaks in known ways."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from load_fault_server import FaultServer, Listener, fault_server

from harness.errors import UsageError
from harness.load.client import FLOW_DRIVER, LoadDriver, spawn_child
from harness.load.flow_check import why_not
from harness.load.messages import Done
from harness.load.profile import Profile, Segment
from harness.load.replay import open_schedule
from harness.load.rows_file import read_rows
from harness.model import samples
from harness.model.request import RequestLine
from harness.model.rows import UNFINISHED, Outcome, Rows, ledger, nearest_rank
from harness.model.target import FlowSpec

pytestmark = pytest.mark.real

MS = 1_000_000
DEADLINE_S = 30.0

Lines = list[tuple[str, str]]
Seen = Counter[tuple[str, str, Outcome]]


def profile_for(server: FaultServer, *, duration_s: float = 1, rate_rps: float = 50, **changes: Any) -> Profile:
    plain: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "timeout_s": 10.0}
    segments, requests = (Segment.steady(duration_s, rate_rps),), (RequestLine("none"),)
    return Profile(**{**plain, "segments": segments, "requests": requests, **changes})


async def run_flow(
    profile: Profile,
    folder: Path,
    source: str,
    at_start: Callable[[LoadDriver, int], Awaitable[None]] | None = None,
    **flow: Any,
) -> tuple[Done, Rows, Lines, int]:
    """The last is the number of arrivals."""
    (folder / "flow.py").write_text(source)
    async with await LoadDriver.launch(spawn_child, FLOW_DRIVER) as driver:
        ready = await driver.prepare(profile, folder / "rows", flow=FlowSpec(str(folder / "flow.py"), **flow))
        assert ready.self_test == "ok"
        t0 = time.monotonic_ns() + 200 * MS
        await driver.start(t0)
        if at_start:
            await at_start(driver, t0)
        done = await driver.wait_done(DEADLINE_S)
        rows = np.array(read_rows(folder / "rows"))
        book = ledger(rows, done.due)
        assert book.balanced
        assert len(rows) == done.rows == done.due >= ready.arrivals
        told = (done.sent, done.answered, done.failed, done.timed_out, done.unfinished, done.not_sent)
        assert told == (book.sent, book.answered, book.failed, book.timed_out, book.unfinished, book.not_sent)
        return done, rows, driver.lines, ready.arrivals


def counted(rows: Rows, lines: Lines) -> Seen:
    pairs = zip(rows["endpoint"].tolist(), rows["code"].tolist(), strict=True)
    return Counter((*lines[endpoint], Outcome(code)) for endpoint, code in pairs)


TABLE = {
    "/ok": {Outcome.OK},
    "/chunked": {Outcome.OK},
    "/close": {Outcome.OK},
    "/interim": {Outcome.OK},
    "/close-delimited": {Outcome.OK},
    "/empty": {Outcome.OK},
    "/mute": {Outcome.TIMEOUT},
    "/slow-body": {Outcome.TIMEOUT_PARTIAL},
    "/slow-head": {Outcome.TIMEOUT_PARTIAL},
    "/eof": {Outcome.EOF_FRESH, Outcome.EOF_REUSED},
    "/rst": {Outcome.RESET_FRESH, Outcome.RESET_REUSED},
    "/eof-headers": {Outcome.EOF_HEADERS},
    "/rst-headers": {Outcome.RESET_HEADERS},
    "/eof-body": {Outcome.EOF_BODY},
    "/eof-chunk": {Outcome.EOF_BODY},
    "/rst-body": {Outcome.RESET_BODY},
    "/rst-chunk": {Outcome.RESET_BODY},
    "/garbage": {Outcome.PROTOCOL},
    "/500": {Outcome.BAD_STATUS},
}

EVERY_PATH = f"""
import random
from locust import FastHttpUser, HttpUser, task

PATHS = {list(TABLE)!r}

class Fast(FastHttpUser):
    @task(4)
    def ask(self):
        self.client.get(PATHS[self.arrival % len(PATHS)])

    @task
    def head(self):
        self.client.head("/head")

class Plain(HttpUser):
    tasks = Fast.tasks
"""


def test_each_way_to_fail_has_its_own_outcome_with_either_client(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server:
            profile = profile_for(server, duration_s=1.5, rate_rps=200, timeout_s=2.0)
            _, rows, lines, arrivals = await run_flow(profile, tmp_path, EVERY_PATH)
            seen = counted(rows, lines)
            for path, expected in TABLE.items():
                codes = {code for _, name, code in seen if name == path}
                assert codes, path
                assert codes <= expected, path
            assert {code for method, _, code in seen if method == "HEAD"} == {Outcome.OK}
            named: Counter[str] = Counter()
            for (_, name, _), count in seen.items():
                named[name] += count
            assert dict(server.seen) == dict(named), "what was sent arrived once"
            assert (rows["k"] < arrivals).all()
            assert (np.sort(rows["intended"]) == open_schedule(profile).whole().intended_ns).all()

    asyncio.run(scene())


ALWAYS_OK = """
from locust import FastHttpUser, task

class Asks(FastHttpUser):
    @task
    def ask(self):
        self.client.get("/ok")
"""
CUT = {
    Outcome.RESET_FRESH,
    Outcome.RESET_REUSED,
    Outcome.EOF_FRESH,
    Outcome.EOF_REUSED,
    Outcome.RESET_HEADERS,
    Outcome.EOF_HEADERS,
}


def test_codes_balance_through_a_server_that_hangs_ends_and_comes_back(tmp_path: Path) -> None:
    """Mute from 0.6 s on, gone at 1.2 s with all that it had in hand, and there again at 1.8 s."""

    async def scene() -> None:
        server = FaultServer()
        door = Listener(server)

        async def fault(_driver: LoadDriver, t0: int) -> None:
            nonlocal door
            server.stalled = (t0 + 600 * MS, t0 + 3600 * 1000 * MS)
            await asyncio.sleep((t0 + 1200 * MS - time.monotonic_ns()) / 1e9)
            await door.shut()
            server.stalled = (0, 0)
            await asyncio.sleep(0.6)
            door = Listener(server)

        profile = profile_for(server, duration_s=4, rate_rps=100, late_s=30.0)
        _, rows, lines, arrivals = await run_flow(profile, tmp_path, ALWAYS_OK, fault)
        await door.shut()
        seen = Counter(dict.fromkeys((Outcome.OK, Outcome.REFUSED), 0))
        for (_, _, code), count in counted(rows, lines).items():
            seen[code] += count
        cut = sum(seen[code] for code in CUT)
        assert set(seen) <= {Outcome.OK, Outcome.REFUSED} | CUT
        assert seen[Outcome.OK] + seen[Outcome.REFUSED] + cut == arrivals == len(rows)
        assert seen[Outcome.OK] >= 100
        assert seen[Outcome.REFUSED] >= 10
        assert cut >= 30
        assert seen[Outcome.OK] <= server.seen["/ok"] <= seen[Outcome.OK] + cut, "what was refused never arrived"
        late = rows[rows["intended"] >= rows["intended"].max() - 300 * MS]
        assert set(late["code"].tolist()) == {Outcome.OK}

    asyncio.run(scene())


def test_a_stall_is_seen_by_every_task_that_was_due(tmp_path: Path) -> None:
    source = """
from locust import FastHttpUser, task

class Asks(FastHttpUser):
    @task
    def ask(self):
        self.client.get("/ok")
        self.client.get("/json")
"""

    async def scene() -> None:
        async with fault_server() as server:

            async def stall(_: LoadDriver, t0: int) -> None:
                server.stalled = (t0 + 1000 * MS, t0 + 3000 * MS)

            profile = profile_for(server, duration_s=4, rate_rps=100)
            _, rows, lines, arrivals = await run_flow(profile, tmp_path, source, stall)
            due = open_schedule(profile).whole().intended_ns
            first, later = rows[rows["k"] < arrivals], rows[rows["k"] >= arrivals]
            assert (np.sort(first["intended"]) == due).all()
            assert len(first) == len(later) == 400
            truth = np.where((due >= 1000 * MS) & (due < 3000 * MS), 3000 * MS - due, 0)
            for per_mille in (900, 950, 990):
                told, true = nearest_rank(samples.response_ns(first), per_mille), nearest_rank(truth, per_mille)
                assert 0.97 * true <= told <= true + 2000 * MS, "what is left out makes it less, a busy machine more"
            assert nearest_rank(samples.response_ns(later), 500) < 500 * MS, "counts from its own start"
            assert set(counted(first, lines)) == {("GET", "/ok", Outcome.OK)}
            assert set(counted(later, lines)) == {("GET", "/json", Outcome.OK)}

    asyncio.run(scene())


JUDGING = """
from pathlib import Path
from locust import FastHttpUser, HttpUser, SequentialTaskSet, between, events, task

def hear(word):
    with Path(__file__).with_name("heard").open("a") as file:
        file.write(word + chr(10))

events.init.add_listener(lambda environment, **_: hear("init"))
events.test_start.add_listener(lambda environment, **_: hear("test_start"))
events.request.add_listener(lambda name, **_: hear("request"))
events.test_stop.add_listener(lambda environment, **_: hear("test_stop"))

class Fast(FastHttpUser):
    wait_time = between(50, 60)  # between its tasks, which an open model does not wait for

    @task
    def judged(self):
        with self.client.get("/500", catch_response=True, name="a 500 that is right") as answer:
            answer.success()
        with self.client.get("/ok", catch_response=True) as answer:
            answer.failure("it is not")

    @task
    class Nested(SequentialTaskSet):
        wait_time = between(0.01, 0.02)

        @task
        def one(self):
            self.client.get("/chunked")

        @task
        def two(self):
            self.client.post("/json", json={"a": 1})

class Plain(HttpUser):
    def on_start(self):
        self.client.get("/empty", name="log in")

    @task
    def broken(self):
        self.client.get("/ok", name="before")
        raise ValueError("what the answer should have had is not there")

    @task
    def nothing(self):
        pass

    @task
    def moved(self):
        self.client.get("/moved")
"""


def test_what_the_flow_says_of_an_answer_decides(tmp_path: Path) -> None:
    async def scene() -> None:
        async with fault_server() as server:
            profile = profile_for(server, rate_rps=60)
            done, rows, lines, arrivals = await run_flow(profile, tmp_path, JUDGING)
            seen = counted(rows, lines)
            assert {(name, code) for _, name, code in seen} == {
                ("a 500 that is right", Outcome.OK),
                ("/ok", Outcome.WRONG_BODY),
                ("/chunked", Outcome.OK),
                ("/json", Outcome.OK),
                ("log in", Outcome.OK),
                ("before", Outcome.OK),
                ("Plain.broken", Outcome.FLOW_ERROR),
                ("Plain.nothing", Outcome.NO_REQUEST),
                ("/moved", Outcome.OK),
                ("/500", Outcome.BAD_STATUS),  # where the redirect leads to
            }
            assert seen["GET", "/moved", Outcome.OK] == seen["GET", "/500", Outcome.BAD_STATUS]
            assert seen["GET", "/chunked", Outcome.OK] == seen["POST", "/json", Outcome.OK]
            assert seen["GET", "before", Outcome.OK] == seen["TASK", "Plain.broken", Outcome.FLOW_ERROR]
            assert sum(server.seen.values()) == int((rows["sent"] >= 0).sum())
            assert set(range(arrivals)) <= set(rows["k"].tolist())
            assert done.reason == "schedule"
            heard = (tmp_path / "heard").read_text().split()
            assert heard == ["init", "test_start", *["request"] * done.locust_requests, "test_stop"]
            assert done.locust_requests > arrivals / 2

    asyncio.run(scene())


def test_a_stop_names_what_was_open_and_what_was_not_sent(tmp_path: Path) -> None:
    source = """
from locust import FastHttpUser, constant, task

class Asks(FastHttpUser):
    wait_time = constant(60)

    @task
    def ask(self):
        self.client.get("/mute")

    @task
    def think(self):
        self.client.get("/ok")
        self.wait()
"""

    async def scene() -> None:
        async with fault_server() as server:

            async def stop_soon(driver: LoadDriver, _: int) -> None:
                async for total in driver.sums():
                    if total.sent >= 10:
                        break
                await driver.stop(drain_s=1.0)

            profile = profile_for(server, duration_s=60, rate_rps=20, timeout_s=30)
            done, rows, lines, arrivals = await run_flow(profile, tmp_path, source, stop_soon)
            seen = counted(rows, lines)
            assert done.reason == "stop"
            assert seen["GET", "/mute", Outcome.UNFINISHED] >= server.seen["/mute"] > 0
            answered, cut = seen["GET", "/ok", Outcome.OK], seen["GET", "/ok", Outcome.UNFINISHED]
            assert 0 < answered <= server.seen["/ok"] <= answered + cut
            assert {code for _, _, code in seen} <= {Outcome.OK, *UNFINISHED, Outcome.NOT_SENT_STOP}
            assert sum(1 for code in rows["code"] if code == Outcome.NOT_SENT_STOP) == done.not_sent
            assert done.sent + done.not_sent == arrivals == 1200

    asyncio.run(scene())


def test_a_closed_model_hides_no_reset_either(tmp_path: Path) -> None:
    source = """
from locust import FastHttpUser, HttpUser, constant, task

class Fast(FastHttpUser):
    wait_time = constant(0.01)

    @task
    def ask(self):
        self.client.get("/third-rst")

class Plain(HttpUser):
    tasks = Fast.tasks
    wait_time = constant(0.01)
"""

    async def scene() -> None:
        async with fault_server() as server:
            done, rows, lines, arrivals = await run_flow(
                profile_for(server, rate_rps=0), tmp_path, source, model="closed", users=4
            )
            assert arrivals == 0
            assert server.resets == int((rows["code"] == Outcome.RESET_REUSED).sum()) >= 3
            assert set(counted(rows, lines)) <= {
                ("GET", "/third-rst", code) for code in (Outcome.OK, Outcome.RESET_REUSED, Outcome.UNFINISHED)
            }
            assert server.seen["/third-rst"] == len(rows)
            assert done.locust_failures == server.resets

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("x = 1\n\ndef f():\n    return nothing\n\nf()\n", "flow.py line 4: NameError: name 'nothing' is not defined"),
        ("def f(:\n", "flow.py line 1: invalid syntax"),
        ("import no_such\n", "flow.py line 1: ModuleNotFoundError: No module named 'no_such' (the file runs in"),
        ("print('hello')\n", "flow.py has no class of Locust users"),
        ("from locust import HttpUser\n\nclass A(HttpUser):\n    pass\n", "flow.py line 3: the class A has no task"),
    ],
)
def test_a_file_that_cannot_be_run_is_told_with_its_line(source: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(source)
    assert why_not(tmp_path / "flow.py").startswith(told)


def test_a_file_that_broke_after_it_was_checked_is_the_users(tmp_path: Path) -> None:
    async def scene() -> None:
        (tmp_path / "flow.py").write_text("1 / 0\n")
        async with fault_server() as server, await LoadDriver.launch(spawn_child, FLOW_DRIVER) as driver:
            flow = FlowSpec(str(tmp_path / "flow.py"))
            with pytest.raises(UsageError, match=r"flow\.py line 1: ZeroDivisionError"):
                await driver.prepare(profile_for(server), tmp_path / "rows", flow=flow)

    asyncio.run(scene())
