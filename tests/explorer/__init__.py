"""The explorer: driven by key presses in memory, and compared with pictures of it."""
