"""Each widget alone, handed what it is to draw."""
