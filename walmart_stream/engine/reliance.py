"""Everything relied on, here and in runtime/, beyond Faust's, mode's, aiokafka's docs.

Their private names, and public ones whose behaviour nobody promises, by module and class. Any
release may change them without notice: so the versions are pinned, and :func:`check` refuses to go
on with others. For new ones: read what has changed in these, run ``tests/engine`` and
``make chaos``, then change :data:`VERSIONS`.
"""

from __future__ import annotations

from importlib.metadata import version

#: Distribution -> the version whose internals were read and tested.
VERSIONS = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}

#: "module:class" -> names, separated by spaces.
RELIANCES = {
    "faust.app.base:App": "_new_producer_transport _new_transport consumer_generation_id",
    "faust.transport.consumer:Consumer": "_commit _commit_offsets _drain_messages"
    " _filter_committable_offsets _getmany _wait_next_records callback consumer_stopped_errors"
    " flow_active on_partitions_assigned on_partitions_revoked perform_seek stop_flow suspend_flow"
    " wait_empty",
    "faust.transport.consumer:ThreadDelegateConsumer": "_thread highwaters seek_wait",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread": "_commit _consumer _ensure_consumer",
    "faust.transport.drivers.aiokafka:Consumer": "_new_consumer_thread",
    "faust.transport.drivers.aiokafka:Producer": "_ensure_producer _producer _settings_extra",
    # It seeks through perform_seek, which does nothing the second time in a generation.
    "faust.tables.recovery:Recovery": "_add _set_recovery_ended _set_recovery_started"
    " _slurp_changelogs _wait active_offsets active_tps in_recovery need_recovery"
    " on_recovery_completed signal_recovery_end standby_offsets standby_tps tp_to_table",
    "faust.tables.manager:TableManager": "_recovery _update_channels changelog_topics"
    " on_standbys_ready",
    "faust.tables.base:Collection": "on_rebalance persisted_offset",
    "aiokafka.client:AIOKafkaClient": "cluster force_metadata_update send",
    "aiokafka.consumer.consumer:AIOKafkaConsumer": "_client _coordinator _fetcher _subscription",
    "aiokafka.consumer.group_coordinator:GroupCoordinator": "check_errors fetch_committed_offsets",
    "aiokafka.consumer.fetcher:FetchResult": "_partition_records",
    "aiokafka.consumer.fetcher:Fetcher": "_records close",
    "aiokafka.consumer.fetcher:PartitionRecords": "_consumer_record _records _tp _unpack_records",
    "aiokafka.consumer.subscription_state:Assignment": "active tps",
    "aiokafka.consumer.subscription_state:SubscriptionState": "fetch_context subscription",
    "aiokafka.producer.message_accumulator:BatchBuilder": "_builder _relative_offset",
    "aiokafka.protocol.fetch:FetchRequest": "build",
    "mode.services:Service": "crash",
}


def check() -> None:
    """Raises ImportError if an installed version is not the one that was read and tested."""
    for name, tested in VERSIONS.items():
        if (installed := version(name)) != tested:
            raise ImportError(
                f"walmart_stream.engine relies on internals of {name} {tested}, "
                f"but {installed} is installed"
            )
