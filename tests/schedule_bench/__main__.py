"""``make schedule-bench``: the real schedule in generated worlds, beside others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tests.schedule_bench import compare, end_to_end, report
from tests.schedule_bench.cost import cost
from tests.schedule_bench.events import events_first
from tests.schedule_bench.fuzz import fuzz


@click.command()
@click.option("--items", default=2_000, show_default=True, help="Of each world.")
@click.option("--seeds", default=10, show_default=True)
@click.option("--size", "sizes", default=(100, 10_000), show_default=True, multiple=True)
@click.option("--cost-items", default=1_000_000, show_default=True, help="Watched by one worker.")
@click.option("--fuzz-runs", default=1_000, show_default=True)
@click.option("--end-to-end", "pairs", default=0, help="Instead: pairs of runs of the program.")
@click.option("--events", default=0, help="Instead: events that a worker is sent one by one.")
@click.option("--seconds", default=150, show_default=True, help="Of a run end to end.")
@click.option("--speed", default=200.0, show_default=True, help="Of its market.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="The tables.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="SVG.")
def main(
    items: int,
    seeds: int,
    sizes: tuple[int, ...],
    cost_items: int,
    fuzz_runs: int,
    pairs: int,
    events: int,
    seconds: int,
    speed: float,
    json_file: Path | None,
    markdown: Path | None,
    plot: Path | None,
) -> None:
    """Measure how long changes go unseen, by schedule, world, size and fleet."""
    if pairs:
        _end_to_end(pairs, end_to_end.Stack(items, seconds, speed), json_file)
        return
    if events:
        told = json.dumps(events_first(events), indent=2)
        click.echo(told)
        if json_file is not None:
            json_file.write_text(told + "\n", "utf-8")
        return
    figures: dict[str, Any] = {"items": items, "seeds": seeds}
    figures["cost"] = cost(cost_items)
    click.echo(json.dumps(figures["cost"]))
    figures["fuzz"] = fuzz(fuzz_runs)
    click.echo(json.dumps(figures["fuzz"]))
    figures["worlds"] = compare.summary([*compare.worlds(items, seeds)], "world")
    click.echo(report.table(figures["worlds"], "world"))
    figures["sizes"] = compare.summary([*compare.sizes(sizes, seeds)], "items")
    figures["fleets"] = compare.summary([*compare.fleets(items, seeds)], "fleet")
    tables = "\n\n".join(
        (
            report.table(figures["worlds"], "world"),
            report.details(figures["worlds"]),
            report.table(figures["sizes"], "items"),
            report.table(figures["fleets"], "fleet"),
        )
    )
    click.echo(tables)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", "utf-8")
    if markdown is not None:
        markdown.write_text(tables + "\n", "utf-8")
    if plot is not None:
        plot.write_text(report.plot(figures["worlds"]), "utf-8")
    if figures["fuzz"]["faults"]:
        raise SystemExit(1)


def _end_to_end(wanted: int, stack: end_to_end.Stack, json_file: Path | None) -> None:
    found = []
    for pair in end_to_end.pairs(wanted, stack):
        found.append(pair)
        figures = end_to_end.summary(found)
        click.echo(json.dumps(figures["pairs"][-1]))
        if json_file is not None:
            json_file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    figures = end_to_end.summary(found)
    click.echo(json.dumps({name: value for name, value in figures.items() if name != "pairs"}))
    if figures["fair"] < wanted:
        raise SystemExit("too few pairs made the same calls: the machine has too much else to do")


if __name__ == "__main__":
    main()
