"""What must hold, a row a file: `CHECKS`, pure functions of the row's facts."""
