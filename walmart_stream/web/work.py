"""Bounds on the work that all callers together have under way."""

from __future__ import annotations

import asyncio

from walmart_stream.web.limits import LIMITS, Limits


class Work:
    """Turns to work: who finds none waits for one, and gives up its place by hanging up."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        #: For a view that reads.
        self.view = asyncio.Semaphore(limits.views)
        #: For a view that streams a whole collection.
        self.export = asyncio.Semaphore(limits.exports)
        #: For reading a partition of the raw topic.
        self.log = asyncio.Semaphore(limits.logs)
        #: For checking a body that has been received.
        self.body = asyncio.Semaphore(limits.bodies)
