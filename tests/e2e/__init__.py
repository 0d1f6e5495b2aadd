"""End to end: the command in a real pseudo-terminal, its screen read back."""
