"""Kafka Streams, in Java: builds ``tests/bench/kafka_streams`` with Maven and becomes it.

It is built once for each state of its sources.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "kafka_streams"
TARGET = PROJECT / "target"
CLASS_PATH = TARGET / "classpath"
BUILT = TARGET / "built"

MAVEN_TIMEOUT = 600.0
# The collector made for throughput takes a tenth to a fifth less CPU time than the default one.
HEAP = ("-Xms256m", "-Xmx1g", "-XX:+UseParallelGC")


def build() -> str:
    """The class path.

    Raises:
        RuntimeError: Java or Maven are missing, or Maven failed; what it said is in the message.
    """
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise RuntimeError(f"{tool} is not on PATH")
    sources = hashlib.sha256()
    for file in (PROJECT / "pom.xml", *sorted(PROJECT.glob("src/**/*.java"))):
        sources.update(file.read_bytes())
    if not BUILT.is_file() or BUILT.read_text() != sources.hexdigest():
        command = (
            *("mvn", "--batch-mode", "--quiet", f"--file={PROJECT / 'pom.xml'}"),
            *("compile", "dependency:build-classpath", "-DincludeScope=runtime"),
            f"-Dmdep.outputFile={CLASS_PATH}",
        )
        maven = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAVEN_TIMEOUT,
        )
        if maven.returncode != 0:
            raise RuntimeError(f"Maven could not build it:\n{maven.stdout[-3000:]}")
        BUILT.write_text(sources.hexdigest())
    return os.pathsep.join((str(TARGET / "classes"), CLASS_PATH.read_text()))


if __name__ == "__main__":
    java = shutil.which("java")
    assert java is not None
    os.execv(java, [java, *HEAP, "-cp", build(), "PriceJob"])
