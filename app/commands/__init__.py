"""The commands, one a file: `configure` adds the arguments, `run` does it; the docstring is the help's first line."""
