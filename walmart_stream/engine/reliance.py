"""Everything that this package relies on beyond the documentation of Faust, mode and aiokafka.

What is overridden, called or looked at, by module and class. A release of Faust may change any of
it without notice: so its version is pinned, and :func:`check` refuses to go on with another one.
For a new version: read what has changed in these, run ``tests/engine`` and ``make chaos``, then
change :data:`FAUST`.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version

FAUST = "0.15.3"

#: Module -> class ("" for the module itself) -> names.
RELIANCES: dict[str, dict[str, tuple[str, ...]]] = {
    "faust.app.base": {
        "App": (
            "_new_producer_transport",
            "_new_transport",
            "consumer_generation_id",
            "flow_control",
            "on_first_start",
            "rebalancing",
            "rebalancing_count",
        ),
    },
    "faust.transport.consumer": {
        "Consumer": (
            "_commit",
            "_commit_offsets",
            "_committed_offset",
            "_drain_messages",
            "_filter_tps_with_pending_acks",
            "_getmany",
            "_new_offset",
            "_read_offset",
            "_wait_next_records",
            "ack",
            "callback",
            "consumer_stopped_errors",
            "flow_active",
            "on_partitions_revoked",
            "perform_seek",
            "stop_flow",
            "suspend_flow",
            "wait_empty",
        ),
        "ThreadDelegateConsumer": ("_thread", "highwaters", "seek_wait"),
    },
    "faust.transport.drivers.aiokafka": {
        "": ("credentials_to_aiokafka_auth", "server_list"),
        "AIOKafkaConsumerThread": (
            "_consumer",
            "_create_worker_consumer",
            "_ensure_consumer",
            "_fetch_records",
            "seek_to_committed",
            "verify_event_path",
        ),
        "Consumer": ("_new_consumer_thread",),
        "Producer": (
            "_ensure_producer",
            "_producer",
            "_settings_extra",
            "key_partition",
            "on_start",
            "send",
        ),
        "Transport": ("Consumer", "Producer"),
    },
    "faust.tables.recovery": {
        # It seeks through perform_seek, which does nothing the second time in a generation.
        "Recovery": (
            "_add",
            "_publish_stats",
            "_set_recovery_ended",
            "_set_recovery_started",
            "_slurp_changelogs",
            "_wait",
            "active_offsets",
            "active_remaining_total",
            "active_tps",
            "in_recovery",
            "need_recovery",
            "on_recovery_completed",
            "signal_recovery_end",
            "standby_offsets",
            "standby_remaining_total",
            "standby_tps",
            "tp_to_table",
        ),
    },
    "faust.tables.manager": {
        "TableManager": (
            "_recovery",
            "actives_ready",
            "changelog_topics",
            "on_standbys_ready",
            "recovery",
            "standbys_ready",
        ),
    },
    "faust.tables.base": {
        "Collection": ("changelog_topic_name", "data", "on_rebalance", "persisted_offset"),
    },
    "faust.stores.rocksdb": {"Store": ("_db_for_partition", "offset_key")},
    "aiokafka.consumer.consumer": {
        "AIOKafkaConsumer": (
            "_closed",
            "_coordinator",
            "_fetch_max_bytes",
            "_fetch_max_wait_ms",
            "_fetcher",
        )
    },
    "aiokafka.consumer.group_coordinator": {"GroupCoordinator": ("check_errors",)},
    "aiokafka.consumer.fetcher": {
        "FetchResult": ("_partition_records",),
        "Fetcher": ("_records", "error_future"),
        "PartitionRecords": ("_consumer_record",),
    },
    "aiokafka.producer.message_accumulator": {"BatchBuilder": ("_builder", "_relative_offset")},
    "mode.services": {"Service": ("_stopped", "crash")},
    "mode.utils.queues": {"FlowControlEvent": ("clear", "is_active", "resume", "suspend")},
}


def check() -> None:
    """Raises ImportError if Faust is not the version whose internals were read and tested."""
    installed = version("faust-streaming")
    if installed != FAUST:
        raise ImportError(
            f"walmart_stream.engine relies on internals of faust-streaming {FAUST}, "
            f"but {installed} is installed"
        )


def missing() -> list[str]:
    """Of :data:`RELIANCES`, what is not there."""
    found = []
    for module_name, classes in RELIANCES.items():
        module = importlib.import_module(module_name)
        for class_name, names in classes.items():
            owner = getattr(module, class_name, None) if class_name else module
            set_at_start = set(_names_in_init(owner))
            found += [
                f"{module_name}.{class_name}.{name}"
                for name in names
                if not hasattr(owner, name) and name not in set_at_start
            ]
    return found


def _names_in_init(owner: object) -> list[str]:
    classes = owner.__mro__ if isinstance(owner, type) else ()
    makers = [one.__dict__["__init__"] for one in classes if "__init__" in one.__dict__]
    return [name for init in makers if hasattr(init, "__code__") for name in init.__code__.co_names]
