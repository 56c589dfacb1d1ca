"""Each trait belongs to a fault that exists."""

import pytest

from harness.faults import FAULTS
from harness.model.fault_traits import TRAITS, has_trait


def test_every_name_is_a_fault() -> None:
    assert set(TRAITS) <= {f"{spec.on}.{spec.name}" for spec in FAULTS}


@pytest.mark.parametrize(
    ("fault_id", "trait", "has"),
    [
        ("worker.kill", "fatal", True),
        ("postgres.kill", "fatal", False),
        ("pricing.latency", "mild", True),
        ("ingress.slice", "mild", True),
        ("db.read-only", "lasting", True),
        ("db.kill", "ours", True),
        ("worker.kill", "ours", False),
        ("ingress.refuse", "mild", False),
        ("postgres.reset", "mild", False),
        ("server.sigterm", "final", True),
    ],
)
def test_a_part_is_known_by_its_users_name(fault_id: str, trait: str, has: bool) -> None:
    assert has_trait(fault_id, trait) is has  # type: ignore[arg-type]
