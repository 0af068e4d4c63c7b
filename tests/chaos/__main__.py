"""``make chaos``: a campaign against a running pipeline; exit code 1 if the promise was broken."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import tempfile
from pathlib import Path

import click

from tests.chaos.brokers import CLUSTER, EMBEDDED, KINDS
from tests.chaos.campaign import Options, run


@click.command()
@click.option("--broker", type=click.Choice(KINDS), default=EMBEDDED, show_default=True)
@click.option(
    "--store",
    "stores",
    type=click.Choice(["memory", "rocksdb"]),
    multiple=True,
    default=("memory", "rocksdb"),
    show_default=True,
    help="Of the workers; given several times: in turn.",
)
@click.option("--workers", default=3, show_default=True)
@click.option("--kills", "worker_kills", default=20, show_default=True, help="Of workers.")
@click.option("--node-kills", default=0, show_default=True, help="Of Apache Kafka's nodes.")
@click.option("--node-pauses", default=0, show_default=True, help="Of these, by SIGSTOP.")
@click.option("--mongod-kills", default=0, show_default=True)
@click.option("--cuts", "log_cuts", default=0, show_default=True, help="Of the ends of logs.")
@click.option(
    "--unclean",
    default=0,
    show_default=True,
    help="Elections of a leader that lacks acknowledged records; with --broker cluster.",
)
@click.option("--deletions", default=0, show_default=True, help="Of the raw topic's old records.")
@click.option("--outages", "walmart_outages", default=1, show_default=True, help="Of Walmart.")
@click.option("--outage-seconds", "walmart_outage", default=60.0, show_default=True)
@click.option("--floods", default=0, show_default=True, help="Of bad input, in one partition.")
@click.option("--wrong-clocks", is_flag=True, help="Workers 300 s ahead, 300 s behind, right.")
@click.option("--alerts", is_flag=True, help="With rules, and a receiver that fails for a minute.")
@click.option("--rate", default=100.0, show_default=True, help="Observations/s beside polling.")
@click.option("--seed", default=1, show_default=True)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="JSON.")
@click.option("--keep", is_flag=True, help="Keep logs and data.")
def main(report: Path | None, keep: bool, **options: object) -> None:
    """Attack a pipeline under load, then judge what it has stored."""
    if options["unclean"] and options["broker"] != CLUSTER:
        raise click.UsageError("--unclean takes three nodes: --broker cluster")
    if options["alerts"] and any(options[name] for name in ("log_cuts", "unclean", "deletions")):
        raise click.UsageError("--alerts takes a whole log: no --cuts, --unclean or --deletions")
    # Clients whose broker was killed have much to say.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="walmart-stream-chaos-"))
    result = asyncio.run(run(Options(**options), folder))  # type: ignore[arg-type]
    figures = result.report()
    if report is not None:
        report.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    del figures["recoveries"]
    print(json.dumps(figures, indent=2))
    if keep or not result.clean:
        print(f"logs and data are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    raise SystemExit(not result.clean)


main()
