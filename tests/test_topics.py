"""The registry of topics."""

from __future__ import annotations

from walmart_stream.topics import TOPICS, Kept


def test_the_topics_are_those_of_the_contract() -> None:
    """Names that other programs read and write, and how long each is kept."""
    assert {topic.name: topic.kept for topic in TOPICS} == {
        "walmart-watchlist": Kept.COMPACTED,
        "walmart-competitor-data": Kept.BY_TIME,
        "walmart-seller-news": Kept.BY_TIME,
        "walmart-data-processing": Kept.BY_TIME,
        "walmart-alert-rules": Kept.COMPACTED,
        "walmart-alerts": Kept.BY_TIME,
        "walmart-dead-letter": Kept.BY_TIME,
        "walmart-partitions": Kept.COMPACTED,
    }


def test_every_topic_says_what_it_holds_and_who_writes_it() -> None:
    """One writer per topic."""
    assert all(topic.value and topic.writer for topic in TOPICS)
