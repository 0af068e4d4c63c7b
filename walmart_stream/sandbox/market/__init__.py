"""The sandbox's market: a catalogue made from a seed, and how its prices move."""
