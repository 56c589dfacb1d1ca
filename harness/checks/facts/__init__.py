"""What checks read from a record: facts that several of them share, each computed in one place."""
