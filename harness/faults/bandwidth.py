"""Narrow a link: each of its connections carries at most `rate_kb_per_s`, in each direction.

A small question costs nothing, a large answer much; what the sender cannot send fills its buffers first. It is each
connection that is narrow, not the link: more connections carry more (Toxiproxy 2.12, seen).
"""

from __future__ import annotations

from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.faults.shaped import MOST_BYTES, Shaped
from harness.model.scenario import FaultUse


def _build(use: FaultUse, stage: Stage) -> Actor:
    rate = round(FAULT.value(use, "rate_kb_per_s"))
    load_bytes = min(MOST_BYTES, 1000 * rate)  # a second at most
    link, told = stage.links[use.what], {"rate_kb_per_s": rate}
    return Shaped(stage.toxiproxy, link, "bandwidth", {"rate": rate}, load_bytes, load_bytes / rate, told)


FAULT = FaultSpec(
    name="bandwidth",
    on="link",
    does="each connection of the link carries at most rate_kb_per_s in each direction",
    build=_build,
    owns="link/bandwidth",
    parameters=(Parameter("rate_kb_per_s", 50, 2, 500, "1000 bytes in a second, for each connection"),),
)
