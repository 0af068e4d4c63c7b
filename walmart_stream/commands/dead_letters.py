"""``walmart-stream dead-letters``: what could not be processed, and putting it back.

Read from the topic, which has the originals and needs no MongoDB.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from walmart_stream.domain.time import to_iso
from walmart_stream.kafka.dead_letters import Letter, put_back, read_letters
from walmart_stream.settings import Settings


class NoSuchLetter(Exception):
    """A name that no dead letter has, or none that can be put back."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice of letters; ``None`` is any. *fault* is the class of the fault."""

    topic: str | None = None
    stage: str | None = None
    fault: str | None = None

    def takes(self, letter: Letter) -> bool:
        """Whether *letter* is one of them."""
        return (
            self.topic in (None, letter.topic)
            and self.stage in (None, letter.stage)
            and self.fault in (None, letter.fault)
        )


async def find(settings: Settings, wanted: Filter, limit: int | None = None) -> list[Letter]:
    """The letters that *wanted* accepts, each once, oldest first; the newest *limit* of them.

    Raises:
        KafkaError, TimeoutError: the topic cannot be read.
    """
    found: dict[str, Letter] = {}
    async for letter in read_letters(settings):
        if wanted.takes(letter):
            found.setdefault(letter.name, letter)
            if limit is not None and len(found) > 4 * limit:
                found = _newest(found, limit)
    return list(_newest(found, limit).values())


async def show(settings: Settings, name: str) -> Letter:
    """The letter of *name*, as :func:`find` gives it.

    Raises:
        NoSuchLetter: there is none.
        KafkaError, TimeoutError: the topic cannot be read.
    """
    async for letter in read_letters(settings):
        if letter.name == name:
            return letter
    raise NoSuchLetter(
        f"there is no dead letter {name}; walmart-stream dead-letters list shows all"
    )


async def replay(
    settings: Settings,
    names: Collection[str],
    wanted: Filter,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Put the letters of *names*, or all that *wanted* accepts, back on their topics.

    Returns the names of those that are back; ``put_back`` says how. Those that cannot be put back,
    because they are cut or came by HTTP, are left out.

    Raises:
        NoSuchLetter: one of *names* is unknown or cannot be put back; nothing was done.
        KafkaError, TimeoutError: some are not there; replaying them again is harmless.
    """
    if not names:
        return await put_back(settings, wanted.takes, progress=progress)
    missing = set(names)
    async for letter in read_letters(settings):
        if letter.name in missing and wanted.takes(letter):
            if not letter.can_be_put_back:
                raise NoSuchLetter(f"{letter.name} cannot be put back: {_why_not(letter)}")
            missing.discard(letter.name)
    for name in missing:
        raise NoSuchLetter(f"there is no dead letter {name}")
    chosen = set(names)
    return await put_back(settings, lambda letter: letter.name in chosen, progress=progress)


def fields_of(letter: Letter) -> dict[str, Any]:
    """*letter* as JSON; bytes that are not text are in base64."""
    return {
        "id": letter.name,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "stage": letter.stage,
        "class": letter.fault,
        "message": letter.message,
        "at": _time(letter.at),
        "key": _text(letter.key),
        "value": _text(letter.value),
        "cut": letter.cut,
    }


def line_of(letter: Letter) -> str:
    """*letter* in a list, without its value."""
    return f"{letter.name}\t{_time(letter.at)}\t{letter.stage}\t{letter.fault}: {letter.message}"


def _newest(found: dict[str, Letter], limit: int | None) -> dict[str, Letter]:
    ordered = sorted(found.values(), key=lambda letter: (letter.at, letter.name))
    kept = ordered if limit is None else ordered[-limit:]
    return {letter.name: letter for letter in kept}


def _why_not(letter: Letter) -> str:
    return f"it was truncated ({letter.cut})" if letter.cut is not None else "it came by HTTP"


def _text(data: bytes | None) -> str | dict[str, str] | None:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _time(at: int) -> str | None:
    try:
        return to_iso(at)
    except (ValueError, OverflowError):
        return None
