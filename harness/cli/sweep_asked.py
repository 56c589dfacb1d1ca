"""What a sweep is asked for: as it is typed, as its manifest keeps it, and as it is read again to go on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cli.options import seed_or_random, target_path
from harness.errors import UsageError
from harness.model.secrecy import may_be_secret
from harness.model.target import Scalar
from harness.plan_sweep import SweepPlan, combinations
from harness.record import read_manifest
from harness.target import read_override
from harness.target_override import full_key, short_key


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sweep is, as it was typed. The same gives the same plan."""

    names: tuple[str, ...]
    target_file: str
    vary: Mapping[str, Sequence[Scalar]]
    overrides: Mapping[str, Scalar]
    repeat: int
    seed: int


def asked_now(
    names: tuple[str, ...],
    varied: Sequence[str],
    repeat: int,
    target_file: str | None,
    overrides: Mapping[str, Scalar],
    seed: int | None,
) -> Asked:
    if not names:
        raise UsageError("sweep needs a scenario: shakedown sweep NAME… --vary KEY=V1,V2; `shakedown list` names them.")
    path = target_path(target_file)
    vary = read_vary(varied)
    if both := sorted({full_key(key) for key in vary} & {full_key(key) for key in overrides}):
        raise UsageError(f"{short_key(both[0])} is both set and varied; it can only be one of them.")
    used = seed_or_random(seed)
    return Asked(names, str(path), vary, overrides, repeat, used)


def read_vary(varied: Sequence[str]) -> dict[str, tuple[Scalar, ...]]:
    """`KEY=V1,V2` as typed, by key in its short form."""
    found: dict[str, tuple[Scalar, ...]] = {}
    for text in varied:
        key, equals, values = text.partition("=")
        parts = [part.strip() for part in values.split(",")]
        if not equals or not key.strip() or not all(parts):
            raise UsageError("--vary takes KEY=V1,V2,…, as in --vary workers=1,2,4 or --vary gunicorn.timeout=2,30.")
        read = tuple(read_override(f"{key}={part}")[1] for part in parts)
        name = short_key(full_key(key.strip()))
        if name in found:
            raise UsageError(f"--vary {name} is given twice; give all its values at once: --vary {name}=V1,V2,…")
        if len(set(read)) < len(read):
            raise UsageError(f"--vary {text} names a value twice.")
        found[name] = read
    if len(combinations(found)) < 2:
        raise UsageError("A sweep compares two configurations or more: give --vary KEY=V1,V2 with two values.")
    return found


def sweep_facts(asked: Asked, planned: SweepPlan) -> dict[str, object]:
    """What a resumed sweep needs to know. Of overrides that may be secrets, only the key."""
    hidden = [key for key in asked.overrides if may_be_secret(full_key(key))]
    return {
        "names": list(asked.names),
        "target_file": asked.target_file,
        "target_sha256": _digest(asked.target_file),
        "keys": list(asked.vary),
        "variations": [list(variation.varied.values()) for variation in planned.variations],
        "vary": {key: list(values) for key, values in asked.vary.items()},
        "set": {key: value for key, value in asked.overrides.items() if key not in hidden},
        "hidden": hidden,
        "repeat": asked.repeat,
    }


def sweep_command(asked: Asked) -> list[str]:
    vary = [f"--vary={key}={','.join(_typed(value) for value in values)}" for key, values in asked.vary.items()]
    rest = [f"--target={asked.target_file}", f"--repeat={asked.repeat}", f"--seed={asked.seed}"]
    return ["shakedown", "sweep", *asked.names, *vary, *typed_settings(asked.overrides), *rest]


def typed_settings(overrides: Mapping[str, Scalar]) -> list[str]:
    """What to type for the same overrides again; of one that may be a secret, only the key."""
    shown = {key: "(set)" if may_be_secret(full_key(key)) else _typed(value) for key, value in overrides.items()}
    return [f"--set={key}={value}" for key, value in shown.items()]


def _typed(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def asked_before(
    folder: Path, names: Sequence[str], varied: Sequence[str], out: Path | None, own: Mapping[str, Scalar]
) -> tuple[Asked, float | None]:
    """What the sweep in a directory was asked for, and the rate that it used."""
    if names or varied or out:
        raise UsageError("--resume DIR goes on with the sweep as it was asked for; it takes no NAME, --vary or --out.")
    facts = read_manifest(folder).facts
    sweep = facts.get("sweep")
    if not isinstance(sweep, dict):
        raise UsageError(f"{folder} holds no sweep; --resume takes the directory of one.")
    if missing := [key for key in sweep["hidden"] if key not in own]:
        raise UsageError(
            f"{missing[0]} was set and is not kept, as it may be a secret: give --set {missing[0]}=… again."
        )
    if other := [key for key in own if key not in sweep["hidden"]]:
        raise UsageError(f"--set {other[0]} was not hidden when the sweep began: a resumed sweep keeps its settings.")
    if _digest(sweep["target_file"]) != sweep["target_sha256"]:
        raise UsageError(
            f"{sweep['target_file']} has changed since the sweep began, so its trials could not be compared."
            " Put the old file back, or begin a new sweep."
        )
    vary = {key: tuple(values) for key, values in sweep["vary"].items()}
    overrides = {**sweep["set"], **own}
    rate: Any = facts.get("rate_rps")
    seed: Any = facts["seed"]
    return Asked(tuple(sweep["names"]), sweep["target_file"], vary, overrides, sweep["repeat"], seed), rate


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
