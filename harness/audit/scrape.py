"""Reads a page of metrics in Prometheus' text format as far as counters of requests need it."""

from __future__ import annotations

import re

_SAMPLE = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{[^\n]*\})?\s+([-+0-9.eE]+|NaN|[+-]?Inf)(?:\s+-?\d+)?\s*")
_COUNTS = ("_total", "_count")


def request_counters(text: str) -> dict[str, float] | None:
    """Sums over all labels of the counters whose name speaks of requests; None where this is no page of metrics."""
    sums: dict[str, float] = {}
    samples = 0
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        found = _SAMPLE.fullmatch(line)
        if found is None:
            return None
        samples += 1
        name = found.group(1)
        if "request" in name.lower() and name.endswith(_COUNTS):
            sums[name] = sums.get(name, 0.0) + float(found.group(2))
    return sums if samples or "# TYPE" in text else None
