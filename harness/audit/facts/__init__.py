"""What the experiments saw: a frozen dataclass for each row, plain JSON values, no secret."""
