"""``make bench``: measures this program and its peers; exit code 1 if an answer was wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tests.bench import latency, replay, report, storage
from tests.bench.floor import floor
from tests.bench.logs import EMBEDDED, KINDS, Logs, make_logs
from tests.bench.observations import SPEED
from tests.bench.subject import OURS, PEERS_PYTHON, ROOT, SUBJECTS
from tests.bench.throughput import Run, run
from tests.bench.work import Work

MEASURES = ("throughput", "scaling", "storage", "latency", "floor", "replay")
# The replay takes minutes, and some ten gigabytes of memory. Three workers and their broker on two
# cores show how cores are shared, not how workers are.
FEW_CORES = (os.cpu_count() or 1) < 4
USUAL = tuple(
    measure
    for measure in MEASURES
    if measure != "replay" and not (measure == "scaling" and FEW_CORES)
)
WORKERS = (1, 2, 3)


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Of each; medians are reported.")
@click.option("--messages", default=100_000, show_default=True, help="Observations of a run.")
@click.option("--items", default=5_000, show_default=True)
@click.option(
    "--speed", default=SPEED, show_default=True, help="Of the market: how often answers differ."
)
@click.option("--broker", type=click.Choice([*KINDS, "both"]), default=EMBEDDED, show_default=True)
@click.option("--subject", "subjects", type=click.Choice([*SUBJECTS]), multiple=True, help="All.")
@click.option(
    "--measure",
    "measures",
    type=click.Choice(MEASURES),
    multiple=True,
    default=USUAL,
    show_default=True,
)
@click.option("--latency-seconds", default=30.0, show_default=True, help="Of each round.")
@click.option("--replayed", default=2_000_000, show_default=True, help="Observations.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="The tables.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="SVG.")
@click.option("--keep", is_flag=True, help="Keep logs and data.")
def main(
    json_file: Path | None, markdown: Path | None, plot: Path | None, keep: bool, **options: Any
) -> None:
    """Measure this program and its peers, alternating within each round."""
    # Clients whose broker ends have much to say.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="walmart-stream-bench-"))
    figures = asyncio.run(_measure(folder, **options))
    json_file = json_file or folder / "report.json"
    json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    text = "\n".join(report.lines(figures)) + "\n"
    print(f"\n{text}")
    if markdown is not None:
        markdown.write_text(text, encoding="utf-8")
    if plot is not None and figures["throughput"]:
        subprocess.run(
            [PEERS_PYTHON, "-m", "tests.bench.plot", str(json_file), str(plot)],
            check=True,
            cwd=ROOT,
        )
    wrong = any(run["wrong"] for name in MEASURES for run in figures[name] if "wrong" in run)
    if keep or wrong:
        print(f"logs and data are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    raise SystemExit(wrong)


async def _measure(
    folder: Path,
    *,
    rounds: int,
    messages: int,
    items: int,
    speed: float,
    broker: str,
    subjects: Sequence[str],
    measures: Sequence[str],
    latency_seconds: float,
    replayed: int,
) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "machine": report.machine(),
        "options": {"rounds": rounds, "messages": messages, "items": items, "speed": speed},
        "titles": {name: subject.title for name, subject in SUBJECTS.items()},
        **{measure: [] for measure in MEASURES},
    }
    print(f"making {messages:,} observations and their answer …")
    work = Work(messages, items, speed)
    print(f"{work.answer.results:,} results, {work.answer.items:,} items")
    if "floor" in measures:
        figures["floor"] = [asdict(floor(work)) for _ in range(rounds)]
    for kind in KINDS if broker == "both" else (broker,):
        logs = make_logs(kind)
        await logs.start(folder)
        bench = _Bench(work, logs, folder / kind, figures)
        try:
            for number in range(rounds):
                await bench.round(number, subjects or tuple(SUBJECTS), measures, latency_seconds)
            if "replay" in measures:
                place = bench.folder("replay")
                found = await replay.measure(replayed, items, speed, logs, place)
                bench.take("replay", found)
        finally:
            await logs.stop()
    return figures


class _Bench:
    """All measurements on one broker."""

    def __init__(self, work: Work, logs: Logs, folder: Path, figures: dict[str, Any]) -> None:
        self._work = work
        self._logs = logs
        self._folder = folder
        self._figures = figures

    async def round(
        self, number: int, subjects: Sequence[str], measures: Sequence[str], seconds: float
    ) -> None:
        """Each once, so that what else happens on the machine hits all of them alike."""
        work, logs = self._work, self._logs
        if "throughput" in measures:
            # Another order each time: nobody always runs after the same one.
            first = number % len(subjects)
            for name in (*subjects[first:], *subjects[:first]):
                place = self.folder(f"{name}-{number}")
                subject = SUBJECTS[name]
                part = work.part(subject.share)
                self.take("throughput", await run(subject, part, logs, place))
        if "scaling" in measures:
            for workers in WORKERS:
                place = self.folder(f"{workers}-workers-{number}")
                self.take("scaling", await run(OURS, work, logs, place, workers))
        if "storage" in measures:
            self.take(
                "storage", await storage.measure(work, logs, self.folder(f"storage-{number}"))
            )
        if "latency" in measures:
            place = self.folder(f"latency-{number}")
            found = await latency.measure(work, logs, place, seconds)
            self._figures["latency"].append(asdict(found))
            print(found, flush=True)

    def take(self, measure: str, found: Run) -> None:
        """Keep and show a run."""
        self._figures[measure].append(asdict(found))
        print(
            f"{measure}: {found.subject}, {found.workers} x, {found.broker}: "
            f"{found.per_second:,.0f}/s, {found.cpu_per_100k:.2f} CPU s/100k, "
            f"{found.peak_mebibytes:.0f} MiB{'' if not found.wrong else f', WRONG: {found.wrong}'}",
            flush=True,
        )

    def folder(self, name: str) -> Path:
        """A new one."""
        folder = self._folder / name
        folder.mkdir(parents=True)
        return folder


main()
