"""From the bytes of the raw topic to what they say about an item's offers."""
