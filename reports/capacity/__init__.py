"""What a capacity search says."""
