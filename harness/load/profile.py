"""What a load is: how many arrivals, when, and which request each of them makes.

A profile is a value. It says everything that a load driver needs, so that the same profile and seed give the same
load from any driver, on any machine. It crosses the process border as JSON; wrong values are told as ValueErrors in
plain words, for the person who wrote the target file.
"""

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from harness.model.request import HEADER_NAME, RequestLine

MAX_CONNECTIONS = 2000
MAX_ARRIVALS = 20_000_000
PRECONNECT_FOR_S = 0.1

_PREFIX = re.compile(r"[0-9A-Za-z_.-]+")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which the rate goes in a straight line from one value to another."""

    duration_s: float
    rate_rps: float
    end_rate_rps: float

    @classmethod
    def steady(cls, duration_s: float, rate_rps: float) -> "Segment":
        return cls(duration_s, rate_rps, rate_rps)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.duration_s) and self.duration_s > 0):
            raise ValueError(f"a segment lasts longer than 0 s, not {self.duration_s:g}")
        for rate in (self.rate_rps, self.end_rate_rps):
            if not (math.isfinite(rate) and rate >= 0):
                raise ValueError(f"a rate is 0 requests a second or more, not {rate:g}")

    @property
    def arrivals(self) -> float:
        return self.duration_s * (self.rate_rps + self.end_rate_rps) / 2


@dataclass(frozen=True, slots=True)
class Tls:
    """`ca_file` is a PEM file of authorities in place of the system's. `server_name` is what the certificate must
    name, and the Host that is sent, where the load goes to an address or through a proxy."""

    ca_file: str = ""
    verify: bool = True
    server_name: str = ""

    def __post_init__(self) -> None:
        if not self.server_name.isascii() or not all(c.isalnum() or c in ".-" for c in self.server_name):
            raise ValueError(f"server_name is the name of a host, not {self.server_name!r}")


@dataclass(frozen=True, slots=True)
class Profile:
    """A whole load. `connections = 0` means as many as the rate and the timeouts can need.

    An arrival that finds every connection busy waits, for at most `queue_timeout_s`; then it counts as not sent.
    `replay` is a file of moments (replay.py) that takes the place of what the segments would give: they say then for
    how long it is played, and its highest rate. An arrival that the driver itself comes to later than `late_s` is not
    sent: a burst of old arrivals is not the load that was asked for. `preconnect` opens connections before the start,
    as many as the highest rate needs for answers within PRECONNECT_FOR_S. `values` is a CSV file (values.py).
    """

    host: str
    port: int
    segments: tuple[Segment, ...]
    requests: tuple[RequestLine, ...]
    arrivals: Literal["uniform", "poisson"] = "uniform"
    seed: int = 1
    timeout_s: float = 12.0
    connect_timeout_s: float = 2.0
    queue_timeout_s: float = 12.0
    connections: int = 0
    key_prefix: str = "k"
    pid_header: str = ""
    replay: str = ""
    late_s: float = 1.0
    preconnect: bool = False
    values: str = ""
    tls: Tls | None = None

    def __post_init__(self) -> None:
        if not self.host or not self.host.isascii() or not self.host.isprintable():
            raise ValueError(f"host is a name or an address, not {self.host!r}")
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port lies between 1 and 65535, not {self.port}")
        if self.arrivals not in ("uniform", "poisson"):
            raise ValueError(f"arrivals are uniform or poisson, not {self.arrivals!r}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed is a whole number from 0 up, not {self.seed}")
        for name in ("timeout_s", "connect_timeout_s", "queue_timeout_s", "late_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is more than 0, not {value:g}")
        if not 0 <= self.connections <= MAX_CONNECTIONS:
            raise ValueError(f"connections lies between 0 and {MAX_CONNECTIONS}, not {self.connections}")
        if not _PREFIX.fullmatch(self.key_prefix):
            raise ValueError(f"key_prefix holds letters, digits, dots, dashes and underscores, not {self.key_prefix!r}")
        if self.pid_header and not HEADER_NAME.fullmatch(self.pid_header):
            raise ValueError(f"pid_header: {self.pid_header!r} is no name of a header")
        self._check_size()

    def _check_size(self) -> None:
        if not self.segments:
            raise ValueError("a load has at least one segment")
        if not 1 <= len(self.requests) <= 65535:
            raise ValueError("a load has at least one request line, and at most 65535")
        expected = sum(segment.arrivals for segment in self.segments)
        if expected > MAX_ARRIVALS:
            raise ValueError(f"a load has at most {MAX_ARRIVALS:,} arrivals, not {expected:,.0f}")

    @property
    def duration_s(self) -> float:
        return sum(segment.duration_s for segment in self.segments)

    @property
    def peak_rps(self) -> float:
        return max(max(segment.rate_rps, segment.end_rate_rps) for segment in self.segments)

    def connection_limit(self) -> int:
        """How many connections may be open at once; one request at a time on each."""
        if self.connections:
            return self.connections
        mean = self.peak_rps * (self.timeout_s + self.connect_timeout_s)
        return min(MAX_CONNECTIONS, math.ceil(mean + 5 * math.sqrt(mean)) + 1)

    def preconnected(self) -> int:
        """How many connections are opened before the start."""
        return min(self.connection_limit(), math.ceil(self.peak_rps * PRECONNECT_FOR_S)) if self.preconnect else 0

    def key(self, k: int) -> str:
        return f"{self.key_prefix}-{k}"

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "Profile":
        try:
            segments = tuple(Segment(**segment) for segment in raw["segments"])
            requests = tuple(RequestLine.from_dict(line) for line in raw["requests"])
            tls = Tls(**raw["tls"]) if raw.get("tls") else None
            return cls(**{**raw, "segments": segments, "requests": requests, "tls": tls})
        except KeyError as error:
            raise ValueError(f"a load profile needs {error.args[0]}") from error
        except TypeError as error:
            raise ValueError(f"not a load profile: {error}") from error
