"""What a tuning says."""
