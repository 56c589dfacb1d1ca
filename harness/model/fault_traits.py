"""What a fault means beyond its own doing, for those who plan and judge: a name is here only if it means one of these.

`mild`: the part behind the link still answers, so a readiness that needs it may stay up. `fatal`: the process that it
hits is dead at once and is not asked to end; its supervisor may know at once. `final`: it ends the server, so that the
drain follows it. `lasting`: what it sets outlives a run that is killed, so it may only be set in a database of ours.
`ours`: it ends or stops a whole server, so only one that we started. `harmless`: the server goes on through it, with
other workers: it may cost no request, and no readiness. `returns`: it may end the server, and starts it again, so
that the service is away for a while and must be back after the lift. `drains`: requests are held open across its
SIGTERM, as across that of the drain. `answering`: the worker that it hits goes on to answer, and may well answer no:
that is no error of the service. `beside`: it is done beside the service, which must be well before and after it, while
the two share one machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Trait = Literal["mild", "fatal", "final", "lasting", "ours", "harmless", "answering", "returns", "drains", "beside"]

TRAITS: Mapping[str, tuple[Trait, ...]] = {
    "link.latency": ("mild",),
    "link.bandwidth": ("mild",),
    "link.slice": ("mild",),
    "link.cut-after": ("mild",),
    "postgres.read-only": ("lasting",),
    "postgres.slow": ("ours",),
    "postgres.freeze": ("ours",),
    "postgres.restart": ("ours",),
    "postgres.kill": ("ours",),
    "worker.kill": ("fatal",),
    "worker.pool": ("answering",),
    "worker.threads": ("answering",),
    "server.sigterm": ("final",),
    "server.kill": ("final", "fatal"),
    "server.sighup": ("harmless",),
    "server.scale-up": ("harmless",),
    "server.scale-down": ("harmless",),
    "server.recycle": ("harmless",),
    "server.reload-broken": ("returns",),
    "server.restart": ("returns", "drains"),
    "server.boot-without-postgres": ("returns",),
    "server.migrate-twice": ("beside",),
}


def has_trait(fault_id: str, trait: Trait) -> bool:
    """`fault_id` as in a scenario; the name of a part, or `ingress`, stands for its link or for the part itself."""
    what, _, name = fault_id.partition(".")
    kinds = (what,) if what in ("worker", "server", "client") else ("link", "http", "postgres")
    return any(trait in TRAITS.get(f"{kind}.{name}", ()) for kind in kinds)
