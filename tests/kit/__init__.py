"""The test kit: child processes in known states, the kernel's own answers, terminals and counters.

Kept free of imports: the kit's child processes import this package before they do anything else,
and what they import decides how many VMAs they have.
"""
