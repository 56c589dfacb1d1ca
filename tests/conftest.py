"""With SHAKEDOWN_STRICT=1, as `make test` sets it, a skipped test fails: a missing part must not look like success."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

STRICT = os.environ.get("SHAKEDOWN_STRICT") == "1"


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
