"""Every command that docs/cli.md lists is run on one stack, for people and for programs."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result
from pymongo import MongoClient

from tests.conftest import _skip_without
from tests.web.served import Served
from walmart_stream import topics
from walmart_stream.cli import cli
from walmart_stream.cli.params import examples
from walmart_stream.domain.reading import observation
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.local.broker import EmbeddedBroker, find_tansu
from walmart_stream.local.environment import LOCAL_SETTINGS, write_settings
from walmart_stream.runtime.failure import EXIT_CODE, REFUSED_EXIT_CODE
from walmart_stream.settings import Settings
from walmart_stream.web.limits import LIMITS

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text()
START = 1_795_000_000_000
DATABASE = "every_command"

RULES = """
[[rule]]
name = "dear"
all = true
when = "landed_above"
value = 20.00
"""

# Commands in an order in which each finds what it needs, with arguments and the exit code.
RUN: dict[str, tuple[str, int]] = {
    "topics": ("", 0),
    "watch add": ("1 2 --note kettles", 0),
    "watch import": ("items.csv", 0),
    "watch list": ("", 0),
    "watch remove": ("1", 0),
    "replay": ("", 0),
    "history": ("1", 0),
    "items": ("--sort featured --descending", 0),
    "changes": ("--limit 5", 0),
    "state": ("1", 0),
    "export": ("changes --out out.csv", 0),
    "report": ("--from 2026-11-01 --to 2026-12-01 --out report.html", 0),
    "verify": ("--patience 0", 0),
    "status": ("", 1),
    "alerts add": ("cheap --item 1 --when landed_below --value 20", 0),
    "alerts import": ("rules.toml", 0),
    "alerts rules": ("", 0),
    "alerts export": ("", 0),
    "alerts list": ("", 0),
    "alerts ack": ("cheap:1:featured:0", 1),
    "alerts mute": ("--item 1 --for 8h", 0),
    "alerts disable": ("cheap", 0),
    "alerts enable": ("cheap", 0),
    "alerts remove": ("cheap", 0),
    "alerts test": ("ops", 2),
    "partitions list": ("", 0),
    "partitions resume": ("", 1),
    "partitions move": ("", 0),
    "dead-letters list": ("", 0),
    "dead-letters show": ("walmart-competitor-data:0:0", 1),
    "dead-letters replay": ("--all", 0),
    "reseal": ("--plain", 0),
    "doctor": ("", 0),
    "unlock": ("2", 0),
    "quota": ("", 0),
    "acl": ("--principal User:worker --role worker", 0),
}
# They run until they are stopped, or need the seller side: these tests run them.
ELSEWHERE = {
    "local": "tests/end_to_end/test_local.py",
    "sandbox": "tests/sandbox/test_command.py",
    "worker": "tests/pipeline/test_workers.py",
    "seller price": "tests/commands/test_seller_command.py",
}
# On a stack on which all is well they say so, with exit code 1.
NOTHING_THERE = {"partitions resume", "dead-letters show"}
WITHOUT_JSON = {
    *(f"alerts {what}" for what in ("add", "import", "export", "ack", "mute", "remove", "test")),
    *("alerts disable", "alerts enable"),
    "watch add",
    "watch remove",
    "watch import",
    "unlock",
    *ELSEWHERE,
}


def below(group: click.Group) -> dict[str, click.Command]:
    """The commands of *group* by name."""
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def walk(group: click.Group = cli, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command by the words that call it, groups too."""
    for name, command in below(group).items():
        yield f"{above}{name}", command
        if isinstance(command, click.Group):
            yield from walk(command, f"{above}{name} ")


COMMANDS = dict(walk())
LEAVES = {words for words, command in COMMANDS.items() if not isinstance(command, click.Group)}


@pytest.fixture(scope="module")
def stack(mongod: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which a stack runs: broker, MongoDB and a worker's views; two items were seen."""
    _skip_without(find_tansu)
    folder = tmp_path_factory.mktemp("every-command")
    broker = EmbeddedBroker(folder)
    asyncio.run(broker.start())
    with Served(folder / "served", LIMITS) as served:
        given = {
            "KAFKA_BROKERS": broker.bootstrap,
            "KAFKA_PARTITIONS": "2",
            "MONGODB_URI": mongod.uri,
            "MONGODB_DATABASE": DATABASE,
            "MONGODB_FIELD_KEYS": "a" * 43 + "=",
            "WEB_PORT": str(served.port),
        }
        (folder / "data").mkdir()
        write_settings(folder / "data" / LOCAL_SETTINGS, given)
        (folder / "rules.toml").write_text(RULES)
        (folder / "items.csv").write_text("item_id\n3\n")
        asyncio.run(_observe(given))
        yield folder
    asyncio.run(broker.stop())
    with MongoClient[dict[str, Any]](mongod.uri) as client:
        client.drop_database(DATABASE)


async def _observe(given: dict[str, str]) -> None:
    settings = Settings.model_validate({name.lower(): value for name, value in given.items()})
    await create_topics(settings)
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        for number in range(3):
            for item_id in ("1", "2"):
                payload = {"itemId": int(item_id), "salePrice": 10 + number, "name": "Kettle"}
                value = observation.encode(
                    source="affiliate",
                    item_id=item_id,
                    observed_at=START + 1_000 * number,
                    request_id="r",
                    payload=orjson.dumps(payload),
                )
                await producer.send_and_wait(topics.RAW.name, value, item_id.encode())


def _runner(stack: Path, patch: pytest.MonkeyPatch) -> Any:
    """Runs a command line in the stack's folder, with ``--local`` and nothing else to find it."""
    patch.chdir(stack)
    patch.setenv("NO_COLOR", "1")
    patch.setenv("COLUMNS", "80")

    def command(words: str, *more: str) -> Result:
        return CliRunner().invoke(cli, ["--local", *shlex.split(words), *more])

    return command


@pytest.fixture
def run(stack: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """See ``_runner``."""
    return _runner(stack, monkeypatch)


@pytest.fixture(scope="module")
def results(stack: Path) -> dict[str, Result]:
    """The results of the commands of RUN, which were run in their order."""
    with pytest.MonkeyPatch.context() as patch:
        command = _runner(stack, patch)
        return {words: command(f"{words} {arguments}") for words, (arguments, _) in RUN.items()}


def test_every_command_does_on_a_local_stack_what_it_should(results: dict[str, Result]) -> None:
    """With its exit code, within the terminal's width, and without a single escape."""
    for words, done in results.items():
        assert done.exit_code == RUN[words][1], f"{words}: {done.output} {done.exception!r}"
        assert "\x1b" not in done.output, words
        assert "Traceback" not in done.output, words
        tables = [line for line in done.stdout.splitlines() if line.startswith(("┏", "┃", "│"))]
        assert all(len(line) <= 80 for line in tables), words


def test_removing_an_item_that_was_never_watched_is_a_failure(run: Any) -> None:
    """The others are; the exit code says that something was wrong."""
    run("watch add 7")
    done = run("watch remove 7 999")

    assert done.exit_code == 1
    assert "no longer watching 1 item(s)" in done.stdout
    assert "not watched: 999" in done.stderr


def test_unlocking_an_item_that_was_never_observed_is_a_failure(run: Any) -> None:
    """The others are recomputed. That it was asked for before does not make it observed."""
    first, again = run("unlock 999 1 999"), run("unlock 999 998")

    assert (first.exit_code, again.exit_code) == (1, 1)
    assert "1 item(s) are recomputed" in first.stdout
    assert "never observed: 999\n" in first.stderr
    assert again.stdout == ""
    assert "never observed: 999, 998\n" in again.stderr


def test_acls_for_a_broker_without_any_end_in_one_sentence(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever such a broker does with the request, and without the client's own words for it."""
    done = run("acl --principal User:worker --role reader --apply")

    assert done.exit_code == 1
    (said,) = done.stderr.splitlines()
    assert "the broker does not answer requests for ACLs" in said
    assert caplog.text == ""


def json_fields() -> dict[str, set[str]]:
    """The fields of each command's JSON by docs/cli.md."""
    section = DOCS.partition("## JSON")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z -]+)` \| (.*?) \|$", section, re.MULTILINE)
    return {words: set(re.findall(r"`(\w+)`", cell)) for words, cell in rows}


@pytest.mark.usefixtures("results")
def test_every_command_that_prints_data_prints_json(run: Any) -> None:
    """One document, whose fields are those that docs/cli.md names."""
    documented = json_fields()

    # Its JSON is compared where it is run.
    documented.pop("seller price")
    assert documented.keys() == LEAVES - WITHOUT_JSON
    for words in documented:
        arguments, code = RUN[words]
        done = run(f"{words} {arguments}", "--json")
        assert done.exit_code == code, f"{words}: {done.output}"
        if words in NOTHING_THERE:
            continue
        found = json.loads(done.stdout)
        if isinstance(found, list):
            assert found, words
            found = found[0]
        assert found.keys() <= documented[words], words


def test_every_command_is_run_by_a_test() -> None:
    """Here, or where it can be."""
    assert RUN.keys() | ELSEWHERE.keys() == LEAVES
    for name in ELSEWHERE.values():
        assert (Path(__file__).resolve().parents[2] / name).is_file(), name


def test_every_command_is_documented_once() -> None:
    """In the first table of docs/cli.md, which lists no other."""
    rows = re.findall(r"^\| `walmart-stream ([a-z-]+)(.*?)\|", DOCS, re.MULTILINE)
    names = [name for name, _ in rows]

    assert set(names) == {words.partition(" ")[0] for words in COMMANDS}
    for words in LEAVES:
        name, _, rest = words.partition(" ")
        cells = [cell for found, cell in rows if found == name]
        if rest:
            cells = [cell for cell in cells if re.search(rf"[ `]{rest}[ `]", cell)]
        assert len(cells) == 1, words


@pytest.mark.parametrize("words", ["", *COMMANDS])
def test_every_help_shows_examples_that_can_be_called(words: str) -> None:
    """Each is a command of this program with arguments that it takes."""
    command = COMMANDS[words] if words else cli
    shown = CliRunner().invoke(cli, [*words.split(), "--help"]).output
    _, _, section = shown.partition("Examples:\n")
    lines = re.findall(r"^ *walmart-stream (.*)$", section, re.MULTILINE)

    assert lines, words
    assert command.epilog == examples(*lines)
    for line in lines:
        assert line.removeprefix("--local ").startswith(words), line
        check_arguments(line)


def check_arguments(line: str) -> None:
    """Raises UsageError where the command of *line* does not take its arguments."""
    rest = [word for word in shlex.split(line) if word != "--local"]
    found: click.Command = cli
    while isinstance(found, click.Group) and rest and rest[0] in below(found):
        found = below(found)[rest.pop(0)]
    if rest[:1] == ["COMMAND"]:
        return
    # A file in an example is not there.
    rest = ["-" if word.endswith((".csv", ".toml")) else word for word in rest]
    if "--help" not in rest:
        found.make_context(found.name, rest)


def test_a_start_imports_no_other_command() -> None:
    """Nor the libraries of its own work: starts take as long however many commands there are."""
    program = (
        "import sys; from walmart_stream.cli import cli; "
        "cli(['quota', '--help'], standalone_mode=False); "
        "sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())

    assert "walmart_stream.cli.quota" in loaded
    assert "walmart_stream.cli.verify" not in loaded
    assert not loaded & {"rich", "aiokafka", "pymongo", "aiohttp", "jinja2", "pyarrow", "faust"}


def test_commands_that_read_topics_do_not_load_faust() -> None:
    """It takes a quarter of a second of processor time, and 13 MiB."""
    program = "import sys, walmart_stream.kafka.reading; sys.exit('faust' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_exit_codes_are_documented() -> None:
    """All that the program ends with."""
    section = DOCS.partition("## Exit codes")[2].partition("\n## ")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}

    assert codes == {0, 1, 2, 3, EXIT_CODE, REFUSED_EXIT_CODE}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_commands(shell: str) -> None:
    """As docs/cli.md says."""
    done = CliRunner().invoke(
        cli, prog_name="walmart-stream", env={"_WALMART_STREAM_COMPLETE": f"{shell}_source"}
    )

    assert f"_WALMART_STREAM_COMPLETE={shell}_source walmart-stream" in DOCS
    assert "_WALMART_STREAM_COMPLETE" in done.output
