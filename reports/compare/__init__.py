"""What a comparison says: BASE against NEW, with intervals."""
