"""`shakedown compare BASE NEW`: two configurations under the same load, in pairs; exit 1 when NEW is worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from harness.campaign import Run, make_run_dir
from harness.cli.chosen import check_faults, choose_scenarios, name_completions
from harness.cli.compare_sides import Sides, both_sides
from harness.cli.guarded import inherited_ledger, read_overrides
from harness.cli.live import make_watcher
from harness.cli.options import DRY_RUN, JSON, OUT, QUIET, SEED_OF_ORDER, seed_or_random
from harness.cli.planned import show_plan
from harness.cli.results import read_judged, show_comparison, write_reports
from harness.cli.stored import compare_stored
from harness.cli.sweep_asked import typed_settings
from harness.cli.swept import conduct_swept, held, left_s
from harness.errors import UsageError
from harness.faults import unable
from harness.plan_sweep import SweepPlan, plan_sweep
from harness.tuning.metrics import METRICS

_NAMES = [metric.name for metric in METRICS if metric.name != "error_rate"]


@click.command()
@click.argument("base", metavar="BASE")
@click.argument("new", metavar="NEW")
@click.option("--scenario", "names", multiple=True, shell_complete=lambda *_: name_completions(), help="[baseline]")
@click.option("--repeat", type=click.IntRange(1, 100), default=5, show_default=True, help="Pairs of trials.")
@click.option("--metric", type=click.Choice(_NAMES), default="p50_ms", show_default=True, help="What decides.")
@click.option("--minimal", type=click.FloatRange(0, 100), default=5.0, show_default=True, help="Percent that matter.")
@click.option("--target", "target_file", type=click.Path(), help="Target file of settings; see docs/target-file.md.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key in both.")
@SEED_OF_ORDER
@OUT
@click.option("--insist", is_flag=True, help="Describe stored runs that are not comparable all the same.")
@JSON
@QUIET
@DRY_RUN
def compare(
    base: str,
    new: str,
    names: tuple[str, ...],
    repeat: int,
    metric: str,
    minimal: float,
    target_file: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    out: Path | None,
    insist: bool,
    as_json: bool,
    quiet: bool,
    dry_run: bool,
) -> int:
    """Is NEW better or worse than BASE? Each is a setting, a target file, a git revision, or a run directory.

    The first three are run in randomised pairs under the same load; the change has an interval, and what is too small
    to matter or to be seen is no difference. Exit codes: 0 better or no difference seen, 1 worse,
    2 inconclusive or not comparable. Two run directories are only described: they were not run side by side.

    \b
    shakedown compare workers=2 workers=4
    shakedown compare gunicorn.timeout=30 gunicorn.timeout=2,workers=3 --scenario worker-frozen
    shakedown compare before.toml after.toml --metric goodput_rps --repeat 8
    shakedown compare git:main git:faster-list             the same target file's app, as it was at two commits
    shakedown compare runs/monday runs/tuesday
    """
    ledger = inherited_ledger("compare")
    stored = [Path(side).is_dir() for side in (base, new)]
    if all(stored):
        return compare_stored(Path(base), Path(new), insist, as_json)
    if any(stored):
        raise UsageError("A run directory is compared with a run directory: trials of today need a partner of today.")
    used = seed_or_random(seed)
    common = read_overrides(settings, None)
    with both_sides(base, new, target_file, common, ledger) as sides:
        planned = _plan(names, sides, repeat, used)
        if dry_run:
            show_plan(planned.plan, sides.base.target.name, used, as_json)
            return 0
        run_dir = make_run_dir(out, "compare")
        asked = {"base": base, "new": new, "metric": metric, "minimal": minimal / 100, **sides.facts}
        rest = [*([f"--target={target_file}"] if target_file else []), *typed_settings(common)]
        typed = [*_typed(base, new, names, repeat, metric, used), *rest, f"--minimal={minimal:g}"]
        run = _run(planned, run_dir, used, asked, ["shakedown", "compare", *typed])
        with held(run_dir):
            watcher = make_watcher(quiet, left_s(run))
            conduct_swept(run, ledger, watcher, None, as_json, "", sides.notes)
    judged = read_judged(run_dir)
    write_reports(judged, None)
    return show_comparison(judged, as_json)


def _plan(names: Sequence[str], sides: Sides, repeat: int, seed: int) -> SweepPlan:
    chosen = choose_scenarios(names or ("baseline",), sides.base.target)
    cannot = unable(use for scenario in chosen for use in scenario.faults)
    planned = plan_sweep(chosen, [sides.base, sides.new], repeat, seed, cannot)
    if not planned.plan.trials:
        raise UsageError("; ".join(f"{name} does not apply: {why}" for name, why in planned.plan.not_applicable))
    check_faults(planned.plan, sides.base.target)
    return planned


def _run(planned: SweepPlan, run_dir: Path, seed: int, asked: Mapping[str, object], command: Sequence[str]) -> Run:
    keys = ["compared"]
    return Run(
        target=planned.variations[0].target,
        trials=planned.plan.trials,
        not_applicable=planned.plan.not_applicable,
        run_dir=run_dir,
        seed=seed,
        command=command,
        target_of=planned.target_of,
        more={"compare": asked, "sweep": {"keys": keys, "variations": [["base"], ["new"]]}},
    )


def _typed(base: str, new: str, names: Sequence[str], repeat: int, metric: str, seed: int) -> list[str]:
    scenarios = [f"--scenario={name}" for name in names]
    return [base, new, *scenarios, f"--repeat={repeat}", f"--metric={metric}", f"--seed={seed}"]
