"""The parts that every command has in common: its settings, its event loop, its failures."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from walmart_stream.commands.failures import in_words
from walmart_stream.commands.terminal import echo, note
from walmart_stream.credentials.redaction import protect
from walmart_stream.domain.plain import plain_lines
from walmart_stream.logs import TextFormatter
from walmart_stream.runtime.failure import REFUSED_EXIT_CODE
from walmart_stream.settings import Settings, SettingsError, doubtful_names, load_settings

T = TypeVar("T")


class Unusable(click.ClickException):
    """Retrying cannot help until the configuration changes."""

    exit_code = REFUSED_EXIT_CODE


KAFKA, MONGODB = "KAFKA_BROKERS", "MONGODB_URI"


def load(unused: tuple[str, ...] = ()) -> Settings:
    """The settings of the environment, or with ``--local`` those of the stack that runs here."""
    context = click.get_current_context(silent=True)
    if context is None or not context.find_root().obj:
        for doubt in doubtful_names(os.environ):
            echo(f"walmart-stream: {doubt}", err=True)
        return load_settings(unused=unused)
    from walmart_stream.local.environment import running_settings

    found = running_settings()
    if found is None:
        raise click.ClickException(
            "no local stack runs here: start one with walmart-stream local (or make run), and use "
            "--local in the folder where it was started"
        )
    return load_settings(found, env_file=Path(os.devnull))


def command_settings(*unused: str, shows_data: bool = True) -> Settings:
    """The settings; *unused* ones are not needed for the command."""
    try:
        settings = load(unused)
    except SettingsError as exc:
        raise Unusable(str(exc)) from None
    protect(settings.secrets(), stdout=not shows_data)
    # The error that ends a command says it in one sentence, and these for every attempt.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    # Warnings of the other clients, which repeat what servers say.
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(TextFormatter("%(message)s"))
    return settings


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run *work*; a failure of other systems becomes one line instead of a traceback."""
    # Imported late: the commands that need neither must start fast.
    from aiokafka.errors import KafkaError
    from pymongo.errors import PyMongoError

    from walmart_stream.audit.lost_past import PastLost
    from walmart_stream.walmart.errors import WalmartError

    try:
        return asyncio.run(_noted(work))
    except PastLost as exc:
        raise click.ClickException(str(exc)) from None
    except BrokenPipeError:
        # The reader has had enough, as of `| head -1`; click ends without a word.
        raise
    except SettingsError as exc:
        raise Unusable(str(exc)) from None
    except (KafkaError, PyMongoError, WalmartError, OSError) as exc:
        raise click.ClickException(plain_lines(in_words(exc))) from exc


async def _noted(work: Coroutine[Any, Any, T]) -> T:
    """Run *work*, and show on a terminal how long it takes."""
    keeping = asyncio.create_task(note.keep())
    try:
        return await work
    finally:
        keeping.cancel()
        note.clear()
