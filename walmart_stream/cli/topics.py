"""``walmart-stream topics``: topics and indexes as configured."""

from __future__ import annotations

import click

from walmart_stream.cli.params import examples, json_option
from walmart_stream.cli.running import command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json
from walmart_stream.settings import Settings


@click.command(epilog=examples("topics", "topics --json"))
@json_option
def topics(as_json: bool) -> None:
    """Create and check topics, changelogs and indexes as configured; safe to repeat."""
    from walmart_stream.kafka.topic_admin import create_topics
    from walmart_stream.storage import mongo

    async def create(settings: Settings) -> None:
        states = await create_topics(settings)
        if not as_json:
            for state in states:
                echo(state)
        client = mongo.connect(settings)
        try:
            await mongo.create_indexes(mongo.database(client, settings))
        finally:
            client.close()
        if as_json:
            echo_json({"topics": [state.fields() for state in states]})
            return
        echo(f"indexes of database {settings.mongodb_database}: present")

    run_async(create(command_settings()))
