"""The checks of pagelens: real processes in real states, compared with the kernel's own answers."""
