"""The ratios that a report of the bench states."""

from __future__ import annotations

from typing import Any

from tests.bench.ratios import ratios
from tests.bench.report import lines


def _run(subject: str, seconds: float, cpu: float) -> dict[str, Any]:
    return {
        "subject": subject,
        "broker": "embedded",
        "messages": 100_000,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mebibytes": 1,
        "wrong": [],
    }


def _report(**figures: Any) -> dict[str, Any]:
    names = ("throughput", "scaling", "storage", "latency", "floor", "replay")
    machine = {
        "processors": "2",
        "memory_gibibytes": 1,
        "system": "s",
        "python": "3",
        "load_before": 0,
        "packages": {},
    }
    options = {"messages": 1, "items": 1, "rounds": 3, "speed": 30.0}
    titles = {"confluent": "a loop", "walmart-stream-both": "with MongoDB"}
    empty: dict[str, Any] = {name: [] for name in names}
    return {"machine": machine, "options": options, "titles": titles} | empty | figures


def test_a_ratio_is_the_median_of_those_within_each_round() -> None:
    """The machine was half as fast in the second round, for both: the ratio is the same."""
    runs = [
        *(_run("walmart-stream", 4, 3), _run("confluent", 2, 2)),
        *(_run("walmart-stream", 8, 6), _run("confluent", 4, 4)),
        *(_run("walmart-stream", 4, 3), _run("confluent", 4, 2)),
    ]

    found = {(one.of, one.over): one for one in ratios(_report(throughput=runs))}

    of = "throughput of a worker on embedded", "a loop"
    assert found[of].rounds == [0.5, 0.5, 1.0]
    assert found[of].median == 0.5
    assert found["CPU of a worker on embedded", "a loop"].median == 1.5


def test_the_floor_both_stages_and_latencies_are_compared_too() -> None:
    """The floor is in microseconds: ten of them are a CPU second for 100,000."""
    runs = [_run("walmart-stream", 4, 3), _run("walmart-stream-both", 5, 6)]
    latency = {"broker": "embedded", "broker_p50": 2.0, "web_p50": 6.0, "mongodb_p50": 9.0}
    figures = _report(throughput=runs, floor=[{"whole_job": 15.0, "read": 5.0}], latency=[latency])

    found = {(one.of, one.over): one.median for one in ratios(figures)}

    assert found == {
        ("CPU of a worker on embedded", "the floor"): 2.0,
        ("throughput of both stages on embedded", "stage one"): 0.8,
        ("p50 to the web view on embedded", "a bare consumer"): 3.0,
        ("p50 to MongoDB on embedded", "a bare consumer"): 4.5,
    }


def test_the_report_shows_them() -> None:
    """Seconds alone cannot be compared over time and between machines."""
    runs = [_run("walmart-stream", 4, 3), _run("confluent", 2, 2)]

    shown = list(lines(_report(throughput=runs)))

    assert "| throughput of a worker on embedded | a loop | 0.50 | 0.50–0.50 |" in shown
