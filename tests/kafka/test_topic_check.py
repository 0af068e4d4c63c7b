"""Differences of topics that stop a worker, those that are only reported, and the advice."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from walmart_stream.engine.tables import AwaitedTable
from walmart_stream.kafka.topic_check import Comparison, FoundTopic, compare, missing
from walmart_stream.kafka.topic_configs import RequiredTopic, required_topics
from walmart_stream.settings import Settings

MakeSettings = Callable[..., Settings]

RAW = "walmart-competitor-data"
WATCHLIST = "walmart-watchlist"
OFFERS = "prices-offers-changelog"
WINDOWS = "prices-price-windows-changelog"


@pytest.fixture(name="settings")
def three_copies(make_unreachable_settings: MakeSettings) -> Settings:
    return make_unreachable_settings(
        kafka_brokers=("one:9092", "two:9092"), kafka_replication_factor=3, app_id="prices"
    )


def required(settings: Settings, name: str) -> RequiredTopic:
    [topic] = [topic for topic in required_topics(settings) if topic.name == name]
    return topic


def check(
    settings: Settings,
    name: str,
    configs: Mapping[str, str] | None = None,
    *,
    partitions: int = 4,
    copies: int = 3,
) -> Comparison:
    """Compare a topic that is as required but for what is given."""
    topic = required(settings, name)
    told = {**topic.configs, **(configs or {})}
    return compare(topic, FoundTopic(partitions, copies, told), settings)


def test_topics_as_required_are_as_required(settings: Settings) -> None:
    """Nothing to say."""
    for topic in required_topics(settings):
        assert check(settings, topic.name) == Comparison()


@pytest.mark.parametrize(
    ("name", "config", "value", "said"),
    [
        (RAW, "cleanup.policy", "compact", "all records of a key but the last"),
        (RAW, "cleanup.policy", "compact,delete", "all records of a key but the last"),
        (RAW, "cleanup.policy", "delete, compact", "all records of a key but the last"),
        (RAW, "retention.ms", "604800000", "deleted too early"),
        (RAW, "retention.bytes", "1073741824", "deleted too early"),
        (RAW, "min.insync.replicas", "1", "too few copies"),
        (RAW, "max.message.bytes", "1048588", "might not fit"),
        (WATCHLIST, "cleanup.policy", "delete", "do not change would be deleted"),
        (WATCHLIST, "cleanup.policy", "compact,delete", "do not change would be deleted"),
        (OFFERS, "cleanup.policy", "delete", "do not change would be deleted"),
        (OFFERS, "cleanup.policy", "compact,delete", "do not change would be deleted"),
        (OFFERS, "min.insync.replicas", "1", "too few copies"),
        (OFFERS, "min.compaction.lag.ms", "0", "compacted away"),
        (OFFERS, "delete.retention.ms", "3600000", "would keep deleted keys"),
        (WINDOWS, "retention.ms", "3600000", "deleted too early"),
        (WINDOWS, "min.compaction.lag.ms", "1000", "compacted away"),
    ],
)
def test_what_endangers_data_is_a_fault_with_the_command_that_mends_it(
    settings: Settings, name: str, config: str, value: str, said: str
) -> None:
    """The command sets what is required."""
    comparison = check(settings, name, {config: value})

    [fault] = comparison.faults
    wanted = required(settings, name).configs[config]
    assert fault.startswith(f"{name}: {config} is {value}, needed is {wanted}: ")
    assert said in fault
    assert (
        f"kafka-configs --bootstrap-server one:9092,two:9092 --alter --topic {name} "
        f"--add-config {config}={wanted}"
    ) in fault
    assert not comparison.differences


@pytest.mark.parametrize(
    ("name", "config", "value"),
    [
        (RAW, "retention.ms", "-1"),
        (RAW, "retention.ms", "99999999999"),
        (RAW, "min.insync.replicas", "3"),
        (RAW, "max.message.bytes", "9999999"),
        (RAW, "cleanup.policy", ""),
        (OFFERS, "min.compaction.lag.ms", "9999999999"),
        (OFFERS, "segment.ms", "604800000"),
        (OFFERS, "cleanup.policy", ""),
        (WINDOWS, "cleanup.policy", "compact"),
        (WINDOWS, "cleanup.policy", "delete"),
        (WINDOWS, "retention.ms", "604800000"),
    ],
)
def test_what_keeps_more_is_only_said(
    settings: Settings, name: str, config: str, value: str
) -> None:
    """An operator may have reasons."""
    comparison = check(settings, name, {config: value})

    assert not comparison.faults
    [difference] = comparison.differences
    assert difference.startswith(f"{config} is {value}, configured is ")


def test_the_order_of_the_policies_does_not_matter(settings: Settings) -> None:
    """Brokers may write it in another order than we do."""
    assert check(settings, WINDOWS, {"cleanup.policy": "delete,compact"}) == Comparison()


def test_retention_says_nothing_where_nothing_is_deleted(settings: Settings) -> None:
    """A windowed changelog that is compacted only keeps more than it must."""
    assert not check(settings, WINDOWS, {"cleanup.policy": "compact", "retention.ms": "1"}).faults


def test_what_is_not_told_is_no_fault(settings: Settings) -> None:
    """The user may not be allowed to describe configurations."""
    for topic in required_topics(settings):
        comparison = compare(topic, FoundTopic(4, 3, {}), settings)

        assert comparison == Comparison()


@pytest.mark.parametrize(
    ("name", "advice"),
    [(RAW, "delete the topic with its records"), (OFFERS, "another APP_ID")],
)
def test_another_number_of_partitions_is_a_fault(
    settings: Settings, name: str, advice: str
) -> None:
    """More of them endanger as much as fewer."""
    for partitions in (3, 5):
        [fault] = check(settings, name, partitions=partitions).faults

        assert fault.startswith(f"{name} has {partitions} partitions, KAFKA_PARTITIONS is 4: ")
        assert f"set KAFKA_PARTITIONS={partitions}" in fault
        assert advice in fault


def test_fewer_copies_than_configured_are_a_fault_and_more_are_not(settings: Settings) -> None:
    """Somebody relies on the number that was configured."""
    fewer = check(settings, RAW, copies=2)
    more = check(settings, RAW, copies=5)

    [fault] = fewer.faults
    assert "replication is 2, needed is 3" in fault
    assert "set KAFKA_REPLICATION_FACTOR=2" in fault
    assert more == Comparison(differences=["replication is 5, configured is 3"])


def test_more_needed_copies_than_there_are_is_a_fault(settings: Settings) -> None:
    """Every write would be refused."""
    [fault] = check(settings, RAW, {"min.insync.replicas": "4"}).faults

    assert "min.insync.replicas is 4, and there are 3 copies" in fault


def test_retention_can_also_be_mended_by_the_setting(settings: Settings) -> None:
    """In whole days, so that the topic keeps at least so much."""
    [fault] = check(settings, RAW, {"retention.ms": "700000000"}).faults
    [changelog] = check(settings, WINDOWS, {"retention.ms": "90000000"}).faults

    assert "set KAFKA_RETENTION_DAYS=8, or kafka-configs" in fault
    assert "KAFKA_RETENTION_DAYS" not in changelog


def test_a_missing_topic_is_a_fault_with_the_commands_that_create_it(settings: Settings) -> None:
    """The release step's, or Kafka's own with every setting."""
    said = missing(required(settings, WINDOWS), settings)

    assert f"{WINDOWS} does not exist" in said
    assert "run walmart-stream topics, or kafka-topics --bootstrap-server one:9092" in said
    assert f"--create --topic {WINDOWS} --partitions 4 --replication-factor 3" in said
    assert "--config min.insync.replicas=2" in said
    assert "--config cleanup.policy=compact,delete" in said


def test_the_user_logs_in_where_the_broker_asks_for_it(
    make_unreachable_settings: MakeSettings,
) -> None:
    """Kafka's tools read the login from a file."""
    settings = make_unreachable_settings(
        kafka_security_protocol="SASL_SSL", kafka_username="u", kafka_password="hidden-word"
    )

    said = missing(required(settings, RAW), settings)

    assert "--command-config CLIENT.properties --create" in said
    assert "hidden-word" not in said


def test_a_new_owner_has_polled_every_item_before_a_changelog_is_compacted(
    make_unreachable_settings: MakeSettings,
) -> None:
    """A zombie's older value must not be what is left of an item."""
    settings = make_unreachable_settings(poll_interval_max=7200, kafka_session_timeout=300)

    for topic in required_topics(settings):
        if topic.is_changelog:
            assert int(topic.configs["min.compaction.lag.ms"]) > (7200 + 300) * 1000


def test_windows_that_are_still_open_are_not_deleted(
    make_unreachable_settings: MakeSettings,
) -> None:
    """Nor the one before, whatever WINDOW_SIZE is."""
    settings = make_unreachable_settings(window_size=604_800, app_id="prices")

    assert int(required(settings, WINDOWS).configs["retention.ms"]) > 2 * 604_800_000


def test_data_on_disk_is_forgotten_before_the_changelog_forgets_deletions(
    settings: Settings,
) -> None:
    """Or keys that were deleted meanwhile would be in the table again."""
    kept = int(required(settings, OFFERS).configs["delete.retention.ms"]) / 1000

    assert AwaitedTable.longest_absence <= kept / 2
