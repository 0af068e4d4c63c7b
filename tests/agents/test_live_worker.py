"""Preparations of a worker for its views, before anybody asks."""

from __future__ import annotations

from walmart_stream import app as program
from walmart_stream import topics
from walmart_stream.kafka.followed import Followed


async def test_the_watchlist_is_read_before_anybody_asks(
    make_unreachable_settings, monkeypatch
) -> None:
    """From the start of the worker on: the first page of a million items took 15 s."""
    read: list[str] = []

    async def catch_up(followed: Followed) -> None:
        read.append(followed._topic)
        raise OSError("no page is worth a worker")

    async def prepare(_: object) -> dict[str, int]:
        return {}

    monkeypatch.setattr(Followed, "catch_up", catch_up)
    monkeypatch.setattr(program, "prepare", prepare)
    app = program.create_app(make_unreachable_settings())

    await app._prepare()
    await app._gather_futures()

    assert read == [topics.WATCHLIST.name]
