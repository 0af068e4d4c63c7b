"""One item: what is stored of it against what its observations come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from walmart_stream.audit import sense
from walmart_stream.audit.course import Course, Document
from walmart_stream.audit.findings import Findings, Scope, is_equal
from walmart_stream.audit.item_versions import item_versions
from walmart_stream.audit.window_audit import WindowAudit
from walmart_stream.domain.time import to_ms
from walmart_stream.storage.documents import ITEMS, OFFERS, PRICE_CHANGES, PRICE_WINDOWS


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
                found.note_untold(
                    PRICE_CHANGES, name, sense.change_faults(stored, before), lost=True
                )
            else:
                found.unexpected.append((PRICE_CHANGES, name))
            return
        told = found.compare(PRICE_CHANGES, name, stored, due)
        if not told:
            found.note_untold(PRICE_CHANGES, name, sense.change_faults(stored, before))

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
                found.note_untold(OFFERS, name, sense.offer_faults(stored, last), lost=True)
            return
        if not found.compare(OFFERS, name, stored, due):
            found.note_untold(OFFERS, name, sense.offer_faults(stored, last))

    def window(self, stored: Document) -> None:
        """Take a document of ``price_windows``."""
        self._found.stored[PRICE_WINDOWS] += 1
        horizon = self._scope.horizon
        start = stored.get("start")
        if horizon is not None and start is not None and to_ms(start) <= horizon.until:
            name = str(stored["_id"])
            self._found.note_untold(PRICE_WINDOWS, name, sense.window_faults(stored), lost=True)
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
                found.note_untold(ITEMS, name, set(), lost=True)
        elif not found.compare(ITEMS, name, stored, due):
            found.note_untold(ITEMS, name, set())

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
        windows = WindowAudit(self._item_id, self._courses, self._scope, self._found)
        for offer in sorted(offers | self._windows.keys()):
            windows.judge(offer, self._windows.get(offer, []))
        return self._found

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

    def _lose(self, collection: str, required: Sequence[set[str]]) -> None:
        """Note as lost what is required by every course and was not met."""
        self._found.lose(collection, set.intersection(*required) - self._met[collection])


def _nearest(versions: Sequence[Document], stored: Document) -> Document | None:
    """That of *versions* which *stored* is, or should be: the newest, if it is none of them."""
    for passed_over in (None, "revision"):
        for version in reversed(versions):
            if all(is_equal(version, stored, key) for key in version if key != passed_over):
                return version
    return versions[-1] if versions else None


def _outline(stored: Document) -> Document:
    kept = ("start", "end", "width_s", "known_for_s", "since", "seen_at")
    return {name: stored[name] for name in kept if name in stored}
