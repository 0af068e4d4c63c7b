"""What an observation means: pure functions, no I/O, no clock, no randomness, no Faust."""
