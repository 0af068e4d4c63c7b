"""``walmart-stream export``: stored documents as a file for a spreadsheet or a program."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from walmart_stream.cli.params import Item, check_span, examples, json_option, span_options
from walmart_stream.cli.progress import progress
from walmart_stream.cli.running import KAFKA, command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json

FORMATS = ("csv", "ndjson", "parquet")


@click.command(
    epilog=examples(
        "export changes --out changes.csv",
        "export changes --from 2026-11-01 --to 2026-12-01 --out november.parquet",
        "export windows --tag toys --format parquet --out toys.parquet",
        "export windows --item 10450114 --format ndjson --out windows.json",
        "export offers --bom --out for-excel.csv",
    )
)
@click.argument("what", type=click.Choice(["changes", "offers", "windows", "alerts"]))
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Default: by the ending of FILE.",
)
@span_options
@click.option("--item", "items", type=Item(), multiple=True, help="Only this item; repeatable.")
@click.option("--tag", help="Only items with this tag.")
@click.option(
    "--bom",
    "with_mark",
    is_flag=True,
    help="Begin a CSV file with the UTF-8 mark that Excel needs.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File to write; an existing one is replaced when the new one is complete.",
)
@json_option
def export(
    what: str,
    form: str | None,
    since: datetime | None,
    until: datetime | None,
    items: tuple[str, ...],
    tag: str | None,
    with_mark: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Write price changes, current offers, closed windows or alerts to a file.

    FILE.manifest.json beside it has the number of rows, their times and the SHA-256.
    """
    from walmart_stream.commands import export as command

    check_span(since, until)
    form = form or out.suffix.removeprefix(".").lower().replace("jsonl", "ndjson")
    if form not in FORMATS:
        raise click.UsageError(f"give --format: {out.name} ends in none of {', '.join(FORMATS)}")
    if with_mark and form != "csv":
        raise click.UsageError("--bom is for --format csv only")
    if items and tag is not None:
        raise click.UsageError("give either --item or --tag")
    settings = command_settings(KAFKA)
    choice = command.Choice(tuple(set(items)) or None, since, until)
    try:
        with progress(f"exporting {what}") as show:
            manifest = run_async(
                command.export(
                    settings, what, form, choice, out, tag=tag, with_mark=with_mark, progress=show
                )
            )
    except (command.NoParquet, command.NoSuchTag, command.NotAFile) as exc:
        raise click.ClickException(str(exc)) from None
    if as_json:
        echo_json(manifest)
    else:
        rows = "1 row" if manifest["rows"] == 1 else f"{manifest['rows']:,} rows"
        echo(f"{rows}, {manifest['bytes']:,} bytes in {out}")
