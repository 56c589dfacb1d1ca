"""What the tables hold, a block of rows at a time: an hour of load has millions of them.

What a record does not know is nothing in a table: an empty cell of CSV, a null of Parquet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from harness.model.histogram import Clock, by_phase, by_request, by_second, upper_ns
from harness.model.observation import PhaseName
from harness.model.record import TrialRecord
from harness.model.rows import ANSWERED, NO_CONN, NO_PID, NO_STATUS, UNKNOWN_NS, Flag, Outcome, Rows, in_group
from harness.record import fields_of

BLOCK = 65_536
Column = Sequence[Any]
Block = Mapping[str, Column]

_NUMBER, _TEXT, _TRUTH = "int64", "string", "bool"
_FLAGS = {flag.name.lower(): int(flag) for flag in Flag if flag.name}


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` is name to type; a block has a value of each row for each column, None where it is not known."""

    name: str
    columns: Mapping[str, str]
    blocks: Iterator[Block]


def tables_of(record: TrialRecord) -> tuple[Table, ...]:
    return (
        Table("samples", _SAMPLE_COLUMNS, sample_blocks(record)),
        Table("observations", _OBSERVATION_COLUMNS, observation_blocks(record)),
        Table("histograms", _HISTOGRAM_COLUMNS, histogram_blocks(record)),
    )


_SAMPLE_COLUMNS = {
    "k": _NUMBER,
    "request": _TEXT,
    "phase": _TEXT,
    "outcome": _TEXT,
    "status": _NUMBER,
    "intended_ns": _NUMBER,
    "sent_ns": _NUMBER,
    "first_ns": _NUMBER,
    "done_ns": _NUMBER,
    "response_ns": _NUMBER,
    "service_ns": _NUMBER,
    "connection": _NUMBER,
    "pid": _NUMBER,
    "bytes": _NUMBER,
    **dict.fromkeys(_FLAGS, _TRUTH),
}
_OBSERVATION_COLUMNS = {"kind": _TEXT, "sent_ns": _NUMBER, "done_ns": _NUMBER, "detail": _TEXT}

_HISTOGRAM_COLUMNS = {"by": _TEXT, "of": _TEXT, "clock": _TEXT, "up_to_ns": _NUMBER, "count": _NUMBER}


def sample_blocks(record: TrialRecord) -> Iterator[Block]:
    lines = [line.name for line in record.trial.requests]
    begins, phases = _phases(record)
    for first in range(0, len(record.samples), BLOCK):
        rows = record.samples[first : first + BLOCK]
        number = np.searchsorted(begins, rows["intended"], side="right") - 1
        yield {
            "k": rows["k"].tolist(),
            "request": [lines[i] if i < len(lines) else None for i in rows["endpoint"].tolist()],
            "phase": [phases[i] if i >= 0 else None for i in number.tolist()],
            "outcome": [_OUTCOMES.get(code) for code in rows["code"].tolist()],
            "status": _known(rows["status"], NO_STATUS),
            "intended_ns": rows["intended"].tolist(),
            "sent_ns": _known(rows["sent"], UNKNOWN_NS),
            "first_ns": _known(rows["first"], UNKNOWN_NS),
            "done_ns": _known(rows["done"], UNKNOWN_NS),
            "response_ns": _between(rows, "intended"),
            "service_ns": _between(rows, "sent"),
            "connection": _known(rows["conn"], NO_CONN),
            "pid": _known(rows["pid"], NO_PID),
            "bytes": rows["bytes"].tolist(),
            **{name: (rows["flags"] & bit != 0).tolist() for name, bit in _FLAGS.items()},
        }


_OUTCOMES = {int(outcome): outcome.name.lower() for outcome in Outcome}


def observation_blocks(record: TrialRecord) -> Iterator[Block]:
    """What only some kinds have is one text of JSON, `detail`."""
    for first in range(0, len(record.observations), BLOCK):
        all_fields = [fields_of(seen) for seen in record.observations[first : first + BLOCK]]
        yield {
            "kind": [fields.pop("kind") for fields in all_fields],
            "sent_ns": [_or_none(fields.pop("sent_ns")) for fields in all_fields],
            "done_ns": [_or_none(fields.pop("done_ns")) for fields in all_fields],
            "detail": [json.dumps(fields, ensure_ascii=False) for fields in all_fields],
        }


def histogram_blocks(record: TrialRecord) -> Iterator[Block]:
    """Latency by second, request line and phase, for both clocks; they can be added up."""
    rows, lines = record.samples, [line.name for line in record.trial.requests]
    begins, phases = _phases(record)
    for clock in get_args(Clock):
        for by, found, names in (
            ("second", by_second(rows, clock), None),
            ("request", by_request(rows, clock), lines),
            ("phase", by_phase(rows, clock, begins), phases),
        ):
            told = [
                (str(key) if names is None else names[key], upper_ns(bucket), count)
                for key, histogram in found.items()
                if names is None or 0 <= key < len(names)
                for bucket, count in zip(histogram.buckets.tolist(), histogram.counts.tolist(), strict=True)
            ]
            yield {
                "by": [by] * len(told),
                "of": [name for name, _, _ in told],
                "clock": [clock] * len(told),
                "up_to_ns": [up_to_ns for _, up_to_ns, _ in told],
                "count": [count for _, _, count in told],
            }


def _phases(record: TrialRecord) -> tuple[NDArray[np.int64], list[str]]:
    """When each phase begins, in order."""
    spans = [(name, record.phase(name)) for name in get_args(PhaseName)]
    began = sorted((span.start_ns, name) for name, span in spans if span is not None)
    return np.array([start_ns for start_ns, _ in began], np.int64), [name for _, name in began]


def _known(values: NDArray[Any], unknown: int) -> list[int | None]:
    return [None if value == unknown else value for value in values.tolist()]


def _between(rows: Rows, begin: str) -> list[int | None]:
    took = rows["done"] - rows[begin]
    answered = in_group(rows, ANSWERED) & (rows[begin] >= 0)
    return [value if known else None for value, known in zip(took.tolist(), answered.tolist(), strict=True)]


def _or_none(moment_ns: int) -> int | None:
    return None if moment_ns == UNKNOWN_NS else moment_ns
