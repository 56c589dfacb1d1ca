"""Faults may overlap, except where one would undo the other: that is refused before anything is started."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.chosen import check_faults, choose_scenarios
from harness.errors import UsageError
from harness.faults import FAULTS
from harness.model.scenario import FaultUse, Scenario, fault
from harness.overlaps import clash, contend
from harness.plan import plan
from harness.target import load_target
from scenarios import SCENARIOS

KINDS = {"postgres": "postgres", "replica": "postgres", "dependency": "http"}


def told(*faults: FaultUse, fault_s: float = 0.0) -> str:
    return clash(Scenario("s", "?", faults=faults, fault_s=fault_s), KINDS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgres.latency", "postgres.latency"),
        ("ingress.bandwidth", "ingress.bandwidth"),
        ("postgres.refuse", "postgres.flap"),
        ("postgres.half-open", "postgres.latency"),
        ("dependency.refuse", "dependency.accept-then-hang"),
        ("postgres.cut-after", "postgres.half-open"),
        ("postgres.slow", "postgres.freeze"),
        ("postgres.restart", "postgres.kill"),
        ("postgres.read-only", "postgres.read-only"),
        ("dependency.slow", "dependency.slow"),
        ("worker.freeze", "worker.cpu"),
        ("worker.block-loop", "worker.threads"),
        ("worker.cpu-quota", "worker.cpu-quota"),
        ("server.restart", "server.boot-without-postgres"),
    ],
)
def test_two_that_act_on_one_thing_are_refused_while_they_overlap_whichever_comes_first(one: str, other: str) -> None:
    for first, second in ((one, other), (other, one)):
        said = told(fault(first, for_s=4), fault(second, at_s=2, for_s=6))
        assert said == (
            f"{first} (0 to 4 s) and {second} (2 to 8 s) overlap and act on the same thing, so that one would undo"
            " the other; accepted: one after the other."
        )
        assert told(fault(first, for_s=4), fault(second, at_s=4, for_s=6)) == ""
        assert told(fault(first, at_s=5, for_s=4), fault(second, for_s=5)) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgres.latency", "postgres.bandwidth"),
        ("postgres.latency", "postgres.refuse"),
        ("postgres.latency", "replica.latency"),
        ("postgres.cut-after", "postgres.latency"),
        ("postgres.slow", "replica.freeze"),
        ("postgres.slow", "dependency.slow"),
        ("postgres.freeze", "worker.freeze"),
        ("postgres.lock", "postgres.lock"),
        ("dependency.slow", "dependency.error"),
        ("worker.freeze", "worker.kill"),
        ("worker.freeze", "worker.cpu-quota"),
        ("server.sighup", "server.sighup"),
        ("client.burst", "client.burst"),
    ],
)
def test_others_may_overlap(one: str, other: str) -> None:
    assert told(fault(one, for_s=4), fault(other, for_s=4)) == ""


def test_a_fault_without_a_length_lasts_as_long_as_the_phase() -> None:
    assert "postgres.refuse (0 to 9 s)" in told(fault("postgres.refuse"), fault("postgres.flap", at_s=6, for_s=3))
    assert told(fault("postgres.refuse"), fault("postgres.refuse"))  # and where that has no length of its own


@pytest.mark.parametrize(("one", "other", "refused"), [(0, 1, False), (1, 1, True), (0, None, True), (None, 1, True)])
def test_two_workers_are_two_things_where_both_are_named(one: int | None, other: int | None, refused: bool) -> None:
    uses = [FaultUse("worker.freeze", for_s=4, parameters={} if at is None else {"index": at}) for at in (one, other)]
    assert bool(told(*uses)) is refused


def test_where_one_ends_the_server_all_are_on_at_once() -> None:
    said = told(fault("postgres.slow"), fault("server.sigterm"), fault("postgres.freeze"))
    assert said.startswith("postgres.slow and postgres.freeze overlap")
    assert said.endswith("accepted: one of them.")


@pytest.mark.parametrize(
    ("use", "has"),
    [
        (fault("postgres.slow", at_s=5), "at_s = 5"),
        (fault("postgres.slow", for_s=2), "for_s = 2"),
        (fault("postgres.slow", at_s=5, for_s=2), "at_s = 5"),
    ],
)
def test_where_one_ends_the_server_no_times_of_their_own_are_had(use: FaultUse, has: str) -> None:
    assert told(use, fault("server.kill")).startswith(f"postgres.slow has {has}, but server.kill ends the server")
    assert told(use, fault("server.sighup")) == ""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: str(scenario.name))
def test_each_scenario_of_ours_is_accepted(scenario: Scenario) -> None:
    assert clash(scenario, KINDS) == ""
    longest = tuple(replace(use, for_s=8.0) if use.outlasts_deadline else use for use in scenario.faults)
    assert clash(replace(scenario, faults=longest), KINDS) == ""


def test_whatever_is_put_on_a_link_is_owned() -> None:
    assert {spec.name: spec.owns for spec in FAULTS if spec.on == "link" and not spec.owns.startswith("link")} == {}
    named = [spec for spec in FAULTS if spec.per]
    assert named
    assert all(spec.per in [parameter.name for parameter in spec.parameters] for spec in named)


def test_who_owns_the_whole_does_not_own_what_only_begins_alike() -> None:
    owners = {spec.owns for spec in FAULTS}
    assert {"link", "link/switch"} <= owners
    assert contend(fault("postgres.half-open"), fault("postgres.refuse"), KINDS)
    assert not contend(fault("postgres.refuse"), fault("postgres.slice"), KINDS)


def test_it_is_told_with_its_place_in_the_target_file(tmp_path: Path) -> None:
    file = tmp_path / "shakedown.toml"
    faults = "".join(
        f'[[scenarios.twice.faults]]\nfault = "postgres.{name}"\nfor_s = 4\n' for name in ("refuse", "flap")
    )
    file.write_text(f'[target]\napp = "a:b"\npython = "{sys.executable}"\n[parts.db]\nkind = "postgres"\n{faults}')
    target = load_target(file, {})
    planned = plan(choose_scenarios(["twice"], target), target, workers=[2], repeat=1, seed=1, overrides={})
    with pytest.raises(UsageError, match=r"scenarios\.twice\.faults: db\.refuse .* and db\.flap .*: one after"):
        check_faults(planned, target)
