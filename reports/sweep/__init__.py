"""What a sweep says: its configurations side by side."""
