"""Logs that lose their end: a power cut with one copy, a disk that was restored."""

from __future__ import annotations

import os
from pathlib import Path


def cut_tails(data: Path, topic: str, keep: float = 0.5) -> int:
    """Cut the last segment of each partition of *topic* to *keep* of its size.

    *data* is the folder of a node that is not running; it truncates what is left of the last batch
    when it starts. Returns how many bytes are gone.
    """
    gone = 0
    for folder in data.glob(f"{topic}-[0-9]*"):
        segment = max(folder.glob("*.log"))
        size = segment.stat().st_size
        os.truncate(segment, int(size * keep))
        gone += size - int(size * keep)
    return gone
