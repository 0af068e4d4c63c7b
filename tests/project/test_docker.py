"""The claims of docker/, read from the files themselves: no Docker engine is needed."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from walmart_stream.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
WORKERS = ("worker-1", "worker-2")
POM = ROOT / "walmart_stream" / "local" / "kafka-pom.xml"
CONTINUED = re.compile(r"\\\n")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, arguments), continued lines joined, comments dropped."""
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    found = [line.split(None, 1) for line in CONTINUED.sub(" ", lines).splitlines() if line.strip()]
    return [(name, arguments.strip()) for name, arguments in found]


def last(name: str) -> str:
    return [arguments for found, arguments in instructions() if found == name][-1]


def final_stage() -> list[tuple[str, str]]:
    """The stage that makes the image: everything after the last FROM."""
    found = instructions()
    return found[[name for name, _ in found].index("FROM", 2) + 1 :]


@pytest.fixture(name="compose")
def compose_file() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))


def test_the_image_runs_as_a_user_without_privileges() -> None:
    """The final stage names a numeric user that is not root, as orchestrators check it."""
    user = last("USER").partition(":")[0]

    assert user.isdigit()
    assert int(user) >= 10_000


def test_the_base_image_is_pinned_to_a_version_and_can_be_pinned_to_a_digest() -> None:
    """Both stages start from the one base that the build argument names."""
    bases = [arguments.split()[0] for name, arguments in instructions() if name == "FROM"]

    assert bases == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}"]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.1[1-3]-slim-\w+", last("ARG"))


def test_all_that_is_installed_comes_from_a_lock_with_hashes() -> None:
    """pip fetches hashed files only, and installs what was built from them."""
    runs = " && ".join(arguments for name, arguments in instructions() if name == "RUN")
    calls = [call for call in runs.split("&&") if re.search(r"\bpip (install|wheel)\b", call)]

    assert len(calls) == 4
    for call in calls:
        assert "--require-hashes" in call or "--no-deps" in call
        assert "--require-hashes" in call or "--no-index" in call or "--no-build-isolation" in call


def test_nothing_that_builds_or_installs_is_left_in_the_image() -> None:
    """The last thing that pip does in it is to remove itself."""
    [installs] = [run for name, run in final_stage() if name == "RUN"]
    calls = [call.strip() for call in installs.split("&&")]

    assert "pip uninstall --yes setuptools wheel pip" in calls
    assert not any("apt-get" in call or "apk " in call for call in calls)
    assert "COPY" not in {name for name, _ in final_stage()}


def test_the_program_needs_nothing_that_is_removed() -> None:
    """It is imported whole where these cannot be."""
    code = (
        "import sys; sys.modules |= dict.fromkeys(('setuptools', 'pkg_resources', 'pip', 'wheel'));"
        "from walmart_stream.app import app; assert app"
    )
    servers = {"KAFKA_BROKERS": "127.0.0.1:1", "MONGODB_URI": "mongodb://127.0.0.1:1/"}

    done = subprocess.run(
        [sys.executable, "-c", code], env=servers, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_image_is_told_to_stop_and_asked_for_its_health() -> None:
    """A clean stop is SIGTERM; health is the worker's own /livez, asked without other tools."""
    health = last("HEALTHCHECK")

    assert last("STOPSIGNAL") == "SIGTERM"
    assert "/livez" in health
    assert '["python", "-c"' in health
    assert last("ENTRYPOINT") == '["walmart-stream"]'
    assert last("CMD") == '["worker"]'


def test_the_state_is_on_a_volume() -> None:
    """The root file system can be read-only, because what is written goes to a volume."""
    assert last("VOLUME") == '["/data"]'
    assert "DATA_DIR=/data" in last("ENV")


def test_every_file_that_the_image_copies_is_let_through_and_exists() -> None:
    """The ignore file shuts out everything but what the Dockerfile copies."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}

    copied = {
        source
        for name, arguments in instructions()
        if name == "COPY"
        for source in arguments.split()[:-1]
    }

    assert "*" in ignored
    assert copied == allowed
    assert all((ROOT / path).exists() for path in copied)


def test_images_of_others_are_pinned_to_a_version(compose: dict[str, Any]) -> None:
    """No `latest`, and at least major.minor."""
    images = [
        service["image"] for service in compose["services"].values() if "build" not in service
    ]

    assert len(images) == 2
    assert all(re.search(r":\d+\.\d+(\.\d+)?(@sha256:[0-9a-f]{64})?$", image) for image in images)


@pytest.mark.skipif(not POM.is_file(), reason="no tests on Apache Kafka in this tree")
def test_the_broker_is_the_version_that_the_tests_run_on(compose: dict[str, Any]) -> None:
    """Compose starts the version that the suite has tried."""
    versions = {
        element.text
        for dependency in ET.parse(POM).iterfind(".//{*}dependency")
        if dependency.findtext("{*}artifactId") == "kafka_2.13"
        for element in dependency.iterfind("{*}version")
    }
    properties = {
        f"${{{element.tag.rpartition('}')[2]}}}": element.text
        for group in ET.parse(POM).iterfind("{*}properties")
        for element in group
    }

    tag = compose["services"]["kafka"]["image"].rpartition(":")[2]

    assert {properties.get(version or "", version) for version in versions} == {tag}


def test_nothing_is_published_beyond_loopback(compose: dict[str, Any]) -> None:
    """Only the workers' web views have a port on the host, and only on 127.0.0.1."""
    published = {
        name: service["ports"]
        for name, service in compose["services"].items()
        if "ports" in service
    }

    assert set(published) == set(WORKERS)
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_broker_and_database_are_on_an_internal_network_only(compose: dict[str, Any]) -> None:
    """They have no passwords, so nothing else may reach them."""
    assert compose["networks"]["storage"]["internal"] is True
    assert compose["services"]["kafka"]["networks"] == ["storage"]
    assert compose["services"]["mongo"]["networks"] == ["storage"]


def test_the_broker_runs_with_the_configuration_of_the_tests(compose: dict[str, Any]) -> None:
    """The mounted file is the one that the suite starts Apache Kafka with."""
    sources = [volume.partition(":")[0] for volume in compose["services"]["kafka"]["volumes"]]

    mounted = [source for source in sources if source.startswith("./")]

    assert mounted == ["./kafka/single-node.properties"]
    assert (ROOT / "docker" / mounted[0]).is_file()


def test_everything_that_stays_up_has_a_health_check(compose: dict[str, Any]) -> None:
    """Broker and database in compose, the workers through their image."""
    services = compose["services"]

    assert services["kafka"]["healthcheck"]["test"][0] == "CMD"
    assert services["mongo"]["healthcheck"]["test"][0] == "CMD"
    assert all("healthcheck" not in services[worker] for worker in WORKERS)


def test_workers_start_after_topics_and_indexes(compose: dict[str, Any]) -> None:
    """The release job waits for healthy stores, the workers for the job to have succeeded."""
    services = compose["services"]

    assert services["release"]["command"] == ["topics"]
    assert {d["condition"] for d in services["release"]["depends_on"].values()} == {
        "service_healthy"
    }
    for worker in WORKERS:
        after = services[worker]["depends_on"]["release"]["condition"]
        assert after == "service_completed_successfully"


def test_each_worker_has_its_own_address_and_state(compose: dict[str, Any]) -> None:
    """A canonical URL or a state folder in common would mix up the partitions' owners."""
    environments = [compose["services"][worker]["environment"] for worker in WORKERS]

    for name in ("WEB_PORT", "WEB_URL"):
        assert len({environment[name] for environment in environments}) == len(WORKERS)
    for worker, environment in zip(WORKERS, environments, strict=True):
        assert environment["WEB_URL"] == f"http://{worker}:{environment['WEB_PORT']}"
    assert len({compose["services"][worker]["volumes"][0] for worker in WORKERS}) == len(WORKERS)


def test_containers_can_do_no_more_than_they_must(compose: dict[str, Any]) -> None:
    """Read-only root, no capabilities, no new privileges, no dumps, and bounds, for all of them."""
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["ulimits"]["core"] == 0
        assert service["logging"]["options"]["max-size"]
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


def test_the_release_job_has_no_key_of_walmarts_and_no_way_out(compose: dict[str, Any]) -> None:
    """It makes topics and indexes; who took it over would find nothing else in it."""
    release = compose["services"]["release"]

    assert "env_file" not in release
    assert release["networks"] == ["storage"]
    assert not [name for name in release["environment"] if name.startswith(("WALMART", "WEB"))]


def test_no_bind_beyond_loopback_without_a_token(compose: dict[str, Any]) -> None:
    """Compose refuses to start without WEB_TOKEN, since the workers listen on all addresses."""
    for name in WORKERS:
        environment = compose["services"][name]["environment"]
        assert environment["WEB_HOST"] == "0.0.0.0"
        assert environment["WEB_TOKEN"].startswith("${WEB_TOKEN:?")


def test_compose_sets_only_settings_that_exist_and_no_secret(compose: dict[str, Any]) -> None:
    """Each variable for our image is a setting; whatever is secret comes from outside."""
    known = {name.upper() for name in Settings.model_fields}

    for name in (*WORKERS, "release"):
        environment = compose["services"][name]["environment"]
        assert set(environment) <= known
        assert "@" not in environment["MONGODB_URI"]
    assert "PASSWORD" not in (ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8")
