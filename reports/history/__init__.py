"""Kept runs, night after night."""
