"""The promises of docker/compose.secure.yaml, read from the file: no engine is needed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docker import compose_file
from tests.docker.compose_file import DOCKER, FILE, FOLDER, given, mounted
from tests.hang import DEADLINE
from walmart_stream.settings import SECRETS, Settings

COMPOSE = compose_file.read()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NODES = ("kafka-1", "kafka-2", "kafka-3")
WORKERS = ("worker-1", "worker-2")
STAYS_UP = (*NODES, *WORKERS, "mongo")
JOBS = ("prepare", "kafka-format", "mongo-access", "kafka-access", "release", "reader")
# What any of them may set; whatever else one day comes in must be looked at first.
KNOWN_KEYS = {
    *("user", "read_only", "cap_drop", "security_opt", "tmpfs", "ulimits", "logging", "image"),
    *("build", "networks", "network_mode", "restart", "stop_grace_period", "entrypoint", "command"),
    *("environment", "env_file", "healthcheck", "deploy", "depends_on", "secrets", "configs"),
    *("volumes", "ports", "profiles"),
}

every_service = pytest.mark.parametrize("name", SERVICES)


def environment(name: str) -> dict[str, str]:
    return {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}


def words(value: Any) -> Iterator[str]:
    """Every text in a part of the file."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from (key, *words(one))
    elif isinstance(value, list):
        for one in value:
            yield from words(one)
    else:
        yield str(value)


def test_the_services_are_these() -> None:
    """A service that is added is added to the lists here, and so to every test below."""
    assert set(SERVICES) == {*STAYS_UP, *JOBS}


@every_service
def test_nobody_is_root_or_can_become_it(name: str) -> None:
    """A numeric user, no capabilities, none to be gained, and nothing of the host's own."""
    service = SERVICES[name]

    assert service["user"] == "10001:10001"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service) <= KNOWN_KEYS


@every_service
def test_the_root_file_system_is_read_only(name: str) -> None:
    """Besides its volumes there is /tmp, of limited size; only the JVM may run what is there."""
    service = SERVICES[name]

    assert service["read_only"] is True
    [temporary] = service["tmpfs"]
    options = set(temporary.removeprefix("/tmp:").split(","))
    assert {"nosuid", "nodev", "size=64m"} <= options
    assert ("noexec" in options) is not ("BROKER_IMAGE" in service["image"])


@every_service
def test_resources_and_logs_are_limited(name: str) -> None:
    """No service can take the whole machine, nor fill the disk with what it says."""
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    logging = SERVICES[name]["logging"]

    assert set(limits) == {"cpus", "memory", "pids"}
    assert {"max-size", "max-file"} <= set(logging["options"])
    assert SERVICES[name]["ulimits"]["core"] == 0


def test_images_are_those_of_the_other_compose_file_unless_a_digest_is_named() -> None:
    """The other file names the broker's version that the suite runs on, and the Dockerfile's."""
    other = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    known = {service["image"] for service in other.values()}
    named = {service["image"] for service in SERVICES.values()}
    bases = {
        service["build"]["args"]["PYTHON_IMAGE"]
        for service in SERVICES.values()
        if "build" in service
    }

    defaults = {re.sub(r"\$\{\w+:-(.*)\}", r"\1", image) for image in named}

    assert defaults == known
    assert len(bases) == 1
    [base] = re.findall(r"PYTHON_IMAGE:-(.*)\}", bases.pop())
    assert f"ARG PYTHON_IMAGE={base}\n" in (DOCKER / "Dockerfile").read_text(encoding="utf-8")


def test_only_the_web_views_are_published_and_only_on_loopback() -> None:
    """Brokers and database have no port on the host."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {
        "worker-1": ["127.0.0.1:6066:6066"],
        "worker-2": ["127.0.0.1:6067:6067"],
    }


def test_only_workers_have_a_way_out() -> None:
    """All else is on internal networks, with those it talks to, or on none."""
    networks = {name: set(service.get("networks", ())) for name, service in SERVICES.items()}
    modes = {name: service.get("network_mode") for name, service in SERVICES.items()}

    assert {name for name, own in networks.items() if "outside" in own} == set(WORKERS)
    assert {name for name, own in networks.items() if not own} == {
        "prepare",
        "kafka-format",
        "mongo-access",
    }
    assert modes["prepare"] == modes["kafka-format"] == "none"
    assert modes["mongo-access"] == "service:mongo"
    assert networks["mongo"] == {"database"}
    assert all(networks[node] == {"kafka"} for node in NODES)
    for name, network in COMPOSE["networks"].items():
        assert (network or {}).get("internal", False) is (name != "outside")


@every_service
def test_every_secret_is_a_file_that_the_service_is_given(name: str) -> None:
    """Secret settings are set by file only, each such file is mounted, and no other is."""
    service = SERVICES[name]
    files = given(service, "secrets")

    own = environment(name)
    named = set(re.findall(r"/run/secrets/[\w.-]+", " ".join(words(own))))

    # It must be set, and has no password here.
    assert set(own) & set(SECRETS) <= ({"MONGODB_URI"} if name == "kafka-access" else set())
    assert named <= set(files)
    assert {own[key] for key in own if key.endswith("_FILE")} <= set(files)
    assert set(files.values()) <= set(COMPOSE["secrets"])
    if name in (*WORKERS, "release", "reader"):
        # The connection string names the authority.
        assert set(files) == named | {"/run/secrets/mongo-ca.pem"}


def test_every_secret_is_made_in_the_folder_and_given_to_somebody() -> None:
    """None comes from the environment of who calls compose; no file of a name is left over."""
    used = {
        source for service in SERVICES.values() for source in given(service, "secrets").values()
    }

    assert set(COMPOSE["secrets"]) == used
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"{FOLDER}/secrets/{name}"}


def test_who_has_which_secret() -> None:
    """Administrators' passwords are with the jobs that give out passwords, nodes' keys with the
    nodes, and no long-lived service has more than its own login."""
    holders: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for source in given(service, "secrets").values():
            holders.setdefault(source, set()).add(name)

    assert holders["kafka-admin-password"] == {"kafka-access"}
    assert holders["kafka-admin-passwords-before"] == {"kafka-access"}
    assert holders["mongo-admin-password"] == {"mongo-access"}
    assert holders["mongo-admin-passwords-before"] == {"mongo-access"}
    assert holders["kafka-format"] == {"kafka-format"}
    assert holders["mongo.pem"] == {"mongo"}
    assert holders["web-token"] == set(WORKERS)
    for node in NODES:
        assert holders[f"{node}.pem"] == {node}
    for role, users in (("release", {"release"}), ("worker", set(WORKERS)), ("reader", {"reader"})):
        assert holders[f"kafka-{role}-password"] == {*users, "kafka-access"}
        assert holders[f"mongo-{role}-uri"] == {*users, "mongo-access"}


@every_service
def test_no_service_sees_more_of_the_folder_than_its_own(name: str) -> None:
    """The folder as a whole, with the authorities' keys, is for `prepare` alone; scripts and the
    keys that Walmart gave are read-only, and nothing else of the host is mounted."""
    service = SERVICES[name]
    sources = set(mounted(service).values())

    own = {f"{FOLDER}/data/{name}"} if name in STAYS_UP else set()
    allowed = {
        **dict.fromkeys(WORKERS, own | {f"{FOLDER}/walmart"}),
        "prepare": {FOLDER, "./secure", "./kafka"},
        "kafka-format": {"./secure", *(f"{FOLDER}/data/{node}" for node in NODES)},
        "mongo-access": {"./secure"},
        "kafka-access": {"./secure"},
    }.get(name, own)
    assert sources == allowed
    for volume in service.get("volumes", ()):
        source = volume.removesuffix(":ro").rsplit(":", 1)[0]
        assert volume.endswith(":ro") is (source.startswith("./") or source.endswith("/walmart"))


def test_no_secret_is_written_into_the_file() -> None:
    """Nothing looks like a password, a key or a token, and none is asked of the environment."""
    text = FILE.read_text(encoding="utf-8")
    code = "\n".join(line.partition(" #")[0] for line in text.splitlines())

    assert not re.search(r"[A-Za-z0-9_+/-]{32,}", re.sub(r"[\w./${}:?-]*/[\w./${}:?-]+", "", code))
    assert not re.search(r"://[^/\s]*@", code)
    assert set(re.findall(r"\$\{?(\w+)", code)) == {
        "DEPLOY_DIR",
        "BROKER_IMAGE",
        "DATABASE_IMAGE",
        "PYTHON_IMAGE",
    }


@pytest.mark.parametrize("name", [name for name in SERVICES if "build" in SERVICES[name]])
def test_all_that_is_set_for_our_image_is_a_setting(name: str) -> None:
    """A misspelt variable would be ignored, and what it was to secure be left open."""
    known = {key.upper() for key in Settings.model_fields} | {f"{key}_FILE" for key in SECRETS}

    assert set(environment(name)) <= known


@pytest.mark.parametrize("name", ["kafka-access", "release", "reader", *WORKERS])
def test_clients_talk_to_all_nodes_by_tls_and_password(name: str) -> None:
    """Each as the user of its own role; only the release role may make topics."""
    own = environment(name)
    users = {"kafka-access": "admin", "release": "release", "reader": "reader"}

    assert own["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    assert own["KAFKA_SASL_MECHANISM"] == "SCRAM-SHA-512"
    assert own["KAFKA_CA_FILE"] == "/run/secrets/kafka-ca.pem"
    assert own["KAFKA_BROKERS"] == ",".join(f"{node}:9092" for node in NODES)
    assert own["KAFKA_REPLICATION_FACTOR"] == "3"
    assert own["KAFKA_USERNAME"] == users.get(name, "worker")
    assert own["KAFKA_CREATE_TOPICS"] == ("true" if name == "release" else "false")


def test_all_that_stays_up_is_watched_and_started_again() -> None:
    """Brokers and database have a health check here, workers that of their image."""
    for name in STAYS_UP:
        assert SERVICES[name]["restart"] == "unless-stopped"
        assert ("healthcheck" in SERVICES[name]) is (name not in WORKERS)


def test_everything_starts_after_what_it_needs() -> None:
    """Storage is formatted before nodes start; users, permissions and topics are made before
    workers do; and no job that is run by hand is waited for."""
    needs = {
        name: {on: how["condition"] for on, how in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }
    done, healthy = "service_completed_successfully", "service_healthy"

    assert all(needs[node] == {"kafka-format": done} for node in NODES)
    assert needs["kafka-access"] == dict.fromkeys(NODES, healthy)
    assert needs["mongo-access"] == {"mongo": healthy}
    assert needs["release"] == {"kafka-access": done, "mongo-access": done}
    for worker in WORKERS:
        assert needs[worker] == {**dict.fromkeys((*NODES, "mongo"), healthy), "release": done}
    by_hand = {name for name, service in SERVICES.items() if "profiles" in service}
    assert by_hand == {"prepare", "reader"}


def test_every_file_that_is_mounted_from_the_repository_exists() -> None:
    """Docker would make an empty folder in its place."""
    sources = {source for service in SERVICES.values() for source in mounted(service).values()}
    files = {config["file"] for config in COMPOSE["configs"].values()}

    own = {source for source in sources | files if source.startswith("./")}

    assert len(own) == 4
    assert all((DOCKER / source).exists() for source in own)


def test_what_is_given_is_what_is_made(tmp_path: Path) -> None:
    """The two files speak of the same secrets, configurations and folders."""
    subprocess.run(
        [sys.executable, DOCKER / "secure" / "prepare.py", tmp_path], check=True, timeout=DEADLINE
    )

    assert {file.name for file in (tmp_path / "secrets").iterdir()} == set(COMPOSE["secrets"])
    sources = {source for service in SERVICES.values() for source in mounted(service).values()}
    files = {part["file"] for kind in ("secrets", "configs") for part in COMPOSE[kind].values()}
    for source in {source for source in sources | files if source.startswith(FOLDER)}:
        assert Path(source.replace(FOLDER, str(tmp_path))).exists(), source
