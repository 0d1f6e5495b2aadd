"""Measurements, side by side in one run and as ratios: no absolute time of a noisy machine proves anything.

make bench                      # all of it, under five minutes
make bench ARGS="cache --quick" # one part, smaller
make bench ARGS=--write         # and write benchmarks/RESULTS.md
"""
