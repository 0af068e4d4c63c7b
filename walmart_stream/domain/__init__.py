"""The meaning of observations: pure functions, no I/O, no clock, no randomness, no Faust."""
