"""The windows of one item: those that are stored against what its observations come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from walmart_stream.audit import sense
from walmart_stream.audit.course import Course, Document, stored_form
from walmart_stream.audit.findings import Findings, Scope
from walmart_stream.audit.window_content import (
    CLOSED_AFTER_MS,
    Frame,
    Track,
    content,
    due_frames,
    frame_of,
    rules_that_explain,
)
from walmart_stream.domain.time import to_ms
from walmart_stream.storage.documents import PRICE_WINDOWS

# How long after the clock closed a window it may still be on its way to the database.
GRACE_MS = 240_000


class WindowAudit:
    """Judges the stored windows of an item, offer by offer, into *found*.

    Those without an ``_id`` are outlines: they are not judged, and others may agree with them.
    """

    def __init__(
        self, item_id: str, courses: Sequence[Course], scope: Scope, found: Findings
    ) -> None:
        self._item_id = item_id
        self._courses = courses
        self._scope = scope
        self._found = found

    def judge(self, offer: str, stored: Sequence[Document]) -> None:
        """Judge what is *stored* of *offer*, in order of the start."""
        tracks = [Track(course.seen.get(offer, [])) for course in self._courses]
        judged = [one for one in stored if "_id" in one]
        for window in judged:
            self._judge_window(offer, window, tracks, stored)
        missing = [self._missing(offer, track, stored) for track in tracks]
        for name in sorted(set.intersection(*missing)):
            self._found.lost.append((PRICE_WINDOWS, name))
        self._found.expected[PRICE_WINDOWS] += len(set.intersection(*missing))

    def _judge_window(
        self, offer: str, stored: Document, tracks: Sequence[Track], others: Sequence[Document]
    ) -> None:
        name = str(stored["_id"])
        try:
            frame = frame_of(stored, self._scope.rules.known_ms)
        except (KeyError, TypeError, ValueError, OverflowError):
            self._found.unexpected.append((PRICE_WINDOWS, name))
            return
        due: list[Document | None] = []
        for track in tracks:
            one = self._content(offer, track, frame, stored)
            is_void = not one["observations"] and not one["coverage"]
            due.append(None if is_void and not _is_void(stored) else one)
        if all(one is None for one in due):
            horizon = self._scope.horizon
            if horizon is not None and frame.start < horizon.until + frame.known:
                self._found.note_untold(PRICE_WINDOWS, name, sense.window_faults(stored), lost=True)
            else:
                self._found.unexpected.append((PRICE_WINDOWS, name))
            return
        told = self._found.compare(PRICE_WINDOWS, name, stored, due)
        if not told:
            self._found.note_untold(PRICE_WINDOWS, name, sense.window_faults(stored))
        elif all(self._is_stale(track, frame, stored, others) for track in tracks):
            field_name = "seen_at" if frame.is_new else "observations"
            self._found.wrong.append((PRICE_WINDOWS, name, {field_name}))

    def _content(self, offer: str, track: Track, frame: Frame, stored: Document) -> Document:
        if frame.is_new:
            return stored_form(content(self._item_id, offer, track, frame))
        # It does not name what it knows: as many observations as it says, the first ones.
        part = [one for one in track.part(frame) if one.at >= frame.start]
        count = stored.get("observations")
        if isinstance(count, int) and 0 < count < len(part):
            frame = Frame(frame.start, frame.width, frame.known, part[count - 1].at, is_new=False)
        one = content(self._item_id, offer, track, frame)
        if (one["mean"], one["coverage"]) != (stored.get("mean"), stored.get("coverage")):
            frame = rules_that_explain(track, frame, stored.get("coverage"))
            one = content(self._item_id, offer, track, frame)
        return stored_form(one)

    def _is_stale(
        self, track: Track, frame: Frame, stored: Document, others: Sequence[Document]
    ) -> bool:
        """Whether *stored* does not know an observation that it must know, having been closed."""
        track = track.until(self._scope.lower)
        newest = track.last_before(frame.end)
        if newest is None or not self._is_closed(track, frame.end):
            return False
        if frame.is_new:
            assert frame.seen_at is not None
            if newest <= frame.seen_at:
                return False
            if newest < frame.start and not _is_uniform(others):
                return False  # which unobserved windows are closed again depends on both rules
            now = content("", "", track, replace(frame, seen_at=None))
            if not now["observations"] and not now["coverage"]:
                return False  # such a window need not be known
            # Where WINDOW_SIZE changed, what came later counts at the other width.
            return not any(_counts(other, newest) for other in others if other is not stored)
        if newest < frame.start:
            return False
        begin = Frame(frame.start, frame.width, frame.known)
        count = sum(one.at >= frame.start for one in track.part(begin))
        later = any(
            other.get("width_s") is not None and other["start"] < stored["end"] < other["end"]
            for other in others
        )
        return count > stored["observations"] and not later

    def _missing(self, offer: str, track: Track, stored: Sequence[Document]) -> set[str]:
        """Names of windows that must be stored and are not."""
        rules, horizon = self._scope.rules, self._scope.horizon
        track = track.until(self._scope.lower)
        if not track.seen:
            return set()
        spans = [(to_ms(one["start"]), to_ms(one["end"]), one) for one in stored if _spans(one)]
        missing = set()
        cover, is_uniform = _Cover(spans), _is_uniform(stored)
        for frame in due_frames(track, rules.window_ms, rules.known_ms):
            if not self._is_closed(track, frame.end):
                # Nor is any of the later ones: there is one for as long as the price is known,
                # which may be thousands of windows into the future.
                break
            if horizon is not None and frame.start <= horizon.until:
                continue
            part = [one for one in track.part(frame) if one.at >= frame.start]
            if part:
                present = all(cover.at(one.at) for one in part)
            else:
                present = (
                    cover.at(frame.start) is not None
                    or not is_uniform
                    or not _requires_unobserved(cover, track, frame)
                )
            if not present:
                missing.add(self._window_name(offer, frame))
        return missing

    def _window_name(self, offer: str, frame: Frame) -> str:
        return str(content(self._item_id, offer, Track([]), frame)["_id"])

    def _is_closed(self, track: Track, end: int) -> bool:
        """Whether a window up to *end* has been closed for long, or by a later observation."""
        if track.seen and track.seen[-1].at >= end:
            return True
        return end + CLOSED_AFTER_MS + GRACE_MS < self._scope.now


class _Cover:
    """The stored windows that count an observation."""

    def __init__(self, spans: Iterable[tuple[int, int, Document]]) -> None:
        self._spans = sorted(spans, key=lambda span: span[:2])

    def at(self, at: int) -> Document | None:
        """A stored window that *at* falls in."""
        for start, end, window in self._near(at):
            if start <= at < end:
                return window
        return None

    def _near(self, at: int) -> Iterator[tuple[int, int, Document]]:
        # Windows of two widths may overlap; of one width there is one.
        low, high = 0, len(self._spans)
        while low < high:
            middle = (low + high) // 2
            if self._spans[middle][0] <= at:
                low = middle + 1
            else:
                high = middle
        yield from reversed(self._spans[max(0, low - 3) : low])


def _requires_unobserved(cover: _Cover, track: Track, frame: Frame) -> bool:
    """Whether the window before it is of a release that stores windows without observations."""
    last = track.last_before(frame.start)
    window = None if last is None else cover.at(last)
    if window is None or window.get("width_s") is None:
        return False
    rules = window["width_s"] * 1000, round(window.get("known_for_s", 0) * 1000)
    return rules == (frame.width, frame.known) and window.get("since") is None


def _counts(window: Document, at: int) -> bool:
    """Whether a stored window knows an observation at *at*."""
    if not _spans(window) or window.get("seen_at") is None:
        return False
    return to_ms(window["start"]) <= at < to_ms(window["end"]) and at <= to_ms(window["seen_at"])


def _is_uniform(stored: Iterable[Document]) -> bool:
    """Whether windows of one offer were all made by the same rules."""
    return len({(one.get("width_s"), one.get("known_for_s")) for one in stored}) == 1


def _spans(stored: Document) -> bool:
    return stored.get("start") is not None and stored.get("end") is not None


def _is_void(stored: Document) -> bool:
    return not stored.get("observations") and not stored.get("coverage")
