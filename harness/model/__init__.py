"""Frozen values that the rooms hand to each other. This room imports nothing of ours and does no I/O."""
