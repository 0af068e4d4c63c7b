"""The open connections by their owners, and the one that gives way to a new one. Pure.

Connections that wait for their next request are cheap to make again, so the oldest of them gives
way when there is no room. An address that has its share gives way to itself only. Beyond all of
that a few more connections are taken, on which nothing but probes is answered: whether a worker
lives must be seen while it is flooded, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Protocol


class Guest(Protocol):
    """A connection as :class:`Connections` sees it."""

    @property
    def is_at_work(self) -> bool:
        """Whether a request is being answered on it."""
        ...

    only_probes: bool

    def leave(self) -> None:
        """Closes it."""
        ...


class Connections:
    """At most *most* connections, *share* of them of one address, and *probes* more for probes."""

    def __init__(self, most: int, share: int, probes: int) -> None:
        self._most = most
        self._share = share
        self._probes = probes
        # Guest -> address; who asked longest ago comes first.
        self._guests: dict[Guest, str] = {}
        self._by_address: Counter[str] = Counter()
        self._probing: dict[Guest, str] = {}

    def __len__(self) -> int:
        return len(self._guests) + len(self._probing)

    def admit(self, guest: Guest, address: str) -> bool:
        """Whether there is room for *guest*; it then counts until :meth:`release`."""
        if self._by_address[address] >= self._share:
            have_room = self._dismiss(one for one, of in self._guests.items() if of == address)
        elif len(self._guests) >= self._most:
            have_room = self._dismiss(self._guests)
        else:
            have_room = True
        if have_room:
            self._guests[guest] = address
            self._by_address[address] += 1
            return True
        if len(self._probing) >= self._probes and not self._dismiss(self._probing):
            return False
        guest.only_probes = True
        self._probing[guest] = address
        return True

    def touch(self, guest: Guest) -> None:
        """*guest* has asked for something."""
        if guest in self._guests:
            self._guests[guest] = self._guests.pop(guest)

    def release(self, guest: Guest) -> None:
        """*guest* has ended, or was never admitted."""
        self._probing.pop(guest, None)
        address = self._guests.pop(guest, None)
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def _dismiss(self, candidates: Iterable[Guest]) -> bool:
        idle = next((one for one in candidates if not one.is_at_work), None)
        if idle is None:
            return False
        self.release(idle)
        idle.leave()
        return True
