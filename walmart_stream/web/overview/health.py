"""One sentence of health, and its parts; red only if something must be done, and it says what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from walmart_stream.domain.time import parse_iso, to_datetime
from walmart_stream.web.group import Group, part_of
from walmart_stream.web.live import MONGODB
from walmart_stream.web.words import ago

OK, WARN, BAD = "ok", "warn", "bad"

# Milliseconds for which Walmart's last error is news.
RECENT_MS = 600_000
# Seconds without any price after which something is wrong, if calls fail or polls are late by
# OVERDUE. Without either, items may just be polled seldom.
QUIET = 3_600
OVERDUE = 600
# Records that wait to be processed: fewer are a second's work.
MUCH_LAG = 10_000


# Said to be well by their names.
_NAMED = ("Kafka", "MongoDB", "Walmart")


class Part(NamedTuple):
    """One thing that is well or not; ``todo`` is what a person must do."""

    name: str
    state: str
    text: str
    todo: str | None = None


def health_of(
    workers: Group,
    failing: Mapping[str, str],
    database: str | None,
    now: int,
    known_ms: int,
    figures: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The fields of :class:`walmart_stream.web.overview_outputs.Health`.

    *failing* are this worker's readiness checks, *database* the fault of MongoDB, and *known_ms*
    how long a price counts as known; *figures* are those of the database, if it answers.
    """
    parts = [
        _items(workers, figures["items"] if figures else None),
        _kafka(workers, failing),
        _database(failing, database),
        _walmart(workers, now, known_ms),
        _workers(workers),
        *_verified(figures["verified"] if figures else None),
    ]
    worst = max((part.state for part in parts), key=(OK, WARN, BAD).index)
    return {
        "state": worst,
        "sentence": _sentence(parts),
        "todo": [part.todo for part in parts if part.todo is not None],
        "parts": [{"name": part.name, "state": part.state, "text": part.text} for part in parts],
    }


def _sentence(parts: list[Part]) -> str:
    """The items first, then all that is well in a few words, then the rest."""
    items, *others = parts
    well = [part.name for part in others if part.state == OK and part.name in _NAMED]
    said = [items.text]
    if well:
        said.append(f"{', '.join(well)} ok")
    said += [part.text for part in others if part.state != OK or part.name == "Verified"]
    return " · ".join(said)


def _items(workers: Group, stored: int | None) -> Part:
    seen = workers.freshness()
    count, never = seen["items"], seen["never"]
    if not count:
        return Part("Items", OK, "no item is polled now" if stored else "no items are watched yet")
    text = f"{count:,} item{'s' if count > 1 else ''}"
    if workers.silent or _unready(workers):
        text += " of the workers that are ready"
    if seen["oldest_s"] is None:
        return Part("Items", OK, f"{text}, none seen yet")
    if seen["sampled"] == count and not never:
        return Part("Items", OK, f"{text}, all seen in the last {ago(seen['oldest_s'])}")
    text += f", 95% of those seen in the last {ago(seen['p95_s'])}"
    return Part("Items", OK, f"{text}, {never:,} not seen yet" if never else text)


def _kafka(workers: Group, failing: Mapping[str, str]) -> Part:
    parked = sum(len(figures.get("parked", ())) for figures in workers.workers.values())
    if parked:
        return Part(
            "Kafka",
            BAD,
            f"{parked} partition{'s are' if parked > 1 else ' is'} parked",
            "walmart-stream partitions list says why a partition is parked, and how it goes on",
        )
    if "topics" in failing:
        return Part(
            "Kafka", BAD, f"Kafka: {failing['topics']}", "walmart-stream doctor checks the topics"
        )
    for name in ("kafka", "tables"):
        if name in failing:
            return Part("Kafka", WARN, f"Kafka: {failing[name]}")
    lag = int(sum(workers.sums("lag").values()))
    if lag > MUCH_LAG:
        return Part("Kafka", WARN, f"{lag:,} records wait to be processed")
    return Part("Kafka", OK, "Kafka ok")


def _database(failing: Mapping[str, str], fault: str | None) -> Part:
    fault = fault or failing.get(MONGODB)
    if fault is None:
        return Part("MongoDB", OK, "MongoDB ok")
    return Part(
        "MongoDB",
        BAD,
        f"MongoDB: {fault}",
        "start MongoDB again; nothing is lost, and what waits is stored then",
    )


def _walmart(workers: Group, now: int, known_ms: int) -> Part:
    ages: list[float] = []
    errors: list[tuple[int, str]] = []
    watched = workers.sum("polling", "watched_items")
    overdue = [
        part_of(figures, "polling").get("oldest_due_poll_seconds")
        for figures in workers.workers.values()
    ]
    for figures in workers.workers.values():
        polling, health = part_of(figures, "polling"), part_of(figures, "health")
        age = health.get("newest_observation_age_seconds")
        if isinstance(age, int | float):
            ages.append(age)
        with suppress(ValueError):
            at = parse_iso(str(polling.get("last_error_at")))
            errors.append((at, str(polling.get("last_error"))))
    at, error = max(errors, default=(0, ""))
    is_recent = now - at < RECENT_MS
    late = max((one for one in overdue if isinstance(one, int | float)), default=0.0)
    has_stopped = bool(ages) and (
        min(ages) * 1000 > known_ms or (min(ages) > QUIET and (is_recent or late > OVERDUE))
    )
    if watched and has_stopped:
        return Part(
            "Walmart",
            BAD,
            f"no price has come in for {ago(min(ages))}" + (f" ({error})" if is_recent else ""),
            "walmart-stream doctor checks the keys and the way to Walmart",
        )
    if is_recent:
        return Part("Walmart", WARN, f"Walmart: {error}, {ago((now - at) / 1000)} ago")
    return Part("Walmart", OK, "Walmart ok")


def _workers(workers: Group) -> Part:
    if workers.silent:
        return Part("Workers", WARN, f"no answer from {'; '.join(workers.silent)}")
    if waiting := _unready(workers):
        return Part("Workers", WARN, f"not ready: {', '.join(waiting)}")
    warnings = [
        str(text)
        for figures in workers.workers.values()
        for text in part_of(figures, "health").get("warnings", ())
    ]
    if warnings:
        return Part("Workers", WARN, "; ".join(dict.fromkeys(warnings)))
    return Part("Workers", OK, "workers ok")


def _verified(last: Mapping[str, Any] | None) -> Iterator[Part]:
    if last is None:
        return
    at = to_datetime(parse_iso(last["at"])).strftime("%b %d %H:%M UTC")
    if last["verdict"] == "not_clean":
        text = f"differences were found on {at}"
        yield Part("Verified", BAD, text, "walmart-stream verify lists the differences")
    elif last["verdict"] == "clean":
        yield Part("Verified", OK, f"verified {at}")
    else:
        yield Part("Verified", OK, f"verified as far as the log goes back, {at}")


def _unready(workers: Group) -> list[str]:
    return [name for name, one in workers.workers.items() if one.get("ready") is False]
