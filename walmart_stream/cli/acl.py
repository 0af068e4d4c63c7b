"""``walmart-stream acl``: the Kafka ACLs of a role."""

from __future__ import annotations

import click

from walmart_stream.cli.params import examples, json_option
from walmart_stream.cli.running import command_settings, run_async
from walmart_stream.commands.terminal import echo


@click.command(
    epilog=examples(
        "acl --principal User:worker --role worker",
        "acl --principal User:reader --role reader --json",
    )
)
@click.option(
    "--principal", required=True, help="Principal of the user in Kafka, such as User:worker."
)
@click.option("--role", type=click.Choice(["worker", "poller", "reader", "release"]), required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(["commands", "json"]),
    default="commands",
    show_default=True,
)
@json_option
@click.option("--apply", is_flag=True, help="Create them, as the configured user.")
def acl(principal: str, role: str, form: str, as_json: bool, apply: bool) -> None:
    """Print the ACLs that a role needs, for this program's own topics and group only."""
    from walmart_stream.commands import acl as command
    from walmart_stream.kafka.acls import Role, role_acls

    kind, _, name = principal.partition(":")
    if not kind or not name or "*" in name:
        raise click.BadParameter("must be like User:NAME, of one user", param_hint="--principal")
    settings = command_settings()
    acls = role_acls(settings, Role(role))
    if as_json or form == "json":
        echo(command.as_json(principal, acls))
    else:
        for one in acls:
            echo(command.command(settings, principal, one))
    if apply:
        run_async(command.apply(settings, principal, acls))
        echo(f"created {len(acls)} ACLs of {principal}", err=True)
