"""pagelens, the program: command line, explorer and screens; wires processes to widgets."""

__version__ = "0.1.0"
