"""The past of an item's offers as contiguous segments: what was known when, and for how much."""
