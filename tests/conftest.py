"""With SHAKEDOWN_STRICT=1, as `make test` sets it, a skipped test fails: a missing part must not look like success.

A session in the background of a script inherits an ignored SIGINT and would hand it on to every child; tests that
interrupt a child need it to be heard.

Nor may a busy machine look like a failure: Hypothesis has no deadline for an example here, and no limit for making one.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from harness.ledger import Ledger

if TYPE_CHECKING:
    from audit_rig import Asked, Audited
    from fault_rig import Scene

STRICT = os.environ.get("SHAKEDOWN_STRICT") == "1"


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    expected_failure = hasattr(report, "wasxfail")
    if STRICT and report.skipped and not expected_failure:
        report.outcome = "failed"
        report.longrepr = f"skipped, which counts as a failure here: {reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if STRICT and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which counts as a failure here: {reason(report)}"
    return report


def reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A ledger of the test's own, as a run has one."""
    monkeypatch.setenv("SHAKEDOWN_STATE", str(tmp_path / "state"))
    ledger = Ledger.create()
    yield ledger
    os.close(ledger.fileno())


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is nobody's but the test's."""
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield child
    child.kill()
    child.wait()


@pytest.fixture(scope="session")
def audits(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[Asked, Future[Audited]]]:
    """Every audit that a test of this session reads, begun when the first of them does."""
    from audit_rig import asked_by
    from beside import beside

    out = tmp_path_factory.mktemp("audits")
    asked = enumerate(asked_by(request.session.items))
    with beside({each: each.run(out / f"{number:02d}") for number, each in asked}) as begun:
        yield begun


@pytest.fixture
def audited(request: pytest.FixtureRequest, audits: Mapping[Asked, Future[Audited]]) -> Audited:
    """The audit that the test's parameter asks for, by itself or by a name of those that are shared."""
    from audit_rig import SHARED

    return audits[SHARED.get(request.param, request.param)].result()


def _shared(name: str) -> Any:
    @pytest.fixture(name=name)
    def read(audits: Mapping[Asked, Future[Audited]]) -> Audited:
        from audit_rig import SHARED

        return audits[SHARED[name]].result()

    return read


reference_audit, twin_audit, static_audit = map(_shared, ("reference_audit", "twin_audit", "static_audit"))


@pytest.fixture(scope="session")
def faults() -> Iterator[Scene]:
    """Real parts behind real proxies, for every test of a fault."""
    from fault_rig import scene

    with scene() as made:
        yield made


@pytest.fixture(params=[None], ids=["engine"])
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which load driver LoadDriver.launch() starts: the engine, where a test does not name another."""
    from harness.load.client import ENGINE_DRIVER, LoadDriver, spawn_child

    defaults = (spawn_child, request.param or ENGINE_DRIVER)
    monkeypatch.setattr(LoadDriver.launch.__func__, "__defaults__", defaults)  # type: ignore[attr-defined]
