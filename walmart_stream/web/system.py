"""The system: every worker with its partitions, lag, quota and faults, and the sums of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.web.context import Context
from walmart_stream.web.errors import json_response
from walmart_stream.web.group import Group, group, part_of
from walmart_stream.web.inputs import NoQuery, query

# Counters of failed requests, by whom they were sent to.
_ERRORS = {
    "affiliate": "walmart_poll_errors_total",
    "seller": "walmart_seller_errors_total",
}
_PROCESS = {
    "memory_bytes": "process_resident_memory_bytes",
    "cpu_seconds": "process_cpu_seconds_total",
    "open_files": "process_open_fds",
}
_POLLING = (
    "enabled",
    "watched_items",
    "calls_today",
    "calls_left_today",
    "calls_yesterday",
    "oldest_due_poll_seconds",
    "slow_because",
    "sight",
    "last_error",
    "last_error_at",
)


async def system(context: Context, request: web.Request) -> web.StreamResponse:
    """The figures of all workers as JSON."""
    query(NoQuery, request)
    return json_response(await system_data(context))


async def system_data(context: Context) -> dict[str, Any]:
    """The fields of :class:`walmart_stream.web.system_outputs.System`."""
    found = await group(context)
    return {
        "at": to_iso(to_ms(context.clock())),
        "workers": [_worker(name, figures) for name, figures in found.workers.items()],
        "silent": found.silent,
        "lag": {topic: int(count) for topic, count in found.sums("lag").items()},
        "quota": quota(found),
        "sight": sight(found),
        "request_errors": [
            {"side": side, "error": error, "count": int(count)}
            for side, name in _ERRORS.items()
            for error, count in sorted(found.sums("counters", name).items())
        ],
        "dead_letters": {
            stage: int(count)
            for stage, count in found.sums("counters", "walmart_dead_letters_total").items()
        },
        "freshness": found.freshness(),
        "parked": [
            {"worker": name, **one}
            for name, figures in found.workers.items()
            for one in figures.get("parked", ())
        ],
    }


def sight(found: Group) -> dict[str, Any] | None:
    """The changes seen and how late, over all workers that answered and know rates."""
    parts = [part_of(part_of(one, "polling"), "sight") for one in found.workers.values()]
    known = [part for part in parts if part.get("changes_a_day")]
    changes = sum(part["changes_a_day"] for part in known)
    if not changes:
        return None

    def mean(field: str, digits: int) -> float:
        total = sum(part["changes_a_day"] * part[field] for part in known)
        return float(round(total / changes, digits))

    return {
        "changes_a_day": round(changes, 1),
        "changes_seen_share": mean("changes_seen_share", 4),
        "unseen_mean_s": mean("unseen_mean_s", 1),
        "calls_per_seen_change": _calls_per_seen_change(found),
    }


def _calls_per_seen_change(found: Group) -> float | None:
    """Calls of all workers over the changes that these saw since their starts."""
    calls = sum(found.sums("counters", "walmart_poll_calls_total").values())
    changed = found.sums("counters", "walmart_sights_total").get("changed", 0)
    return round(calls / changed, 2) if changed else None


def quota(found: Group) -> dict[str, Any]:
    """Calls of the affiliate side today, of all workers that answered, and their share."""
    used, left = found.sum("polling", "calls_today"), found.sum("polling", "calls_left_today")
    return {
        "calls_today": used,
        "calls_left_today": left,
        "calls_yesterday": found.sum("polling", "calls_yesterday"),
        "share": used / (used + left) if used + left else None,
    }


def _worker(name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    counters, polling, health = (
        part_of(figures, name) for name in ("counters", "polling", "health")
    )
    return {
        "name": name,
        "version": figures.get("version"),
        "ready": figures.get("ready"),
        "uptime_seconds": figures.get("uptime_seconds"),
        "partitions": list(figures.get("partitions", ())),
        "lag": dict(part_of(figures, "lag")),
        "warnings": list(health.get("warnings", ())),
        "newest_observation_age_seconds": health.get("newest_observation_age_seconds"),
        "polling": {field: polling.get(field) for field in _POLLING},
        "process": {field: part_of(counters, metric).get("") for field, metric in _PROCESS.items()},
    }
