"""What a run says, for people and for programs. Pure but for reading the record; the caller judges."""
