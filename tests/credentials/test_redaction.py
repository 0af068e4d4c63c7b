"""Secrets do not leave the process by its log, its standard error or a core file."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import textwrap
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.hang import DEADLINE
from walmart_stream.credentials.redaction import MASK, SHORTEST, Redactor, redacting_record_factory
from walmart_stream.sandbox import generate_keypair
from walmart_stream.settings import SECRETS, Settings

SECRET = "pä/ss wörd+\"%'\\&=?"
PLAIN = "s3cr3t-canary-7712"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
        repr(SECRET.encode()),
        b64encode(SECRET.encode()).decode(),
        *(b64encode(f"{user}:{SECRET}".encode()).decode() for user in ("a", "ab", "abc", "abcd")),
        *(urlsafe_b64encode(f"{user}:{SECRET}!".encode()).decode() for user in ("a", "ab", "abc")),
    ],
)
def test_a_secret_is_found_in_every_encoding_in_which_it_travels(form: str) -> None:
    """The first and last characters of base64 also encode the neighbours and may be left."""
    clean = Redactor([SECRET]).redact(f"before {form} after")

    assert MASK in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert len(clean) <= len(f"before {MASK} after") + 12


def test_of_a_private_key_no_line_is_left() -> None:
    """Nor of one whose line ends are written as backslash and n."""
    private, _ = generate_keypair()
    one_line = private.replace("\n", "\\n")

    for given in (private, one_line):
        redactor = Redactor([given])
        for shown in (private, one_line, repr(private), json.dumps(private)):
            clean = redactor.redact(f"key: {shown}")

            secret_lines = private.splitlines()[1:-1]
            assert not [line for line in secret_lines if line in clean]


def test_innocent_text_is_not_touched() -> None:
    """Not even copied, since nearly all text is innocent."""
    text = "MongoDB is away (ServerSelectionTimeoutError); waiting for it"

    assert Redactor([SECRET, PLAIN]).redact(text) is text


def test_what_is_too_short_is_not_looked_for() -> None:
    """There would be nothing left of a log without its every ``a``."""
    assert Redactor(["a" * (SHORTEST - 1)]).redact("a" * 20) == "a" * 20


def test_every_secret_of_the_settings_is_known(tmp_path: Path) -> None:
    """All of them, so that a new one is not forgotten."""
    environ = {name.lower(): f"canary-of-{name}" for name in SECRETS}
    environ["mongodb_uri"] = "mongodb://user:canary-of-MONGODB_URI@db.invalid/"
    environ["mongodb_field_keys"] = "canary-of-MONGODB_FIELD_KEYS".ljust(43, "-") + "="
    environ["alert_channels"] = "ops=https://h.invalid/?secret=canary-of-ALERT_CHANNELS"
    settings = Settings.model_validate(
        {
            **environ,
            "kafka_brokers": "a:1",
            "walmart_consumer_id": "c",
            "walmart_client_id": "c",
        }
    )

    redactor = Redactor(settings.secrets())

    for name in SECRETS:
        said = environ[name.lower()] if name == "MONGODB_FIELD_KEYS" else f"canary-of-{name}"
        assert f"canary-of-{name}" not in redactor.redact(f"it is {said}.")


def test_each_key_of_stored_fields_is_a_secret() -> None:
    """They stand in one setting, and are used one by one."""
    keys = [letter * 43 + "=" for letter in "abc"]
    settings = Settings.model_validate(
        {
            "kafka_brokers": "a:1",
            "mongodb_uri": "mongodb://db.invalid",
            "mongodb_field_keys": f"{keys[0]}, {keys[1]}\n{keys[2]}",
        }
    )

    clean = Redactor(settings.secrets()).redact(f"keys {' and '.join(keys)}")

    assert clean == f"keys {MASK} and {MASK} and {MASK}"


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://user:{PLAIN}@db.invalid:27017/?tls=true",
        f"mongodb+srv://user:{PLAIN}@db.invalid",
        f"mongodb://db.invalid/?tls=true&tlsCertificateKeyFilePassword={PLAIN}",
        f"mongodb://user:{PLAIN}/with@characters@that:should/be#encoded@db.invalid",
    ],
)
def test_the_password_of_a_mongodb_uri_is_a_secret(uri: str) -> None:
    """Also that of a URI which nobody can use."""
    settings = Settings.model_validate({"kafka_brokers": "a:1", "mongodb_uri": uri})

    clean = Redactor(settings.secrets()).redact(f"cannot use {uri}")

    assert PLAIN not in clean


def test_a_percent_encoded_password_is_known_as_it_is_sent() -> None:
    """Servers repeat it decoded."""
    uri = f"mongodb://user:{quote_plus(SECRET)}@db.invalid"
    settings = Settings.model_validate({"kafka_brokers": "a:1", "mongodb_uri": uri})

    clean = Redactor(settings.secrets()).redact(f"user {SECRET} is unknown")

    assert clean == f"user {MASK} is unknown"


def test_a_uri_without_a_password_is_no_secret() -> None:
    """Its host is what one looks for in a log."""
    settings = Settings.model_validate(
        {"kafka_brokers": "a:1", "mongodb_uri": "mongodb://db.invalid:27017/?tls=true"}
    )

    assert settings.secrets() == set()


class Kept(logging.Handler):
    """A handler as a library may add one, which reads all of a record."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.format(record) + repr(record.__dict__))


def test_a_log_record_is_clean_before_any_handler_sees_it() -> None:
    """Message, arguments, exception with its causes, and stack."""
    make = redacting_record_factory(Redactor([PLAIN]))
    kept = Kept()
    try:
        try:
            raise ValueError(PLAIN)
        except ValueError as exc:
            raise RuntimeError("because") from exc
    except RuntimeError:
        error = sys.exc_info()

    for message, args, exc_info in (
        (f"in the message {PLAIN}", (), None),
        ("in arguments %s %r", ({"a": PLAIN}, PLAIN.encode()), None),
        ("in the cause of an exception", (), error),
    ):
        kept.handle(make("any.library", logging.ERROR, "f.py", 1, message, args, exc_info))

    assert len(kept.seen) == 3
    assert PLAIN not in "".join(kept.seen)
    assert all(MASK in seen for seen in kept.seen)
    assert "RuntimeError: because" in kept.seen[2]


PROGRAM = """
import asyncio, gc, logging, resource, sys, threading, traceback, warnings
from logging.config import dictConfig
from walmart_stream.logs import logging_config
from walmart_stream.credentials.redaction import protect
from walmart_stream.settings import load_settings

settings = load_settings()
protect(settings.secrets(), stdout=True)
dictConfig(logging_config(settings))
SECRET = settings.web_token.get_secret_value()

class Dropped:
    def __del__(self):
        raise ValueError("destructor " + SECRET)

def fail():
    raise ValueError("thread " + SECRET)

async def main():
    asyncio.get_running_loop().call_soon(lambda: 1 / len(SECRET[:0]))
    lost = asyncio.create_task(boom())
    await asyncio.sleep(0.01)
    del lost
    gc.collect()

async def boom():
    raise ValueError("task " + SECRET)

asyncio.run(main())
Dropped()
thread = threading.Thread(target=fail)
thread.start()
thread.join()
warnings.warn("warning " + SECRET)
for library in ("aiokafka", "pymongo", "aiohttp", "faust", "mode"):
    logging.getLogger(library).error("%s says %s", library, SECRET)
logging.getLogger("x").error("wrong %d", SECRET)
try:
    fail()
except ValueError:
    logging.getLogger("x").exception("caught")
    traceback.print_exc()
print("printed", SECRET)
print("core", resource.getrlimit(resource.RLIMIT_CORE))
HOW
"""


@pytest.mark.parametrize(
    ("how", "last_words"),
    [
        ('raise RuntimeError("uncaught " + SECRET) from ValueError(SECRET)', "uncaught"),
        ('sys.exit("exit " + SECRET)', "exit"),
    ],
)
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nothing_that_a_process_writes_holds_a_secret(
    tmp_path: Path, log_format: str, how: str, last_words: str
) -> None:
    """Whatever goes wrong: destructors, threads, tasks, warnings, libraries, the very end."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM).replace("HOW", how), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, program],
        cwd=tmp_path,
        env={
            "KAFKA_BROKERS": "a:1",
            "MONGODB_URI": "mongodb://db.invalid",
            "WEB_TOKEN": PLAIN,
            "LOG_FORMAT": log_format,
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        },
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )

    written = done.stdout + done.stderr
    assert done.returncode == 1
    assert PLAIN not in written
    for place in (
        "destructor", "thread", "task", "warning", "aiokafka says", "pymongo says", "aiohttp says",
        "faust says", "mode says", "wrong", "printed", last_words,
    ):  # fmt: skip
        assert place in written, place
    assert written.count(MASK) >= 14
    assert "core (0, 0)" in written
