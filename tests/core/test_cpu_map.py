"""Who has which CPU, and why nobody has one for itself."""

import pytest

from harness.model.cpu_map import plan_cpus


@pytest.mark.parametrize(
    ("allowed", "generator", "service"),
    [
        (range(3), (2,), (0, 1)),
        (range(4), (3,), (0, 1, 2)),
        ({5, 1, 3}, (5,), (1, 3)),
        (range(8), (6, 7), (0, 1, 2, 3, 4, 5)),
    ],
)
def test_each_has_its_own_where_there_are_enough(
    allowed: range | set[int], generator: tuple[int, ...], service: tuple[int, ...]
) -> None:
    found = plan_cpus(tuple(allowed), len(allowed))
    assert (found.generator, found.service) == (generator, service)
    assert not set(found.generator) & set(found.service)
    assert set(found.generator) | set(found.service) == set(found.allowed) == set(allowed)
    assert f"CPU{'s' if len(generator) > 1 else ''} {', '.join(map(str, generator))}" in found.told


@pytest.mark.parametrize(
    ("count", "usable", "told"), [(1, 1.0, "1 CPU:"), (2, 2.0, "2 CPUs: load generator"), (4, 1.5, "1.5 of 4 CPUs")]
)
def test_else_nothing_is_pinned_and_it_is_said(count: int, usable: float, told: str) -> None:
    found = plan_cpus(range(count), usable)
    assert (found.generator, found.service) == ((), ())
    assert found.told.startswith(told)


@pytest.mark.parametrize(
    ("cpus", "engines", "generator"), [(3, 2, 1), (4, 2, 2), (4, 16, 2), (8, 3, 3), (8, 1, 2), (16, 4, 4), (2, 2, 0)]
)
def test_each_engine_has_a_cpu_as_long_as_the_service_keeps_two(cpus: int, engines: int, generator: int) -> None:
    found = plan_cpus(range(cpus), float(cpus), engines)
    assert len(found.generator) == generator
