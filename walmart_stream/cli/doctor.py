"""``walmart-stream doctor``: what a worker needs, checked."""

from __future__ import annotations

import logging
import sys

import click

from walmart_stream.cli.running import load, run_async
from walmart_stream.commands.terminal import echo
from walmart_stream.credentials.redaction import protect
from walmart_stream.engine.failure import REFUSED_EXIT_CODE
from walmart_stream.settings import SettingsError


@click.command()
def doctor() -> None:
    """Check settings, broker, topics, MongoDB and Walmart; a line for each, and what to do."""
    from walmart_stream.commands import doctor as command

    # What the clients have to say of a failure is in its finding.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        settings = load()
    except SettingsError as exc:
        for fault in exc.faults:
            echo(command.Finding("settings", command.Verdict.FAULT, fault))
        sys.exit(REFUSED_EXIT_CODE)
    protect(settings.secrets(), stdout=True)
    echo(command.Finding("settings", command.Verdict.OK, "complete"))

    async def examine() -> bool:
        healthy = True
        async for finding in command.doctor(settings):
            echo(finding)
            healthy &= finding.verdict is not command.Verdict.FAULT
        return healthy

    sys.exit(0 if run_async(examine()) else 1)
