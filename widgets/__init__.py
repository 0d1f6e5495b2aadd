"""Textual widgets, each drawing one thing it is handed; none of them reads /proc."""
