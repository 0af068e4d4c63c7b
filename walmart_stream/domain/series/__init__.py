"""The past of an item's offers as contiguous segments, each with its price or without one."""
