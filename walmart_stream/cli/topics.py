"""``walmart-stream topics``: topics and indexes as configured."""

from __future__ import annotations

import click

from walmart_stream.cli.running import command_settings, run_async
from walmart_stream.commands.terminal import echo
from walmart_stream.settings import Settings


@click.command()
def topics() -> None:
    """Create and check topics, changelogs and indexes as configured; safe to repeat."""
    from walmart_stream.kafka.topic_admin import create_topics
    from walmart_stream.storage import mongo

    async def create(settings: Settings) -> None:
        for state in await create_topics(settings):
            echo(state)
        client = mongo.connect(settings)
        try:
            await mongo.create_indexes(mongo.database(client, settings))
        finally:
            client.close()
        echo(f"indexes of database {settings.mongodb_database}: present")

    run_async(create(command_settings()))
