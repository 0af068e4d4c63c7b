"""docker/secure/prepare.py: what it makes, for whom, and what a second run leaves as it is."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from tests.docker.compose_file import DOCKER
from tests.hang import DEADLINE
from tests.real.certificates import Authority, joined
from walmart_stream.local.kafka import read_properties

SCRIPT = DOCKER / "secure" / "prepare.py"
NODES = ("kafka-1", "kafka-2", "kafka-3")


def prepare(folder: Path, *arguments: str, umask: int = 0) -> tuple[int, str]:
    """Exit code and all that it says."""
    done = subprocess.run(
        [sys.executable, SCRIPT, folder, *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        umask=umask,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module", name="made")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the first run leaves it; for looking at only."""
    folder = tmp_path_factory.mktemp("made")
    folder.chmod(0o755)
    assert prepare(folder) == (0, "")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "secrets" / f"{name}.pem").read_bytes())


def test_nobody_else_may_read_any_of_it(made: Path) -> None:
    """Whatever the umask and the mode of the folder were."""
    modes = {path: path.stat().st_mode & 0o777 for path in (made, *made.rglob("*"))}

    assert len(modes) > 30
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items())
    assert all(path.stat().st_uid == os.getuid() for path in modes)


@pytest.mark.parametrize(
    ("name", "authority", "host"),
    [*((node, "kafka", node) for node in NODES), ("mongo", "mongo", "mongo")],
)
def test_each_server_has_a_short_lived_certificate_for_its_own_name(
    made: Path, name: str, authority: str, host: str
) -> None:
    """It is accepted under that name, by those who trust its own authority, and by no others."""
    leaf = certificate(made, name)
    policy = PolicyBuilder()

    def verified(name_of_authority: str, subject: str) -> bool:
        store = Store([certificate(made, f"{name_of_authority}-ca")])
        verifier = policy.store(store).build_server_verifier(x509.DNSName(subject))
        try:
            verifier.verify(leaf, [])
        except x509.verification.VerificationError:
            return False
        return True

    assert verified(authority, host)
    assert not verified({"kafka": "mongo", "mongo": "kafka"}[authority], host)
    assert not verified(authority, "kafka-2" if host != "kafka-2" else "kafka-1")
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert timedelta(days=29) < life <= timedelta(days=31)


def test_only_nodes_can_show_a_certificate_as_clients(made: Path) -> None:
    """Nodes are superusers by their CN; the database's certificate is a server's only."""
    for node in NODES:
        leaf = certificate(made, node)
        [cn] = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert cn.value == "kafka"
        assert ExtendedKeyUsageOID.CLIENT_AUTH in usage
    usage = certificate(made, "mongo").extensions.get_extension_for_class(x509.ExtendedKeyUsage)

    assert list(usage.value) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_authorities_sign_servers_and_no_further_authorities(made: Path) -> None:
    """Their private keys are in a folder of their own, and nowhere else."""
    for name in ("kafka", "mongo"):
        own = certificate(made, f"{name}-ca")
        limits = own.extensions.get_extension_for_class(x509.BasicConstraints).value
        key = (made / "authorities" / f"{name}.key").read_text(encoding="ascii").splitlines()[1]
        assert limits.ca
        assert limits.path_length == 0
        holders = [file for file, text in contents(made).items() if key.encode() in text]
        assert holders == [f"authorities/{name}.key"]


def test_all_passwords_are_different_and_long(made: Path) -> None:
    """256 random bits each; none is in the configuration."""
    texts = {file: text.decode() for file, text in contents(made).items()}
    passwords = [
        text.partition("@")[0].rpartition(":")[2]
        for file, text in texts.items()
        if file.endswith(("-password", "-uri", "web-token"))
    ]

    assert len(passwords) == len(set(passwords)) == 9
    assert all(len(password) == 43 for password in passwords)
    for file, text in texts.items():
        if file.startswith(("config/", "walmart")):
            assert not any(password in text for password in passwords)


def test_a_cluster_is_three_nodes_that_differ_in_name_and_number_only(made: Path) -> None:
    """All else is that of the node which the suite tests; two copies make a write."""
    nodes = [read_properties(made / "config" / f"{node}.properties") for node in NODES]
    base = read_properties(DOCKER / "kafka" / "secure-node.properties")

    different = {name for name in nodes[0] if len({node[name] for node in nodes}) > 1}
    changed = {name for name in nodes[0] if nodes[0][name] != base.get(name)}

    assert different == {"node.id", "advertised.listeners", "log.dirs"}
    assert {node["min.insync.replicas"] for node in nodes} == {"2"}
    assert {node["default.replication.factor"] for node in nodes} == {"3"}
    assert {node["sasl.enabled.mechanisms"] for node in nodes} == {"SCRAM-SHA-512"}
    for kept in ("authorizer.class.name", "super.users", "listener.security.protocol.map"):
        assert kept not in changed
    assert nodes[0]["allow.everyone.if.no.acl.found"] == "false"


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """So it can be run as often as one likes."""
    prepare(tmp_path)
    before = contents(tmp_path)

    assert prepare(tmp_path) == (0, "")

    assert contents(tmp_path) == before


def test_what_the_operator_wrote_stays(tmp_path: Path) -> None:
    """Walmart's keys are not ours to make."""
    prepare(tmp_path)
    (tmp_path / "walmart.env").write_text("WALMART_CONSUMER_ID=x\n")
    (tmp_path / "walmart" / "private-key.pem").write_text("key")

    prepare(tmp_path, "--rotate")

    assert (tmp_path / "walmart.env").read_text() == "WALMART_CONSUMER_ID=x\n"
    assert (tmp_path / "walmart" / "private-key.pem").read_text() == "key"


def test_rotation_changes_every_password_and_keeps_the_administrators_former_ones(
    tmp_path: Path,
) -> None:
    """Until the servers are told, they know no other; certificates and the cluster stay."""
    prepare(tmp_path)
    before = contents(tmp_path)

    assert prepare(tmp_path, "--rotate") == (0, "")
    assert prepare(tmp_path, "--rotate") == (0, "")

    after = contents(tmp_path)
    changed = {file for file in before if before[file] != after[file]}
    assert changed == {
        *(f"secrets/kafka-{user}-password" for user in ("admin", "release", "worker", "reader")),
        *(f"secrets/mongo-{role}-uri" for role in ("release", "worker", "reader")),
        *(f"secrets/{server}-admin-passwords-before" for server in ("kafka", "mongo")),
        *("secrets/mongo-admin-password", "secrets/kafka-format", "secrets/web-token"),
    }
    for server in ("kafka", "mongo"):
        former = after[f"secrets/{server}-admin-passwords-before"].split()
        assert len(former) == 2
        assert former[-1] == before[f"secrets/{server}-admin-password"]


def test_certificates_are_renewed_when_names_change_or_they_are_of_another_authority(
    tmp_path: Path,
) -> None:
    """Each for a reason of its own; the authorities stay."""
    prepare(tmp_path)
    before = contents(tmp_path)
    foreign = Authority(tmp_path / "foreign", "foreign").issue("kafka", host="kafka-1")
    joined(tmp_path, foreign).replace(tmp_path / "secrets" / "kafka-1.pem")

    prepare(tmp_path)
    healed = contents(tmp_path)
    prepare(tmp_path, "--also-for", "10.0.0.7", "--also-for", "kafka.example")
    renamed = contents(tmp_path)

    assert healed["secrets/kafka-1.pem"] != before["secrets/kafka-1.pem"]
    assert healed["secrets/kafka-2.pem"] == before["secrets/kafka-2.pem"]
    for name in (*NODES, "mongo"):
        assert renamed[f"secrets/{name}.pem"] != healed[f"secrets/{name}.pem"]
    for name in ("kafka-ca", "mongo-ca"):
        assert renamed[f"secrets/{name}.pem"] == before[f"secrets/{name}.pem"]


@pytest.mark.parametrize(
    ("days", "renewed", "warned"), [(9, False, 0), (11, True, 0), (24, True, 1)]
)
def test_certificates_are_renewed_when_a_third_of_their_life_is_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], days: int, renewed: bool, warned: int
) -> None:
    """And the check, which changes nothing, fails when one ends within a week."""
    prepare(tmp_path)
    before = contents(tmp_path)
    main = runpy.run_path(str(SCRIPT))["main"]
    later = datetime.now(UTC) + timedelta(days=days)
    umask = os.umask(0)

    try:
        code = main([str(tmp_path), "--check"], now=later)
        unchanged = contents(tmp_path) == before
        main([str(tmp_path)], now=later)
    finally:
        os.umask(umask)

    assert code == warned
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert unchanged
    after = contents(tmp_path)
    assert {file for file in before if before[file] != after[file]} == (
        {f"secrets/{name}.pem" for name in (*NODES, "mongo")} if renewed else set()
    )


def test_an_authority_is_never_replaced_unasked(tmp_path: Path) -> None:
    """Its key is kept elsewhere and everybody trusts its certificate, so it must not change."""
    prepare(tmp_path)
    (tmp_path / "authorities" / "kafka.key").unlink()
    before = contents(tmp_path)

    code, said = prepare(tmp_path)

    assert code == 1
    assert "put it back" in said
    assert contents(tmp_path) == before
