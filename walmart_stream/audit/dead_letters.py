"""Every bad record of the raw topic must be a dead letter, with its bytes untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from walmart_stream.audit.expected import Expected, digest_of
from walmart_stream.audit.report import Comparison

# See walmart_stream.agents.dead_letters: what was too large is cut.
CUT = "x-error-cut"


class DeadLetterCheck:
    """Feed it the dead-letter topic, then :meth:`finish`.

    Dead-lettering is at least once: a place that comes again is a repeat, not a difference. Of
    places that a person has *passed_over* (partition, offset) none is due.
    """

    def __init__(
        self,
        expected: Expected,
        passed_over: Callable[[int, int], bool] = lambda partition, offset: False,
    ) -> None:
        self._expected = expected
        self._passed_over = passed_over
        self._found: set[tuple[int, int]] = set()
        self._comparison = Comparison(expected=len(expected.bad))
        self.repeats = 0

    def add(
        self, headers: Iterable[tuple[str, bytes | None]], key: bytes | None, value: bytes | None
    ) -> None:
        """Take the next dead letter; those of other topics than the raw one are passed over."""
        reason: dict[str, str] = {}
        for name, text in headers:
            # Ours come first; what follows are the original record's, which may have the same.
            reason.setdefault(name, (text or b"").decode(errors="replace"))
        if reason.get("x-error-topic") != self._expected.topic:
            return
        self._comparison.stored += 1
        try:
            place = int(reason["x-error-partition"]), int(reason["x-error-offset"])
        except (KeyError, ValueError):
            self._comparison.add_unexpected("a dead letter without the place it came from")
            return
        name = f"{place[0]}:{place[1]}"
        digest = self._expected.bad.get(place)
        if digest is None:
            if self._expected.is_later(self._expected.topic, *place):
                self._comparison.later += 1
            else:
                self._comparison.add_unexpected(name)
        elif digest != digest_of(key, value) and CUT not in reason:
            self._comparison.add_wrong(name, ["original bytes"])
            self._found.add(place)
        elif place in self._found:
            self.repeats += 1
        else:
            self._found.add(place)

    def finish(self) -> Comparison:
        """The comparison; names are ``partition:offset`` in the raw topic."""
        for partition, offset in sorted(self._expected.bad.keys() - self._found):
            if self._passed_over(partition, offset):
                self._comparison.expected -= 1
            else:
                self._comparison.add_lost(f"{partition}:{offset}")
        return self._comparison
