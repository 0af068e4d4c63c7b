"""Failures of servers as people read them."""

from __future__ import annotations


def in_words(error: BaseException) -> str:
    """One sentence: the class, once, and the message without the driver's view of all servers."""
    name = type(error).__name__
    # Errors of aiokafka begin with their own name.
    words = str(error).removeprefix(f"{name}: ")
    for rest in (" (configured timeouts", ", Timeout: ", ", Topology Description"):
        words = words.partition(rest)[0]
    return f"{name}: {words}" if words else name
