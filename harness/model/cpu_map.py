"""Which CPUs the load generator and the service have, each for itself where there are enough.

A generator that has to wait for the service's CPU tells its own wait as the service's latency. Apart from each other
they need three CPUs: of two, each would have one, and a service of several workers, its database and its proxies on a
single CPU is another service. So nothing is pinned there, and it is said.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

_LEAST = 3
_FOR_TWO = 8


@dataclass(frozen=True, slots=True)
class CpuMap:
    """Numbers of CPUs. `generator` and `service` are empty where nothing is pinned; `why` then says why."""

    allowed: tuple[int, ...]
    generator: tuple[int, ...] = ()
    service: tuple[int, ...] = ()
    why: str = ""

    @property
    def told(self) -> str:
        if not self.generator:
            return self.why
        return f"the load generator has {_listed(self.generator)}, the service and its parts {_listed(self.service)}"


def plan_cpus(allowed: Collection[int], usable: float, engines: int = 1) -> CpuMap:
    """`usable` is what the quota leaves of the allowed ones. The generator gets the last of them, or the last two.

    Several engines get one each, as long as the service keeps two.
    """
    cpus = tuple(sorted(allowed))
    shared = "load generator, service and parts share them, for apart they would need three"
    if usable < len(cpus):
        told = f"{usable:g} of {len(cpus)} CPUs may be used: a quota cannot be divided, so nothing is pinned"
        return CpuMap(cpus, why=told)
    if len(cpus) < _LEAST:
        return CpuMap(cpus, why=f"{len(cpus)} CPU{'s' if len(cpus) != 1 else ''}: {shared}")
    count = max(2 if len(cpus) >= _FOR_TWO else 1, min(engines, len(cpus) - 2))
    return CpuMap(cpus, cpus[-count:], cpus[:-count])


def _listed(cpus: Sequence[int]) -> str:
    return f"CPU{'s' if len(cpus) != 1 else ''} {', '.join(str(cpu) for cpu in cpus)}"
