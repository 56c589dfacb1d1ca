"""The real things that a deployment needs, and how each is had; `harness.rig` starts them."""
