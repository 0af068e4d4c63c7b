"""``make bench-scale``: what grows with the list and the history, and by how much.

Each measure is taken at every size, one after the other, and the table says how many times as much
the largest takes as the smallest. docs/performance.md explains the rows.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from tests.bench_scale import idle, reading, stored

MEASURES = ("idle", "verify", "history", "reading")
# As many observations as an item has by default.
LEAST = stored.EACH


def _numbers(_: click.Context, __: click.Parameter, text: str) -> list[int]:
    try:
        numbers = sorted({int(size) for size in text.split(",")})
    except ValueError:
        raise click.BadParameter("must be whole numbers with commas: 10000,100000") from None
    if numbers[0] < LEAST:
        raise click.BadParameter(f"must be {LEAST} or more")
    return numbers


@click.command()
@click.option(
    "--sizes",
    default="10000,100000,1000000",
    show_default=True,
    callback=_numbers,
    help="Watched items, observations to verify and changes of an item; with commas.",
)
@click.option(
    "--measure",
    "measures",
    type=click.Choice(MEASURES),
    multiple=True,
    default=MEASURES,
    show_default=True,
)
@click.option(
    "--seconds", type=click.FloatRange(1), default=20.0, show_default=True, help="Of idling."
)
@click.option(
    "--store",
    type=click.Choice(["memory", "rocksdb"]),
    default="memory",
    show_default=True,
    help="Where the idle worker's tables live.",
)
@click.option(
    "--each",
    type=click.IntRange(1),
    default=stored.EACH,
    show_default=True,
    help="Observations of each item that is verified; there are size / EACH items.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--one", hidden=True, help="A measure, taken in this process.")
def main(
    sizes: list[int],
    measures: tuple[str, ...],
    seconds: float,
    store: str,
    each: int,
    json_file: Path | None,
    one: str | None,
) -> None:
    """Measure a worker and the commands at several sizes."""
    if each > sizes[0]:
        raise click.BadParameter(f"must be {sizes[0]} or less", param_hint="'--each'")
    if one is not None:
        click.echo(json.dumps(asyncio.run(_take(one, sizes[0], seconds, store, each))))
        return
    load = round(os.getloadavg()[0], 1)
    found: dict[str, Any] = {"load_before": load, "store": store, "sizes": {}}
    for size in sizes:
        row: dict[str, float] = {}
        for measure in measures:
            taken = _apart(measure, size, seconds, store, each)
            click.echo(f"{measure} at {size:,}: {taken}", err=True)
            row |= taken
        found["sizes"][str(size)] = row
    found["growth"] = growth(found["sizes"])
    for line in lines(found):
        click.echo(line)
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _apart(measure: str, size: int, seconds: float, store: str, each: int) -> dict[str, float]:
    """*measure* at *size*, in a process of its own: no size is measured beside another's rest."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.bench_scale", "--one", measure),
            *("--sizes", str(size), "--seconds", f"{seconds:g}", "--store", store),
            *("--each", str(each)),
        ],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


async def _take(measure: str, size: int, seconds: float, store: str, each: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as name:
        folder = Path(name)
        if measure == "idle":
            return await idle.measure(size, seconds, folder, store)
        if measure == "verify":
            return await stored.verify(size, folder, each)
        if measure == "history":
            return await stored.history(size, folder)
        return reading.measure(size)


def growth(sizes: dict[str, dict[str, float]]) -> dict[str, float]:
    """How many times as much the largest size takes; ``kib_per_item``: of memory, in between."""
    small, large = min(sizes, key=int), max(sizes, key=int)
    least, most = sizes[small], sizes[large]
    times = {name: round(value / least[name], 2) for name, value in most.items() if least[name]}
    more = int(large) - int(small)
    if "memory_mib" in most and more:
        grown = most["memory_mib"] - least["memory_mib"]
        times["kib_per_item"] = round(grown * 1024 / more, 3)
    return times


def lines(found: dict[str, Any]) -> list[str]:
    """The table, as Markdown."""
    sizes, times = found["sizes"], found["growth"]
    shown = [
        f"| | {' | '.join(f'{int(size):,}' for size in sizes)} | times |",
        f"|---|{'---:|' * (len(sizes) + 1)}",
    ]
    for name in next(iter(sizes.values())):
        cells = [f"{row[name]:,g}" for row in sizes.values()]
        shown.append(f"| {name} | {' | '.join(cells)} | {times.get(name, '')} |")
    if "kib_per_item" in times:
        shown.append(f"\nMemory for each further item: {times['kib_per_item']:g} KiB.")
    shown.append(f"\nLoad before it began: {found['load_before']:g}.")
    return shown


if __name__ == "__main__":
    main()
