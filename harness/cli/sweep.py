"""`shakedown sweep NAME… --vary KEY=V1,V2`: the same scenarios on several configurations, in randomised blocks."""

from __future__ import annotations

from pathlib import Path

import click

from harness.campaign import Run, make_run_dir
from harness.cli.chosen import check_faults, choose_scenarios, name_completions
from harness.cli.guarded import inherited_ledger, read_overrides
from harness.cli.live import make_watcher
from harness.cli.options import DRY_RUN, JSON, JUNIT, OUT, QUIET, SEED_OF_ORDER, TARGET
from harness.cli.planned import show_plan
from harness.cli.results import exit_code, read_judged, show, write_reports
from harness.cli.sweep_asked import Asked, asked_before, asked_now, sweep_command, sweep_facts
from harness.cli.swept import conduct_swept, finished_trials, held, left_s
from harness.errors import UsageError
from harness.faults import unable
from harness.plan_sweep import SweepPlan, Variation, combinations, plan_sweep
from harness.target import load_target


@click.command()
@click.argument("names", metavar="NAME…", nargs=-1, shell_complete=lambda *_: name_completions())
@click.option("--vary", "varied", multiple=True, metavar="KEY=V1,V2,…", help="Values of a key; each --vary multiplies.")
@click.option("--repeat", type=click.IntRange(1, 100), default=3, show_default=True, help="Blocks: trials of each.")
@TARGET
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key in every trial.")
@SEED_OF_ORDER
@OUT
@click.option(
    "--resume", type=click.Path(path_type=Path), metavar="DIR", help="Finish the sweep in DIR, as it was asked."
)
@JUNIT
@JSON
@QUIET
@DRY_RUN
def sweep(
    names: tuple[str, ...],
    varied: tuple[str, ...],
    repeat: int,
    target_file: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    out: Path | None,
    resume: Path | None,
    junit: Path | None,
    as_json: bool,
    quiet: bool,
    dry_run: bool,
) -> int:
    """Run scenarios on several configurations and put them side by side.

    Each block runs every configuration once, in random order, so that the drift of the machine cancels; each trial is a
    fresh deployment. Any key of the target file can be varied.

    \b
    shakedown sweep baseline --vary workers=1,2,4 --repeat 5
    shakedown sweep worker-frozen --vary workers=1,2 --vary gunicorn.timeout=2,30
    shakedown sweep baseline --vary server=gunicorn-uvicorn,uvicorn --dry-run
    shakedown sweep --resume runs/20260101T000000Z-baseline-ab12cd      after an interruption
    """
    ledger = inherited_ledger("sweep")
    own = read_overrides(settings, None)
    if resume is None:
        asked = asked_now(names, varied, repeat, target_file, own, seed)
        run_dir, finished, rate_rps = None, frozenset[str](), None
    else:
        run_dir = resume.resolve()
        asked, rate_rps = asked_before(resume, names, varied, out, own)
        finished = frozenset[str]()
    planned = _plan(asked)
    if dry_run:
        show_plan(planned.plan, planned.variations[0].target.name, asked.seed, as_json)
        return 0
    if run_dir is None:
        run_dir = make_run_dir(out, "-".join(Path(name).stem for name in asked.names)[:40])
    with held(run_dir):
        if resume is not None:
            finished = finished_trials(run_dir, planned)
        run = _run(asked, planned, run_dir, finished, rate_rps)
        conduct_swept(
            run, ledger, make_watcher(quiet, left_s(run)), junit, as_json, f"shakedown sweep --resume {run_dir}"
        )
        judged = read_judged(run_dir)
        write_reports(judged, junit)
        show(judged, as_json)
        return exit_code(judged)


def _plan(asked: Asked) -> SweepPlan:
    variations = []
    for varied in combinations(asked.vary):
        overrides = {**asked.overrides, **varied}
        variations.append(Variation(varied, overrides, load_target(Path(asked.target_file), overrides)))
    chosen = choose_scenarios(asked.names, variations[0].target)
    cannot = unable(use for scenario in chosen for use in scenario.faults)
    planned = plan_sweep(chosen, variations, asked.repeat, asked.seed, cannot)
    check_faults(planned.plan, variations[0].target)
    if not planned.plan.trials:
        reasons = "; ".join(f"{name}: {why}" for name, why in planned.plan.not_applicable)
        raise UsageError(f"Nothing applies to this target. {reasons}")
    return planned


def _run(asked: Asked, planned: SweepPlan, run_dir: Path, finished: frozenset[str], rate_rps: float | None) -> Run:
    return Run(
        target=planned.variations[0].target,
        trials=planned.plan.trials,
        not_applicable=planned.plan.not_applicable,
        run_dir=run_dir,
        seed=asked.seed,
        command=sweep_command(asked),
        target_of=planned.target_of,
        finished=finished,
        rate_rps=rate_rps,
        more={"sweep": sweep_facts(asked, planned)},
    )
