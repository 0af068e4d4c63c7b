"""The figures as Markdown, for docs/performance.md: medians, with their ranges."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.figures import Report, cpu_per_100k, of_subject, per_second
from tests.bench.observations import SPEED
from tests.bench.ratios import ratios
from tests.bench.subject import OURS, PEERS_PYTHON, SUBJECTS

PEERS = ("quixstreams", "bytewax", "confluent-kafka")
VERSIONS = ("faust-streaming", "aiokafka", "msgspec", "orjson", "uvloop", "pymongo")


def machine() -> dict[str, Any]:
    """The machine that this runs on."""
    models = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    }
    return {
        "processors": f"{os.cpu_count()} x {', '.join(sorted(models))}",
        "memory_gibibytes": round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1
        ),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
        "packages": {name: version(name) for name in VERSIONS} | _versions_of_peers(),
    }


def _versions_of_peers() -> dict[str, str]:
    """The versions of the peers, if their environment exists."""
    if not Path(PEERS_PYTHON).exists():
        return {}
    ask = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    told = subprocess.run(
        [PEERS_PYTHON, "-c", ask, *PEERS], capture_output=True, text=True, check=True
    )
    return dict(zip(PEERS, told.stdout.split(), strict=True))


def lines(report: Report) -> Iterator[str]:
    """The whole report."""
    yield from _machine(report["machine"])
    if report["options"]["speed"] != SPEED:
        yield f"Market speed: {report['options']['speed']:g} (usually {SPEED:g})."
        yield ""
    for broker in dict.fromkeys(run["broker"] for run in report["throughput"]):
        runs = [run for run in report["throughput"] if run["broker"] == broker]
        yield from _throughput(broker, runs, report["options"])
    if report["scaling"]:
        yield from _scaling(report["scaling"])
    if report["storage"]:
        yield from _storage(report["storage"])
    if report["latency"]:
        yield from _latency(report["latency"])
    if report["floor"]:
        yield from _floor(report["floor"])
    if report["replay"]:
        yield from _replay(report["replay"])
    yield from _ratios(report)
    wrong = [
        f"- {run['subject']} on {run['broker']}: {', '.join(run['wrong'])}"
        for name in ("throughput", "scaling", "storage", "replay")
        for run in report[name]
        if run["wrong"]
    ]
    yield "All answers were right." if not wrong else "**Wrong answers:**"
    yield from wrong


def _machine(machine: Report) -> Iterator[str]:
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    yield (
        f"{machine['processors']}, {machine['memory_gibibytes']:g} GiB, {machine['system']}, "
        f"Python {machine['python']}; load before it began: {machine['load_before']}. {packages}."
    )
    yield ""


def _throughput(broker: str, runs: Sequence[Report], options: Report) -> Iterator[str]:
    count = f"{options['messages']:,} observations of {options['items']:,} items"
    yield f"### Stage one on {_named(broker)}: {count}, median of {options['rounds']}"
    yield ""
    yield "| | observations/s | range | CPU s/100k | peak MiB | we are | promise |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    ours = of_subject(runs, OURS.name)
    for name in dict.fromkeys(run["subject"] for run in runs):
        its = of_subject(runs, name)
        rates = per_second(its)
        ratio = f"{median(per_second(ours)) / median(rates):.2f} x" if ours else ""
        subject = SUBJECTS[name]
        yield _row(
            f"**{subject.title}**" if subject.ours else subject.title,
            f"{median(rates):,.0f}",
            f"{min(rates):,.0f}–{max(rates):,.0f}",
            f"{median(cpu_per_100k(its)):.2f}",
            f"{median(run['peak_mebibytes'] for run in its):.0f}",
            "" if name == OURS.name else ratio,
            subject.promise,
        )
    yield ""


def _scaling(runs: Sequence[Report]) -> Iterator[str]:
    yield "### More workers (12 partitions)"
    yield ""
    yield "| broker | workers | observations/s | times one | CPU s/100k |"
    yield "|---|---:|---:|---:|---:|"
    for broker, workers, its in _groups(runs, "workers"):
        one = [run for run in runs if run["broker"] == broker and run["workers"] == 1]
        times = median(per_second(its)) / median(per_second(one))
        yield _row(
            _named(broker),
            str(workers),
            f"{median(per_second(its)):,.0f}",
            f"{times:.2f}",
            f"{median(cpu_per_100k(its)):.2f}",
        )
    yield ""


def _storage(runs: Sequence[Report]) -> Iterator[str]:
    yield "### Stage two alone: results from Kafka into MongoDB"
    yield ""
    yield "| broker | results/s | range | CPU s/100k |"
    yield "|---|---:|---:|---:|"
    for broker, _, its in _groups(runs, "subject"):
        rates = per_second(its)
        yield _row(
            _named(broker),
            f"{median(rates):,.0f}",
            f"{min(rates):,.0f}–{max(rates):,.0f}",
            f"{median(cpu_per_100k(its)):.2f}",
        )
    yield ""


def _latency(found: Sequence[Report]) -> Iterator[str]:
    yield "### From raw observation until it is seen, at 1,000/s (milliseconds)"
    yield ""
    yield "| broker | bare consumer p50 / p99 | web view p50 / p99 | MongoDB p50 / p99 | cores |"
    yield "|---|---:|---:|---:|---:|"
    for broker in dict.fromkeys(one["broker"] for one in found):
        its = [one for one in found if one["broker"] == broker]
        cells = [
            " / ".join(f"{median(one[f'{what}_{p}'] for one in its):.0f}" for p in ("p50", "p99"))
            for what in ("broker", "web", "mongodb")
        ]
        cores = median(one["worker_cores"] for one in its)
        yield _row(_named(broker), *cells, f"{cores:.2f}")
    yield ""


def _floor(passes: Sequence[Report]) -> Iterator[str]:
    read = median(one["read"] for one in passes)
    whole = median(one["whole_job"] for one in passes)
    yield "### The floor: the pure domain, no Kafka"
    yield ""
    yield (
        f"Reading an observation takes {read:.1f} µs, the whole job {whole:.1f} µs "
        f"({whole / 10:.2f} CPU s/100k, {1e6 / whole:,.0f}/s)."
    )
    yield ""


def _replay(runs: Sequence[Report]) -> Iterator[str]:
    yield "### Catching up on a long log"
    yield ""
    yield "| | broker | observations | seconds | observations/s | CPU s/100k | peak MiB |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for run in runs:
        yield _row(
            SUBJECTS[run["subject"]].title,
            _named(run["broker"]),
            f"{run['messages']:,}",
            f"{run['seconds']:.1f}",
            f"{per_second([run])[0]:,.0f}",
            f"{cpu_per_100k([run])[0]:.2f}",
            f"{run['peak_mebibytes']:.0f}",
        )
    yield ""


def _ratios(report: Report) -> Iterator[str]:
    found = list(ratios(report))
    if not found:
        return
    yield "### Ratios: median and range of those within each round"
    yield ""
    yield "| of | over | median | range |"
    yield "|---|---|---:|---:|"
    for one in found:
        span = f"{min(one.rounds):.2f}–{max(one.rounds):.2f}"
        yield _row(one.of, one.over, f"{one.median:.2f}", span)
    yield ""


def _groups(runs: Sequence[Report], by: str) -> Iterator[tuple[str, Any, list[Report]]]:
    for key in dict.fromkeys((run["broker"], run[by]) for run in runs):
        yield *key, [run for run in runs if (run["broker"], run[by]) == key]


def _named(broker: str) -> str:
    return {"embedded": "the embedded broker", "kafka": "Apache Kafka"}[broker]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
