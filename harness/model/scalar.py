"""A single value, as a target file, a command line and a scenario can give one."""

from __future__ import annotations

Scalar = str | int | float | bool
