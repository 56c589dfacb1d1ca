"""What Toxiproxy, Kubernetes and people call a fault, and what it is called here: for the hint of an unknown one."""

from __future__ import annotations

from collections.abc import Mapping

OTHER_WORDS: Mapping[str, tuple[str, ...]] = {
    "jitter": ("latency with jitter_ms",),
    "delay": ("latency", "slow"),
    "lag": ("latency",),
    "timeout": ("blackhole",),
    "partition": ("blackhole",),
    "packet-loss": ("half-open",),
    "down": ("refuse", "kill"),
    "reset-peer": ("reset",),
    "limit-data": ("cut-after",),
    "slicer": ("slice",),
    "throttle": ("bandwidth", "cpu"),
    "503": ("error",),
    "garbage": ("wrong-body",),
    "corrupt": ("wrong-body",),
    "stop": ("freeze", "sigterm"),
    "pause": ("freeze",),
    "hang": ("freeze", "accept-then-hang"),
    "crash": ("kill",),
    "sigkill": ("kill",),
    "oom": ("memory",),
    "leak": ("memory",),
    "gil": ("hold-gil",),
    "connections": ("exhaust", "idle"),
    "reload": ("sighup",),
    "drain": ("sigterm",),
    "shutdown": ("sigterm",),
    "max-requests": ("recycle",),
    "slowloris": ("slow-sender",),
    "abort": ("disconnect",),
    "spike": ("burst",),
}
"""The first one that the kind takes is what was meant."""
