"""Assigns partitions by the configured number, whatever the brokers have more."""

from __future__ import annotations

from typing import Any

from faust.assignor.partition_assignor import PartitionAssignor


class BoundedAssignor(PartitionAssignor):
    """Partitions that somebody added have no owner: keys are hashed by the configured number."""

    def assign(self, cluster: Any, member_metadata: Any) -> Any:
        return super().assign(_Bounded(cluster, self.app.conf.topic_partitions), member_metadata)


class _Bounded:
    """The brokers' metadata, as far as the assignor looks at them."""

    def __init__(self, cluster: Any, most: int) -> None:
        self._cluster = cluster
        self._most = most

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        found = self._cluster.partitions_for_topic(topic)
        return None if found is None else {number for number in found if number < self._most}
