"""Benchmarks: counts, memory and ratios, printed; no test rests on a second."""
