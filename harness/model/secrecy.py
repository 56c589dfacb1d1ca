"""Which settings may hold a secret: known in one place, by the full path of the key."""

from __future__ import annotations


def may_be_secret(key: str) -> bool:
    """What is set there is shown and kept nowhere."""
    return key.startswith("target.env.") or key.endswith(".url") or ".headers." in key
