"""Judges a canary: counts of candidate and stable in, a verdict out. Pure: no I/O, no clock, no randomness.

Everything here is an e-process: evidence that starts at 1 and, while the null hypothesis holds, has an expectation of
at most 1 whenever one looks. So it reaches 1/α with a probability of at most α (Ville's inequality), however often it
is asked. Evidence is kept as natural logarithms. `judge.py` is the whole; `docs/analysis.md` explains it.
"""
