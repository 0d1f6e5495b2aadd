"""Helper programs of the Makefile; not part of the wheel."""
