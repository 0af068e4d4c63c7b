"""Errors that are kept: without the frames that they passed through.

aiohttp keeps the error of a request in what the request is read from, and each frame of its
traceback refers to that in turn. Such a circle holds the bytes that were received until the
garbage collector finds it, which has reason to come rarely.
"""

from __future__ import annotations


def forget_frames(error: BaseException | None) -> None:
    """Drop the traceback of *error* and of those that it came from."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
