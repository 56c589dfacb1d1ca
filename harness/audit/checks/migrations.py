"""The schema changes in a step of its own, once, and there is a way back.

Replicas that change it as they start race each other at every rollout, and an old replica that is restarted meets a
schema that it does not know. A setup that two jobs may run at once is one that a retried job cannot break.
"""

from __future__ import annotations

from harness.audit.check import Check, Told, failed, inconclusive, not_applicable, passed, vouched
from harness.audit.facts.migrations import Boot, Change, Command, Migrations

_NO_PART = ("This target has no PostgreSQL.", "[parts.postgres], and its address in target.env")
_SERIALISE = (
    "Take pg_advisory_xact_lock in the transaction that migrates, before the version is read: the second run then finds"
    " nothing left to do."
)


def _untried(facts: Migrations) -> Told | None:
    if not facts.part:
        return not_applicable(*_NO_PART)
    if facts.why_not:
        return not_applicable(
            f"Nothing was tried: {facts.why_not}.", f"parts.{facts.part} without use_existing, and a superuser's url"
        )
    return None


def _separate(facts: Migrations) -> Told:
    untried = _untried(facts)
    if untried:
        return untried
    changed = [boot for boot in facts.boots if boot.changes]
    evidence = {f"{boot.database} database": _shown(boot) for boot in facts.boots}
    if changed:
        first = changed[0]
        return failed(
            f"{len(first.changes)} changes of the schema came from {first.replicas} replicas that started on the"
            f" {first.database} database: {_change(first.changes[0])}.",
            "Take it out of the start (create_all, migrations in the lifespan), and make it a command that runs before"
            " the first replica: target.setup.",
            **evidence,
        )
    not_up = [boot for boot in facts.boots if boot.database == "set up" and boot.up < boot.replicas]
    if not_up or not facts.boots:
        return inconclusive("Two replicas did not both come up on the database that was set up.", "", **evidence)
    empty = next((boot for boot in facts.boots if boot.database == "empty"), None)
    told = f"; on the empty one {empty.up} of {empty.replicas} came up" if empty else ""
    return passed(f"Two replicas at once changed nothing in the schema while they started{told}.", **evidence)


def _concurrent(facts: Migrations) -> Told:
    untried = _untried(facts)
    if untried:
        return untried
    twice = facts.twice
    if twice is None:
        return not_applicable("There is no setup command.", "target.setup")
    evidence = {"exit_codes": [run.exit_code for run in twice.runs], "changes": twice.changes}
    wrong = [run for run in twice.runs if run.exit_code != 0]
    if wrong:
        return failed(
            f"Of {len(twice.runs)} runs of the setup commands at once on an empty database, {len(wrong)} failed: it"
            f" {_how(wrong[0])}.",
            _SERIALISE,
            **evidence,
        )
    if twice.missing or twice.extra:
        return failed(
            f"Two runs at once leave another schema than one: {(twice.missing + twice.extra)[0]}.",
            _SERIALISE,
            **evidence,
            missing=list(twice.missing),
            extra=list(twice.extra),
        )
    if twice.rows:
        return failed(
            f"Two runs at once did something twice: {twice.rows[0]}.", _SERIALISE, **evidence, rows=list(twice.rows)
        )
    if not twice.changes:
        return inconclusive("Both runs ended well, and neither changed the empty database.", "", **evidence)
    return passed(
        f"Two runs at once both ended with 0, and made {twice.changes} changes, the same schema and rows as one run.",
        **evidence,
    )


def _way_back(facts: Migrations) -> Told:
    untried = _untried(facts)
    if untried:
        return untried
    if not facts.setup:
        return not_applicable("There is no setup command, so nothing to take back.", "target.setup")
    way = facts.way_back
    if way is None:
        return not_applicable("No command is known that takes the migrations back.", "audit.migrate_down")
    advice = "Write down what each migration takes back, and try it with rows in the tables."
    evidence = {"command": way.command, "rows": way.rows}
    if way.down is None or way.down.exit_code != 0:
        how = _how(way.down) if way.down else "was not run"
        return failed(f"The way back, `{way.command}` on {way.rows} rows, {how}.", advice, **evidence)
    if way.left:
        return failed(f"The way back leaves {way.left[0]}.", advice, **evidence, left=list(way.left))
    if way.up is None or way.up.exit_code != 0:
        how = _how(way.up) if way.up else "was not run"
        return failed(f"After the way back the setup {how}.", advice, **evidence)
    if way.missing or way.extra:
        return failed(
            f"Up, down and up again gives another schema: {(way.missing + way.extra)[0]}.",
            advice,
            **evidence,
            missing=list(way.missing),
            extra=list(way.extra),
        )
    return passed(
        f"Up, down over {way.rows} rows, and up again gives the same schema, and down leaves nothing.",
        **evidence,
        down_s=way.down.took_s,
        up_s=way.up.took_s,
    )


def _staging(facts: Migrations) -> Told:
    return vouched("staging", facts.staging, "Where migrations are tried before production cannot be seen.")


def _how(run: Command) -> str:
    how = "did not end in time" if run.exit_code is None else f"ended with {run.exit_code}"
    return f"{how}: {run.line.rstrip('.')}" if run.line else how


def _change(change: Change) -> str:
    return f"{change.command} {change.thing}"


def _shown(boot: Boot) -> dict[str, object]:
    changes = [{"change": _change(change), "application": change.application} for change in boot.changes]
    return {"replicas": boot.replicas, "up": boot.up, "changes": changes}


CHECKS: tuple[Check[Migrations], ...] = (
    Check("separate-step", "Do replicas leave the schema alone?", _separate, essential=True),
    Check("concurrent-safe", "Can two setups run at once?", _concurrent),
    Check("way-back", "Can the migrations be taken back?", _way_back),
    Check("staging", "Are migrations tried before production?", _staging),
)
