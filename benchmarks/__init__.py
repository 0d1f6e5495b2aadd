"""Measurements, side by side in one run and as ratios: these machines are noisy, so no absolute time proves anything.

make bench                     # all of it
make bench ARGS="cost --quick" # one part, smaller
make bench ARGS=--write        # and write benchmarks/RESULTS.md
"""
