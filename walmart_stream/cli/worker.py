"""``walmart-stream worker``: one worker of the pipeline."""

from __future__ import annotations

import gc
import sys

import click

from walmart_stream.cli.params import examples
from walmart_stream.cli.running import Unusable, command_settings
from walmart_stream.settings import SettingsError


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    epilog=examples("worker", "worker --web-port 6067"),
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def worker(options: tuple[str, ...]) -> None:
    """Run one worker; the same as `faust -A walmart_stream.app worker`.

    Settings in the environment or in .env configure it: WEB_PORT, LOG_LEVEL, LOG_FORMAT and the
    others that .env.example lists. OPTIONS are those of `faust worker`; --web-port sets the port
    of the web views for this run.
    """
    settings = command_settings(shows_data=False)
    # What is imported stays: looking for garbage in it takes a fifth of the time.
    gc.disable()
    from walmart_stream.app import create_app
    from walmart_stream.bootstrap import use_fast_loop, with_options
    from walmart_stream.runtime.memory import keep_freed_memory
    from walmart_stream.walmart.errors import UnusableKey

    gc.freeze()
    gc.enable()

    # A program that reads the log as JSON reads no banner.
    quiet = ["--quiet"] if settings.log_format == "json" else []
    sys.argv = ["walmart-stream", *quiet, "worker", f"--loglevel={settings.log_level}", *options]
    use_fast_loop()
    keep_freed_memory()
    try:
        app = create_app(with_options(settings, options))
    except (SettingsError, UnusableKey, OSError) as exc:
        raise Unusable(str(exc)) from None
    app.main()
