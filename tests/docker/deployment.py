"""docker/compose.secure.yaml without containers: its very commands, files and environments.

Only where something is differs: hosts are ports of 127.0.0.1, and what a container would see at
``/run`` is a folder of its service, which holds what that service is given and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.docker import compose_file
from tests.docker.compose_file import DOCKER, FOLDER
from tests.hang import DEADLINE
from tests.pipeline.worker import until
from walmart_stream.local.mongod import find_mongod
from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.local.processes import Process, start
from walmart_stream.settings import Settings, load_settings

NODES = ("kafka-1", "kafka-2", "kafka-3")
WORKERS = ("worker-1", "worker-2")

# Kafka's programs without the distribution around them; each writes down its arguments.
KAFKA_PROGRAM = """#!/bin/bash
echo "$@" >>"$ARGUMENTS"
exec java $KAFKA_HEAP_OPTS -XX:TieredStopAtLevel=1 $KAFKA_LOG4J_OPTS -cp "$CLASSPATH" {main} "$@"
"""
KAFKA_PROGRAMS = {
    "kafka-storage.sh": "kafka.tools.StorageTool",
    "kafka-server-start.sh": "kafka.Kafka",
}


class Deployment:
    """The services of the compose file in *folder*; ``deploy`` in it is DEPLOY_DIR."""

    def __init__(self, folder: Path, class_path: str) -> None:
        self.folder = folder
        self.deploy = folder / "deploy"
        self.arguments = folder / "arguments"
        self.processes: dict[str, Process] = {}
        # Every secret that there ever was, and what each service was started with.
        self.secrets: set[str] = set()
        self.given: dict[str, str] = {}
        self._class_path = class_path
        self._services = compose_file.read()["services"]
        self._sources = compose_file.read()
        self._ports = {
            (host, port): free_port()
            for hosts, ports in (
                (NODES, ("9092", "9093", "9094")),
                (("mongo",), ("27017",)),
                (("worker-1",), ("6066",)),
                (("worker-2",), ("6067",)),
            )
            for host in hosts
            for port in ports
        }
        self._programs = folder / "bin"
        self._programs.mkdir()
        for name, main in KAFKA_PROGRAMS.items():
            program = self._programs / name
            program.write_text(KAFKA_PROGRAM.format(main=main))
            program.chmod(0o755)

    # -- What a service would see

    def address(self, host: str, port: int) -> str:
        """Where ``HOST:PORT`` of the containers' network is here."""
        return f"{LOOPBACK}:{self._ports[host, str(port)]}"

    def environment(self, name: str) -> dict[str, str]:
        """The environment of a service, and what its image would set."""
        own = self._services[name].get("environment", {})
        return {
            "PATH": os.pathsep.join(
                [str(self._programs), str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
            "HOME": str(self.folder),
            "DATA_DIR": str(self.folder),
            "CLASSPATH": self._class_path,
            "ARGUMENTS": str(self.arguments),
            **{variable: self.local(name, str(value)) for variable, value in own.items()},
        }

    def settings(self, name: str) -> Settings:
        """The settings of a service of ours, read as it reads them."""
        self._fill(name)
        return load_settings(self.environment(name), env_file=self.folder / "no.env")

    def local(self, name: str, text: str, host: str = "") -> str:
        """*text* of a service, with the places of this machine. It is about *host*, or itself."""
        service = self._services[name]
        text = re.sub(
            r"\b(kafka-\d|mongo|worker-\d):(\d+)",
            lambda match: self.address(match[1], int(match[2])),
            text,
        )
        # Listeners on all addresses.
        text = re.sub(
            r"\b([A-Z_]+)://:(\d+)",
            lambda match: f"{match[1]}://{self.address(host or name, int(match[2]))}",
            text,
        )
        text = re.sub(r"(?m)^(  port: )(\d+)$", lambda m: m[1] + self._port(name, m[2]), text)
        if name in WORKERS and (name, text) in self._ports:
            text = self._port(name, text)
        if name == "mongo-access":
            # It shares the loopback of the database.
            text = text.replace("127.0.0.1:27017", self.address("mongo", 27017))
        text = text.replace("0.0.0.0", LOOPBACK)
        places = {
            "/run/secrets": str(self._see(name) / "secrets"),
            "/run/config": str(self._see(name) / "config"),
            "/opt/kafka/bin": str(self._programs),
            **{
                target: source.replace(FOLDER, str(self.deploy)).replace("./", f"{DOCKER}/")
                for target, source in compose_file.mounted(service).items()
            },
        }
        pattern = "|".join(rf"{re.escape(place)}(?=[/,\s]|$)" for place in places)
        return re.sub(pattern, lambda match: places[match[0]], text)

    def _port(self, name: str, port: str) -> str:
        return str(self._ports[name, port])

    def _see(self, name: str) -> Path:
        return self.folder / "run" / name

    def _fill(self, name: str) -> None:
        """Give a service its secrets and configurations, as they are now."""
        service = self._services[name]
        for kind in ("secrets", "configs"):
            for target, source in compose_file.given(service, kind).items():
                file = Path(self._sources[kind][source]["file"].replace(FOLDER, str(self.deploy)))
                text = (DOCKER / file).read_text(encoding="utf-8")
                seen = Path(self.local(name, target))
                seen.parent.mkdir(parents=True, exist_ok=True)
                seen.touch(mode=0o600)
                seen.write_text(
                    self.local(name, text, source.removesuffix(".properties")), encoding="utf-8"
                )

    def command(self, name: str) -> list[str]:
        """Entry point and command of a service."""
        service = self._services[name]
        entry = service.get("entrypoint", [sys.executable, "-m", "walmart_stream"])
        words = [*entry, *service.get("command", () if name not in WORKERS else ("worker",))]
        if words[0] == "python":
            words[0] = sys.executable
        elif words[0] == "mongod":
            words[0] = str(find_mongod())
        return [self.local(name, word) for word in words]

    # -- What it does

    async def run(self, name: str, *arguments: str) -> tuple[int, str]:
        """A one-off job; *arguments* after its own. Its exit code and all that it said."""
        self._fill(name)
        environment = self.environment(name)
        if name == "kafka-format":
            environment |= {
                "KAFKA_BIN": str(self._programs),
                "CONFIG": str(self._see(name) / "config"),
                "SECRETS": str(self._see(name) / "secrets"),
            }
        extra = [self.address("mongo", 27017)] if name == "mongo-access" else []
        log = self.folder / f"{name}.log"
        before = log.stat().st_size if log.exists() else 0
        argv = [*self.command(name), *extra, *arguments]
        self.given[f"what {name} is given"] = f"{argv} {environment}"
        job = await start(argv, environment, log)
        try:
            async with asyncio.timeout(DEADLINE):
                code = await job.wait()
        finally:
            job.kill()
            self._learn_secrets()
        return code, log.read_bytes()[before:].decode(errors="replace")

    async def doctor(self, name: str) -> tuple[int, str]:
        """`walmart-stream doctor` beside a worker, as `exec` runs it; exit code and output."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "walmart_stream", "doctor"),
            cwd=self.folder,
            env=self.environment(name),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    async def launch(self, name: str, **further: str) -> Process:
        """Start a service that stays; *further* environment over its own."""
        self._fill(name)
        environment = self.environment(name) | further
        argv, log = self.command(name), self.folder / f"{name}.log"
        self.given[f"what {name} is given"] = f"{argv} {environment}"
        self.processes[name] = await start(argv, environment, log)
        return self.processes[name]

    async def until_healthy(self, name: str) -> None:
        """Wait until the health check of a node says so, or the port of the database."""
        test = [self.local(name, word) for word in self._services[name]["healthcheck"]["test"]]
        host = self.address("mongo", 27017) if name == "mongo" else self.address(name, 9092)
        if name == "mongo":
            # There is no mongosh here.
            test = ["CMD", "bash", "-c", f"exec 3<>/dev/tcp/{host.replace(':', '/')}"]
        else:
            test[-1] = test[-1].replace(f"{LOOPBACK}/9092", host.replace(":", "/"))

        async def look() -> bool:
            process = self.processes[name]
            assert process.returncode is None, process.last_words(30)
            asked = await asyncio.create_subprocess_exec(
                *test[1:], stderr=asyncio.subprocess.DEVNULL
            )
            return await asked.wait() == 0

        await until(f"{name} is healthy", look)

    async def up(self) -> Mapping[str, str]:
        """As `run prepare` and `up` do, without the workers; what each job said.

        Raises:
            AssertionError: a job failed.
        """
        said = {}
        # The servers' certificates are for the containers' names; here they have an address.
        said["prepare"] = await self.job("prepare", "--also-for", LOOPBACK)
        said["kafka-format"] = await self.job("kafka-format")
        for name in (*NODES, "mongo"):
            await self.launch(name)
        await asyncio.gather(*[self.until_healthy(name) for name in (*NODES, "mongo")])
        for name in ("mongo-access", "kafka-access", "release"):
            said[name] = await self.job(name)
        return said

    async def job(self, name: str, *arguments: str) -> str:
        """The output of a one-off job, which must have succeeded."""
        code, said = await self.run(name, *arguments)
        assert code == 0, f"{name}: {said[-3000:]}"
        return said

    async def down(self) -> None:
        """End all that stays, at once: nodes that stop in order wait for those that are gone."""
        for process in self.processes.values():
            process.kill()
            await process.wait()

    def _learn_secrets(self) -> None:
        """Take note of passwords and tokens, and of the beginnings of private keys."""
        for folder in ("secrets", "authorities"):
            for file in (self.deploy / folder).iterdir():
                text = file.read_text(encoding="ascii")
                if "PRIVATE KEY" in text:
                    self.secrets |= set(re.findall(r"PRIVATE KEY-----\n(\S{60})", text))
                elif "CERTIFICATE" not in text:
                    self.secrets |= set(re.findall(r"[\w-]{43}", text))
