"""One item: what is stored of it against what its observations come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from walmart_stream.audit import sense
from walmart_stream.audit.course import Course, Document, stored_form
from walmart_stream.audit.item_versions import item_versions
from walmart_stream.audit.report import Comparison
from walmart_stream.audit.window_content import (
    CLOSED_AFTER_MS,
    Frame,
    Track,
    content,
    due_frames,
    frame_of,
    rules_that_explain,
)
from walmart_stream.domain.pasts import Horizon
from walmart_stream.domain.time import to_ms
from walmart_stream.domain.windows import Rules
from walmart_stream.storage.documents import ITEMS, OFFERS, PRICE_CHANGES, PRICE_WINDOWS

# How long after the clock closed a window it may still be on its way to the database.
GRACE_MS = 240_000

# Why something cannot be told.
BEFORE_THE_LOG = "of observations that the log no longer holds"
NEEDS_THE_PAST = "they depend on observations that the log no longer holds"
WAITS = "their results wait in a parked partition"
UNREADABLE = "the log has batches that this program cannot read"


@dataclass(frozen=True, slots=True)
class Scope:
    """The rules by which an item is judged.

    Everything from before the offset ``lower`` must be stored, unless only the clock (``now``,
    epoch ms) closes it; what is stored stems from before ``upper``. ``place``: topic and partition.
    """

    place: tuple[str, int]
    rules: Rules
    now: int
    lower: int
    upper: int
    horizon: Horizon | None = None


@dataclass(slots=True)
class Findings:
    """The differences of one item, before they are counted: it may have moved while it was read.

    ``lost``, ``unexpected``: (collection, name); ``wrong``: (collection, name, fields).
    """

    expected: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    stored: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lost: list[tuple[str, str]] = field(default_factory=list)
    unexpected: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[tuple[str, str, set[str]]] = field(default_factory=list)
    untold: list[tuple[str, str]] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        return bool(self.lost or self.unexpected or self.wrong)

    def set_waiting(self) -> None:
        """Count the differences as not to be told that results make which nobody has stored yet."""
        missing = [*self.lost, *((collection, name) for collection, name, _ in self.wrong)]
        self.untold += [(collection, WAITS) for collection, _ in missing]
        self.lost, self.wrong = [], []

    def set_doubtful(self) -> None:
        """Count the differences as not to be told: others may have read what we cannot."""
        wrong = ((collection, name) for collection, name, _ in self.wrong)
        found = [*self.lost, *self.unexpected, *wrong]
        self.untold += [(collection, UNREADABLE) for collection, _ in found]
        self.lost, self.unexpected, self.wrong = [], [], []

    def add_to(self, collections: Mapping[str, Comparison]) -> None:
        """Count everything in the comparison of its collection."""
        for name, count in self.expected.items():
            collections[name].expected += count
        for name, count in self.stored.items():
            collections[name].stored += count
        for collection, name in self.lost:
            collections[collection].add_lost(name)
        for collection, name in self.unexpected:
            collections[collection].add_unexpected(name)
        for collection, name, fields in self.wrong:
            collections[collection].add_wrong(name, fields)
        for collection, why in self.untold:
            collections[collection].add_untold(why)


class ItemAudit:
    """Feed it the stored changes, offers, windows and the document of an item: :meth:`finish`.

    Changes are due first, in order of time, then offers, then windows in order of their start.
    """

    def __init__(self, item_id: str, courses: Sequence[Course], scope: Scope) -> None:
        self._item_id = item_id
        self._courses = courses
        self._scope = scope
        self._found = Findings()
        self._last: dict[str, Document] = {}
        self._met: dict[str, set[str]] = {PRICE_CHANGES: set(), OFFERS: set(), ITEMS: set()}
        self._windows: dict[str, list[Document]] = defaultdict(list)

    def change(self, stored: Document) -> None:
        """Judge a document of ``price_changes``."""
        found = self._found
        found.stored[PRICE_CHANGES] += 1
        name, offer = str(stored["_id"]), str(stored.get("offer"))
        self._met[PRICE_CHANGES].add(name)
        before = self._last.get(offer)
        self._last[offer] = stored
        versions = [course.changes.get(name) for course in self._courses]
        due = [None if version is None else version.document for version in versions]
        if all(one is None for one in due):
            if self._is_before_the_log(stored):
                self._untold(PRICE_CHANGES, name, sense.change_faults(stored, before), lost=True)
            else:
                found.unexpected.append((PRICE_CHANGES, name))
            return
        told = self._compare(PRICE_CHANGES, name, stored, due)
        if not told:
            self._untold(PRICE_CHANGES, name, sense.change_faults(stored, before))

    def offer(self, stored: Document) -> None:
        """Judge a document of ``offers``."""
        found = self._found
        found.stored[OFFERS] += 1
        name = str(stored["_id"])
        self._met[OFFERS].add(name)
        due = [_nearest(self._versions(course, name), stored) for course in self._courses]
        last = self._last.get(str(stored.get("offer")))
        if all(one is None for one in due):
            if self._scope.horizon is None:
                found.unexpected.append((OFFERS, name))
            else:
                self._untold(OFFERS, name, sense.offer_faults(stored, last), lost=True)
            return
        if not self._compare(OFFERS, name, stored, due):
            self._untold(OFFERS, name, sense.offer_faults(stored, last))

    def window(self, stored: Document) -> None:
        """Take a document of ``price_windows``."""
        self._found.stored[PRICE_WINDOWS] += 1
        horizon = self._scope.horizon
        start = stored.get("start")
        if horizon is not None and start is not None and to_ms(start) <= horizon.until:
            name = str(stored["_id"])
            self._untold(PRICE_WINDOWS, name, sense.window_faults(stored), lost=True)
            self._windows[str(stored.get("offer"))].append(_outline(stored))
        else:
            self._windows[str(stored.get("offer"))].append(stored)

    def item(self, stored: Document) -> None:
        """Judge the document of ``items``."""
        found, name = self._found, str(stored["_id"])
        found.stored[ITEMS] += 1
        self._met[ITEMS].add(name)
        lower = self._scope.lower
        due = [
            _nearest(item_versions(self._item_id, course, lower, stored), stored)
            for course in self._courses
        ]
        if all(one is None for one in due):
            if self._scope.horizon is None:
                found.unexpected.append((ITEMS, name))
            else:
                self._untold(ITEMS, name, set(), lost=True)
        elif not self._compare(ITEMS, name, stored, due):
            self._untold(ITEMS, name, set())

    def finish(self) -> Findings:
        """The findings."""
        lower = self._scope.lower
        required = [
            {name for name, version in course.changes.items() if version.offset < lower}
            for course in self._courses
        ]
        self._lose(PRICE_CHANGES, required)
        required = [
            {name for name, versions in course.offers.items() if versions[0].offset < lower}
            for course in self._courses
        ]
        self._lose(OFFERS, required)
        self._lose(ITEMS, [{self._item_id} if names else set() for names in required])
        offers = {name for course in self._courses for name in course.seen}
        for offer in sorted(offers | self._windows.keys()):
            self._judge_windows(offer, self._windows.get(offer, []))
        return self._found

    # -- windows ------------------------------------------------------------------------------

    def _judge_windows(self, offer: str, stored: list[Document]) -> None:
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
                self._untold(PRICE_WINDOWS, name, sense.window_faults(stored), lost=True)
            else:
                self._found.unexpected.append((PRICE_WINDOWS, name))
            return
        told = self._compare(PRICE_WINDOWS, name, stored, due)
        if not told:
            self._untold(PRICE_WINDOWS, name, sense.window_faults(stored))
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
            if horizon is not None and frame.start <= horizon.until:
                continue
            if not self._is_closed(track, frame.end):
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

    # -- all collections ----------------------------------------------------------------------

    def _versions(self, course: Course, name: str) -> list[Document]:
        """The versions of an offer that may be stored: as of ``lower``, or as of later."""
        versions = course.offers.get(name, [])
        lower = self._scope.lower
        first = max((n for n, one in enumerate(versions) if one.offset < lower), default=0)
        return [one.document for one in versions[first:]]

    def _is_before_the_log(self, stored: Document) -> bool:
        """Whether a change may be of an observation, or upon a state, that the log has lost."""
        horizon, source = self._scope.horizon, stored.get("source")
        if horizon is None or not isinstance(source, dict):
            return False
        offset, at = source.get("offset"), stored.get("observed_at")
        if (source.get("topic"), source.get("partition")) != self._scope.place:
            return False
        if not isinstance(offset, int) or not isinstance(at, datetime):
            return False
        return offset < horizon.start or to_ms(at) <= horizon.until

    def _compare(
        self, collection: str, name: str, stored: Document, due: Sequence[Document | None]
    ) -> bool:
        """Note the fields of *stored* that are wrong by all that is *due*; whether all is told."""
        candidates = [one for one in due if one is not None]
        if len(candidates) == 1 < len(due):
            return False  # by one past alone nothing is told
        first = candidates[0]
        keys = set(stored.keys()).union(*candidates)
        told = {key for key in keys if all(_is_equal(first, one, key) for one in candidates[1:])}
        wrong = {key for key in told if not _is_equal(first, stored, key)}
        if collection == OFFERS and "revision" not in stored:
            wrong.discard("revision")  # a document of the first release
        is_told = len(candidates) == len(due) and told == keys
        if is_told or wrong:
            self._found.expected[collection] += 1
        if wrong:
            self._found.wrong.append((collection, name, wrong))
        return is_told or bool(wrong)

    def _untold(self, collection: str, name: str, faults: set[str], *, lost: bool = False) -> None:
        """Note that a stored document cannot be judged as a whole, or what it contradicts."""
        if faults:
            self._found.wrong.append((collection, name, faults))
        else:
            self._found.untold.append((collection, BEFORE_THE_LOG if lost else NEEDS_THE_PAST))

    def _lose(self, collection: str, required: Sequence[set[str]]) -> None:
        for name in sorted(set.intersection(*required) - self._met[collection]):
            self._found.expected[collection] += 1
            self._found.lost.append((collection, name))


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


def _nearest(versions: Sequence[Document], stored: Document) -> Document | None:
    """That of *versions* which *stored* is, or should be: the newest, if it is none of them."""
    for passed_over in (None, "revision"):
        for version in reversed(versions):
            if all(_is_equal(version, stored, key) for key in version if key != passed_over):
                return version
    return versions[-1] if versions else None


def _outline(stored: Document) -> Document:
    kept = ("start", "end", "width_s", "known_for_s", "since", "seen_at")
    return {name: stored[name] for name in kept if name in stored}


def _spans(stored: Document) -> bool:
    return stored.get("start") is not None and stored.get("end") is not None


def _is_void(stored: Document) -> bool:
    return not stored.get("observations") and not stored.get("coverage")


def _is_equal(due: Mapping[str, Any], stored: Mapping[str, Any], key: str) -> bool:
    """Equal in value and type: 5 is not 5.0 in the database, nor is 1 true."""
    absent = object()
    return _is_same(due.get(key, absent), stored.get(key, absent))


def _is_same(due: Any, stored: Any) -> bool:
    if isinstance(due, dict) and isinstance(stored, dict):
        return due.keys() == stored.keys() and all(_is_same(due[k], stored[k]) for k in due)
    return due.__class__ is stored.__class__ and bool(due == stored)
