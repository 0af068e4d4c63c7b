"""``walmart-stream local``: the whole pipeline on one machine, without Docker, Java or accounts."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from walmart_stream.audit import Report, report_lines
from walmart_stream.credentials import mongodb
from walmart_stream.domain.plain import plain
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.environment import given_settings
from walmart_stream.local.options import CannotStart, Options
from walmart_stream.local.processes import resident_megabytes
from walmart_stream.local.progress import Progress
from walmart_stream.local.stack import Stack, running
from walmart_stream.local.truth_check import Verdict
from walmart_stream.local.unseen import true_sight

# How long after the last answer everything must have been stored.
SETTLE_TIMEOUT = 120.0


async def run(options: Options) -> int:
    """Run until the time is over or a signal comes; the exit code.

    With a time limit the result is judged, and the code is 0 only if nothing was lost, counted
    twice or stored wrong.

    Raises:
        CannotStart, StartError, SettingsError: see :func:`~walmart_stream.local.stack.running`.
    """
    console = Console(highlight=False, soft_wrap=True)
    _require_writable(options.report)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _run_folder(options, given_settings()) as folder:
        console.print("starting broker, MongoDB, sandbox and workers …")
        async with running(options, folder, _base(given_settings())) as stack:
            _say_where(console, stack, folder, options)
            started = time.monotonic()
            progress = Progress(console, stack.workers, stack.settings)
            limit = asyncio.create_task(
                _stop_when_full(console, stack.broker, stop, options.broker_mb)
            )
            await progress.until(stop, options.seconds)
            limit.cancel()
            if options.seconds is None or stack.control_url is None:
                console.print("stopping …")
                return 0
            # Before the items leave the watchlist: what changes later, nobody is to see.
            sight = await true_sight(stack.control_url, options.items, options.pace)
            console.print("polling stops; waiting until everything fetched is stored …")
            await stack.stop_polling()
            await progress.until_settled(SETTLE_TIMEOUT)
            verdict, audit = await stack.judge()
            figures = {**_figures(options, verdict, audit), **sight}
            figures["seconds"] = round(time.monotonic() - started, 1)
            figures["restarts"] = sum(worker.restarts for worker in stack.workers)
        _report(console, figures, verdict, audit)
        if options.report is not None:
            text = orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
            options.report.write_bytes(text)
        clean = verdict.clean and not verdict.unrecorded and audit.is_clean
        if not clean:
            kept = Path(tempfile.mkdtemp(prefix="walmart-stream-logs-"))
            for log in folder.glob("*.log"):
                shutil.copy(log, kept)
            console.print(f"logs are kept in {kept}")
        return 0 if clean else 1


def _require_writable(report: Path | None) -> None:
    if report is not None:
        try:
            with report.open("ab"):
                pass
        except OSError as exc:
            raise CannotStart(f"--json {report} cannot be written: {exc.strerror}") from None


async def _stop_when_full(
    console: Console, broker: EmbeddedBroker | None, stop: asyncio.Event, most: int
) -> None:
    """Set *stop* when the embedded broker has grown to *most* megabytes."""
    while broker is not None and broker.pid is not None:
        megabytes = resident_megabytes(broker.pid)
        if megabytes > most:
            console.print(
                f"the embedded broker has grown to {megabytes:.0f} MB; it keeps everything in "
                "memory, so this run ends here. --broker-mb allows more; with Java 17, --broker "
                "kafka keeps it on disk."
            )
            stop.set()
            return
        await asyncio.sleep(5)


def _base(given: Mapping[str, str]) -> Path:
    return Path(given.get("DATA_DIR") or "data")


@contextmanager
def _run_folder(options: Options, given: Mapping[str, str]) -> Iterator[Path]:
    """The folder of this run's files; kept if asked for, else gone afterwards."""
    base = _base(given)
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        if options.keep:
            folder = base / "kept"
            folder.mkdir(mode=0o700, exist_ok=True)
        else:
            folder = Path(tempfile.mkdtemp(prefix="local-", dir=base))
    except OSError as exc:
        raise CannotStart(f"DATA_DIR {base} cannot be written: {exc.strerror}") from None
    try:
        yield folder.resolve()
    finally:
        if not options.keep:
            # A late log line must not turn its removal into an error.
            shutil.rmtree(folder, ignore_errors=True)


def _figures(options: Options, verdict: Verdict, audit: Report) -> dict[str, Any]:
    return {
        "workers": options.workers,
        "items": options.items,
        "seed": options.seed,
        "speed": options.pace,
        "answers_served": verdict.served,
        "answers_unrecorded": verdict.unrecorded,
        "observations": verdict.observations,
        "changes_served": verdict.changes_served,
        "stored": verdict.stored,
        "lost": verdict.lost + verdict.unrecorded,
        "duplicated": verdict.duplicated,
        "wrong": verdict.wrong,
        "verified": audit.is_clean,
    }


def _report(console: Console, figures: dict[str, Any], verdict: Verdict, audit: Report) -> None:
    for example in verdict.examples:
        console.print(f"  {plain(example)}", markup=False)
    if not audit.is_clean:
        for line in report_lines(audit):
            console.print(f"  {plain(line)}", markup=False)
    console.print(
        "answers served {answers_served}, observations {observations}, "
        "changes served {changes_served}, stored {stored}, lost {lost}, "
        "duplicated {duplicated}, wrong {wrong}".format(**figures)
    )
    if figures["changes"]:
        console.print(
            "calls {calls}, true changes {changes}, of which seen {changes_seen_share:.1%}; "
            "unseen for {unseen_mean_s} s of market time on average, "
            "p95 {unseen_p95_s} s".format(**figures)
        )


def _say_where(console: Console, stack: Stack, folder: Path, options: Options) -> None:
    first, *others = (worker.url for worker in stack.workers)
    console.print(f"  overview       {first}/")
    console.print(f"  live figures   {first}/api/stats")
    console.print(f"  all items      {first}/api/items")
    console.print(f"  one item       {first}/api/items/ITEM  and  {first}/api/items/ITEM/history")
    console.print(f"  API            {first}/api/openapi.json")
    console.print(f"  other workers  {', '.join(others) or 'none'}")
    console.print(f"  Kafka          {','.join(stack.settings.kafka_brokers)}")
    hosts = ", ".join(sorted(mongodb.servers(stack.settings.mongodb_uri.get_secret_value())))
    console.print(f"  MongoDB        {hosts}, database {stack.settings.mongodb_database}")
    console.print(f"  logs           {folder}/*.log")
    console.print("  commands       walmart-stream --local history ITEM   (in a second terminal)")
    if stack.is_second:
        console.print(
            "Another stack also runs in this folder; until this one ends, --local means this one."
        )
    if options.keep:
        console.print(f"Ctrl-C stops everything and keeps the data in {folder}.")
    else:
        console.print("Ctrl-C stops everything and deletes the data; --keep keeps them.")
