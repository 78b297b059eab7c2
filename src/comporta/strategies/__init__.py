"""Each strategy is a pure function: (spec, snapshot, release) → plan. No I/O, no clock, no randomness."""
