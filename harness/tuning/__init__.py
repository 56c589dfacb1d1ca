"""What is decided from many trials: which comes next, what differs, what to recommend. Pure over their results."""
