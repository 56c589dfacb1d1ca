"""Ways to have a deployment: one a file. Each makes what `harness.deployment` describes."""
