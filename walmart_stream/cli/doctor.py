"""``walmart-stream doctor``: what a worker needs, checked."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from walmart_stream.cli.params import examples, json_option
from walmart_stream.cli.running import load, run_async
from walmart_stream.commands.terminal import echo, echo_json
from walmart_stream.credentials.redaction import protect
from walmart_stream.runtime.failure import REFUSED_EXIT_CODE
from walmart_stream.settings import SettingsError

if TYPE_CHECKING:
    from walmart_stream.commands.doctor import Finding


@click.command(epilog=examples("doctor", "doctor --json"))
@json_option
def doctor(as_json: bool) -> None:
    """Check settings, broker, topics, MongoDB and Walmart; a line for each, and what to do."""
    from walmart_stream.commands import doctor as command

    # What the clients have to say of a failure is in its finding.
    for clients in ("aiokafka", "walmart_stream"):
        logging.getLogger(clients).setLevel(logging.CRITICAL)
    try:
        settings = load()
    except SettingsError as exc:
        faults = [command.Finding("settings", command.Verdict.FAULT, one) for one in exc.faults]
        show = _as_json if as_json else _in_lines
        show(faults)
        sys.exit(REFUSED_EXIT_CODE)
    protect(settings.secrets(), stdout=True)
    found = [command.Finding("settings", command.Verdict.OK, "complete")]

    async def examine() -> None:
        if not as_json:
            _in_lines(found)
        async for finding in command.doctor(settings):
            found.append(finding)
            if not as_json:
                _in_lines([finding])

    run_async(examine())
    if as_json:
        _as_json(found)
    sys.exit(1 if any(one.verdict is command.Verdict.FAULT for one in found) else 0)


def _in_lines(found: Iterable[Finding]) -> None:
    for finding in found:
        echo(finding)


def _as_json(found: Iterable[Finding]) -> None:
    echo_json({"findings": [asdict(finding) for finding in found]})
