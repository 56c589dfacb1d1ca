"""How many CPUs a process may use: its affinity, and the quota of its control groups, whichever is less."""

from __future__ import annotations

import os
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")


def usable_cpus(pid: int) -> float:
    """A quota may be a fraction: half a CPU is 0.5."""
    try:
        allowed = float(len(os.sched_getaffinity(pid)))
    except OSError:
        allowed = float(os.cpu_count() or 1)
    return min([allowed, *_quotas(pid)])


def cpu_folders(pid: int) -> list[tuple[int, list[Path]]]:
    """The version of control groups, and the folders of the process's own group and all above it. It may be in both
    versions, and then the CPU is with the first."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found.append((2, _upwards(GROUPS, path)))
        elif "cpu" in controllers.split(","):
            found.append((1, _upwards(GROUPS / "cpu", path)))
    return sorted(found)


def _quotas(pid: int) -> list[float]:
    found = []
    for version, folders in cpu_folders(pid):
        if version == 1:
            found += [read_cfs(_text(f / "cpu.cfs_quota_us"), _text(f / "cpu.cfs_period_us")) for f in folders]
        else:
            found += [read_max(_text(folder / "cpu.max")) for folder in folders]
    return [quota for quota in found if quota is not None]


def _upwards(root: Path, path: str) -> list[Path]:
    """Inside a container the path may be the host's; the root is then the container's own group."""
    folder = root / path.lstrip("/")
    return [each for each in (folder, *folder.parents) if each.is_relative_to(root)]


def read_max(text: str) -> float | None:
    """`cpu.max`: quota and period in µs, or `max`."""
    quota, _, period = text.partition(" ")
    return read_cfs(quota, period)


def read_cfs(quota: str, period: str) -> float | None:
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return share if share > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
