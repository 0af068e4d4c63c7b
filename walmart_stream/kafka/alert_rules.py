"""Alert rules, mutes and acknowledgements, written to and read from their topics."""

from __future__ import annotations

from collections.abc import Iterable

from walmart_stream import topics
from walmart_stream.domain.alerts.book import RuleBook, mute_key, mute_value
from walmart_stream.domain.alerts.rule_file import encode_rule
from walmart_stream.domain.alerts.rules import Rule
from walmart_stream.domain.alerts.steps import Step, encode_step
from walmart_stream.kafka.producing import produce
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings


async def read_book(settings: Settings) -> RuleBook:
    """The rules and mutes that the topic holds now.

    Raises:
        KafkaError, TimeoutError: the topic cannot be read.
    """
    book = RuleBook()
    async for record in read_topic(settings, topics.ALERT_RULES.name):
        book.take(record.key, record.value)
    return book


async def put_rules(settings: Settings, rules: Iterable[Rule]) -> None:
    """Add *rules*, or put them in the place of those of the same names.

    Raises:
        KafkaError: some are not acknowledged; adding them again is harmless.
    """
    records = [(rule.name.encode(), encode_rule(rule)) for rule in rules]
    await produce(settings, topics.ALERT_RULES.name, records)


async def remove_rules(settings: Settings, names: Iterable[str]) -> None:
    """Remove rules, there or not.

    Raises:
        KafkaError: some are not acknowledged; removing them again is harmless.
    """
    await produce(settings, topics.ALERT_RULES.name, [(name.encode(), None) for name in names])


async def mute(settings: Settings, kind: str, name: str, until: int | None) -> None:
    """Mute an item or a rule until *until* (epoch ms); ``None``: no longer.

    Raises:
        KafkaError: it is not acknowledged; muting it again is harmless.
        ValueError: *name* is none.
    """
    value = None if until is None else mute_value(until)
    await produce(settings, topics.ALERT_RULES.name, [(mute_key(kind, name), value)])


async def send_step(settings: Settings, step: Step) -> None:
    """Append a step of an alert.

    Raises:
        KafkaError: it is not acknowledged; sending it again is harmless.
    """
    records = [(step.item_id.encode(), encode_step(step))]
    await produce(settings, topics.ALERTS.name, records)
