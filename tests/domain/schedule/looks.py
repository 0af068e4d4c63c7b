"""Sights in the short form: seconds since the one before, and whether it found a change."""

from __future__ import annotations

from walmart_stream.domain.schedule.sights import UNSEEN, Sights

START = 1_795_348_800_000


def seen(*looks: tuple[float, bool]) -> Sights:
    """The sights after a first one at ``START`` and *looks*."""
    at = START
    sights = UNSEEN.after(at, changed=False, own=False)
    for distance, changed in looks:
        at += int(distance * 1000)
        sights = sights.after(at, changed=changed, own=False)
    return sights
