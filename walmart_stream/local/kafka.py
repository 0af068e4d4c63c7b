"""Apache Kafka on this machine: its class path by Maven, its nodes as child processes."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from walmart_stream.local.broker import speaks_kafka
from walmart_stream.local.environment import without_settings
from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.local.processes import Server, StartError, start

HERE = Path(__file__).resolve().parent
POM = HERE / "kafka-pom.xml"
LOG4J = HERE / "kafka-log4j2.properties"
# A wheel has a copy of the file that docker/ mounts; a clone has the file itself.
SINGLE_NODE = next(
    path
    for path in (
        HERE / "single-node.properties",
        HERE.parents[1] / "docker" / "kafka" / "single-node.properties",
    )
    if path.is_file() or path.parent != HERE
)

JAVA_NEEDED = 17
# Any 16 bytes as base64 will do; every node of a cluster is formatted with the same.
CLUSTER_ID = "d2FsbWFydC1zdHJlYW0xMQ"

# Seconds. They only end what hangs, on the busiest machine: a process that ends is noticed at once.
MAVEN_TIMEOUT = 600.0
FORMAT_TIMEOUT = 240.0
START_TIMEOUT = 240.0
STOP_GRACE = 60.0

# The class that a node runs.
NODE = "kafka.Kafka"
# The exit code of a JVM that SIGTERM has ended.
ENDED_BY_SIGTERM = 143


def missing_tools() -> str | None:
    """Why Apache Kafka cannot run here, or ``None`` if it can."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            return f"{tool} is not on PATH (Java {JAVA_NEEDED} and Maven are needed)"
    # -version prints to stderr.
    printed = subprocess.run(  # noqa: S603
        [shutil.which("java") or "java", "-version"],
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = re.search(r'version "(\d+)', printed.stderr)
    if found is None or int(found[1]) < JAVA_NEEDED:
        words = printed.stderr.splitlines()
        return f"Java {JAVA_NEEDED} or newer is needed, found: {words[0] if words else 'none'}"
    return None


def class_path_file(cache: Path) -> Path:
    """The file in *cache* for the class path of the Kafka in ``kafka-pom.xml``."""
    return cache / f"classpath-{hashlib.sha256(POM.read_bytes()).hexdigest()[:16]}"


def resolve_class_path(cache: Path) -> str:
    """The class path of the Kafka in ``kafka-pom.xml``; kept in *cache* as long as it holds.

    Raises:
        StartError: Maven failed; what it said is in the message.
    """
    kept = class_path_file(cache)
    kept.parent.mkdir(parents=True, exist_ok=True)
    # Two Mavens at a time could damage the repository that both of them fill.
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _kept(kept) or _resolved(kept)


def _kept(file: Path) -> str | None:
    """The class path in *file*, if everything it names is there."""
    if not file.is_file():
        return None
    class_path = file.read_text(encoding="utf-8")
    return class_path if all(Path(jar).is_file() for jar in class_path.split(os.pathsep)) else None


def _resolved(kept: Path) -> str:
    """The class path as Maven resolves it, written to *kept*."""
    maven = subprocess.run(  # noqa: S603
        [
            shutil.which("mvn") or "mvn",
            "--batch-mode",
            "--quiet",
            f"--file={POM}",
            "dependency:build-classpath",
            "-DincludeScope=runtime",
            f"-Dmdep.outputFile={kept}",
        ],
        env=without_settings(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MAVEN_TIMEOUT,
    )
    if maven.returncode != 0:
        raise StartError(f"Maven could not resolve Apache Kafka:\n{maven.stdout[-2000:]}")
    return kept.read_text(encoding="utf-8")


def class_archive(class_path: str) -> Path:
    """The file for the loaded classes of *class_path*, beside its first jar.

    A JVM that it does not fit (another version, a replaced jar) starts without it.
    """
    java = os.path.realpath(shutil.which("java") or "java")
    made_for = hashlib.sha256(f"{java}\n{class_path}".encode()).hexdigest()[:16]
    return Path(class_path.split(os.pathsep)[0]).with_name(f"walmart-stream-{made_for}.jsa")


@dataclass
class KafkaNode(Server):
    """A node that is broker and controller, in *directory*, on two free loopback ports.

    It keeps ports and data over restarts. *voters*: the controllers' ports by node id, where it is
    not the only node. *overrides*: properties over those of *base*, a file of ``docker/kafka``.
    *format_arguments*: further ones of ``kafka-storage format``; *java_options*: the node's.
    *client*: aiokafka's options of who asks the node whether it is ready.
    """

    directory: Path
    class_path: str
    node_id: int = 1
    port: int = field(default_factory=free_port)
    controller_port: int = field(default_factory=free_port)
    voters: Mapping[int, int] | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    base: Path = SINGLE_NODE
    format_arguments: Sequence[str] = ()
    java_options: Sequence[str] = ()
    client: Mapping[str, Any] | None = None

    stop_grace = STOP_GRACE

    @classmethod
    def kept(cls, directory: Path, class_path: str) -> KafkaNode:
        """The node whose data are in *directory*, at its former address, or a new one."""
        node = cls(directory, class_path)
        if node._properties.is_file():
            listeners = read_properties(node._properties)["listeners"].split(",")
            ports = [int(listener.rpartition(":")[2]) for listener in listeners]
            node.port, node.controller_port = ports
        return node

    @property
    def bootstrap(self) -> str:
        """``host:port`` for KAFKA_BROKERS."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        return self.directory / "kafka.log"

    async def start(self) -> None:
        """Start the node on its present data and wait until its cluster accepts requests.

        Raises:
            StartError: it does not come up; the end of its log is in the message.
        """
        await self.launch()
        await self.ready()

    async def launch(self) -> None:
        """Start it without waiting: one node of several waits for the others."""
        if not self._properties.is_file():
            self.directory.mkdir(parents=True, exist_ok=True)
            self._properties.write_text(self._configuration(), encoding="utf-8")
            await self._format()
        self._process = await start(
            self._java(NODE, str(self._properties), options=self.java_options),
            _environment(),
            self.log,
        )

    async def ready(self) -> None:
        """Wait until it answers and says that it and its fellows are there."""
        assert self._process is not None
        await self._process.until(self._serves, START_TIMEOUT)

    async def stop(self) -> None:
        """End it in good order. The first to end keeps its loaded classes for later starts."""
        process = self._process
        await super().stop()
        # A JVM says so when it ends in good order; a kill may leave half an archive.
        if (
            process is not None
            and process.returncode == ENDED_BY_SIGTERM
            and self._dumped.is_file()
        ):
            _keep(self._dumped, class_archive(self.class_path))

    async def restart(self) -> None:
        """Stop and start."""
        await self.stop()
        await self.start()

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    def _configuration(self) -> str:
        voters = self.voters or {self.node_id: self.controller_port}
        copies = str(min(3, len(voters)))
        properties = read_properties(self.base) | {
            "node.id": str(self.node_id),
            "controller.quorum.voters": ",".join(
                f"{node}@{LOOPBACK}:{port}" for node, port in voters.items()
            ),
            "listeners": f"PLAINTEXT://{self.bootstrap},"
            f"CONTROLLER://{LOOPBACK}:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": str(self.directory / "data"),
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": str(max(1, int(copies) - 1)),
            **self.overrides,
        }
        return "".join(f"{name}={value}\n" for name, value in properties.items())

    async def _format(self) -> None:
        arguments = ["format", "--cluster-id", CLUSTER_ID, "--config", str(self._properties)]
        arguments += self.format_arguments
        formatting = await start(
            self._java("kafka.tools.StorageTool", *arguments), _environment(), self.log
        )
        async with asyncio.timeout(FORMAT_TIMEOUT):
            code = await formatting.wait()
        if code != 0:
            raise StartError(f"formatting failed: {formatting.last_words()}")

    @property
    def _dumped(self) -> Path:
        """Beside the archive that it becomes, so that it can be moved there at once."""
        archive = class_archive(self.class_path)
        return archive.with_name(f"{archive.name}.{self.port}")

    def _class_sharing(self, main: str) -> list[str]:
        """Options that take classes from the archive, or have a node leave them there.

        Together 2 of 5 s of CPU time at a start. The JVM trusts a damaged archive unless it
        compares checksums, which takes 0.1 s.
        """
        archive = class_archive(self.class_path)
        # A node that was killed at its end may have left half of one.
        self._dumped.unlink(missing_ok=True)
        if archive.is_file():
            return [f"-XX:SharedArchiveFile={archive}", "-XX:+VerifySharedSpaces"]
        if main != NODE or not os.access(archive.parent, os.W_OK):
            return []
        return [f"-XX:ArchiveClassesAtExit={self._dumped}"]

    def _java(self, main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        return [
            "java",
            *self._class_sharing(main),
            "-Xms128m",
            "-Xmx512m",
            # Of a node that lives for a minute, most time goes into compiling.
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={LOG4J}",
            *options,
            "-cp",
            self.class_path,
            main,
            *arguments,
        ]

    async def _serves(self) -> bool:
        # aiokafka logs every refusal as an error, so one looks before; with TLS one sees less.
        if self.client is None and not await speaks_kafka(LOOPBACK, self.port):
            return False
        if self.client is not None and not await _listens(self.port):
            return False
        client = self.client or {"bootstrap_servers": self.bootstrap}
        admin = AIOKafkaAdminClient(**client, request_timeout_ms=5000)
        try:
            await admin.start()
            cluster = await admin.describe_cluster()
            return len(cluster["brokers"]) == len(self.voters or (self,))
        except (KafkaError, TimeoutError):
            return False
        finally:
            await admin.close()


def _keep(dumped: Path, archive: Path) -> None:
    """Move *dumped* to *archive* once it is on the disk: the JVM crashes on a truncated one."""
    with dumped.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(dumped, archive)


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME") if name in os.environ}


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


def cluster(directory: Path, class_path: str, nodes: int = 3) -> list[KafkaNode]:
    """*nodes* nodes that are not started yet; start them with :func:`start_together`."""
    voters = {node_id: free_port() for node_id in range(1, nodes + 1)}
    return [
        KafkaNode(
            directory / f"node-{node_id}",
            class_path,
            node_id=node_id,
            controller_port=port,
            voters=voters,
        )
        for node_id, port in voters.items()
    ]


async def start_together(nodes: Sequence[KafkaNode]) -> None:
    """Start nodes that are ready only when all of them are."""
    await asyncio.gather(*[node.launch() for node in nodes])
    await asyncio.gather(*[node.ready() for node in nodes])


def read_properties(path: Path) -> dict[str, str]:
    """The ``name=value`` lines of a Java properties file."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}
