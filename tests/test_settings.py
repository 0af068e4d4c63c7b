"""Settings: read once, checked as a whole, and silent about secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from walmart_stream.settings import SECRETS, Settings, SettingsError, load_settings

NEEDED = {
    "KAFKA_BROKERS": "unreachable.invalid:9092",
    "MONGODB_URI": "mongodb://unreachable.invalid",
}
NO_FILE = Path("does/not/exist/.env")


def load(**environ: str) -> Settings:
    return load_settings({**NEEDED, **environ}, NO_FILE)


def private_file(path: Path, text: str = "") -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(environ: dict[str, str], env_file: Path = NO_FILE) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, env_file)
    return caught.value.faults


def names_in(faults: list[str]) -> set[str]:
    return {fault.partition(":")[0] for fault in faults}


def test_the_defaults_are_those_of_the_contract() -> None:
    """With brokers and database given nothing else is needed."""
    settings = load()

    assert settings.model_dump(
        include={
            "kafka_partitions",
            "kafka_replication_factor",
            "kafka_create_topics",
            "kafka_security_protocol",
            "mongodb_database",
            "walmart_affiliate_daily_calls",
            "walmart_affiliate_calls_per_second",
            "app_id",
            "store",
            "web_host",
            "web_port",
            "log_format",
            "window_size",
        }
    ) == {
        "kafka_partitions": 12,
        "kafka_replication_factor": 1,
        "kafka_create_topics": True,
        "kafka_security_protocol": "PLAINTEXT",
        "mongodb_database": "walmart",
        "walmart_affiliate_daily_calls": 5000,
        "walmart_affiliate_calls_per_second": 5,
        "app_id": "walmart-stream",
        "store": "memory",
        "web_host": "127.0.0.1",
        "web_port": 6066,
        "log_format": "text",
        "window_size": 3600,
    }


def test_every_setting_of_the_contract_is_one() -> None:
    """The names that operators rely on."""
    # fmt: off
    names = {
        "KAFKA_BROKERS", "KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_MECHANISM", "KAFKA_USERNAME",
        "KAFKA_PASSWORD", "KAFKA_CA_FILE", "KAFKA_CERT_FILE", "KAFKA_KEY_FILE",
        "KAFKA_PARTITIONS", "KAFKA_REPLICATION_FACTOR", "KAFKA_CREATE_TOPICS", "MONGODB_URI",
        "MONGODB_DATABASE", "WALMART_AFFILIATE_URL", "WALMART_CONSUMER_ID",
        "WALMART_KEY_VERSION", "WALMART_PRIVATE_KEY", "WALMART_PUBLISHER_ID",
        "WALMART_AFFILIATE_DAILY_CALLS", "WALMART_AFFILIATE_CALLS_PER_SECOND",
        "WALMART_SELLER_URL", "WALMART_CLIENT_ID", "WALMART_CLIENT_SECRET",
        "WALMART_WEBHOOK_SECRET", "APP_ID", "DATA_DIR", "STORE", "WEB_HOST", "WEB_PORT",
        "WEB_TOKEN", "LOG_FORMAT", "POLL_INTERVAL_MIN", "POLL_INTERVAL_MAX", "PRICE_KNOWN_FOR",
        "WINDOW_SIZE",
    }
    # fmt: on

    assert {name.lower() for name in names} <= set(Settings.model_fields)


def test_a_price_is_known_for_three_poll_intervals_unless_it_is_set() -> None:
    """In seconds; a change of POLL_INTERVAL_MAX alone need not change what windows count."""
    three = load(POLL_INTERVAL_MAX="1200.5")
    own = load(POLL_INTERVAL_MAX="1200", PRICE_KNOWN_FOR="86400")

    assert (three.price_known_for, own.price_known_for) == (3601.5, 86_400)
    assert faults_of({**NEEDED, "PRICE_KNOWN_FOR": "0"}) == [
        "PRICE_KNOWN_FOR: Input should be greater than 0"
    ]


def test_what_is_missing_is_named_at_once() -> None:
    """An empty value is as good as none."""
    assert faults_of({"MONGODB_URI": ""}) == ["KAFKA_BROKERS: missing", "MONGODB_URI: missing"]


def test_every_fault_is_named_in_one_message(tmp_path: Path) -> None:
    """Also those between two settings while others are wrong in themselves."""
    environ = {
        "KAFKA_BROKERS": "broker-without-port",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "GSSAPI",
        "KAFKA_CA_FILE": str(tmp_path / "ca.pem"),
        "KAFKA_KEY_FILE": str(tmp_path / "key.pem"),
        "KAFKA_PARTITIONS": "many",
        "KAFKA_REPLICATION_FACTOR": "0",
        "KAFKA_CREATE_TOPICS": "perhaps",
        "MONGODB_DATABASE": "a.b",
        "WALMART_AFFILIATE_URL": "ftp://example.invalid",
        "WALMART_CONSUMER_ID": "somebody",
        "WALMART_AFFILIATE_DAILY_CALLS": "-1",
        "WALMART_AFFILIATE_CALLS_PER_SECOND": "nan",
        "WALMART_CLIENT_ID": "somebody",
        "APP_ID": "two words",
        "STORE": "disk",
        "WEB_PORT": "70000",
        "WEB_TOKEN_FILE": str(tmp_path / "token"),
        "LOG_FORMAT": "xml",
        "POLL_INTERVAL_MIN": "60",
        "POLL_INTERVAL_MAX": "59",
        "WINDOW_SIZE": "0",
    }

    faults = faults_of(environ)

    wrong = environ.keys() - {
        "KAFKA_SECURITY_PROTOCOL",
        "WALMART_CONSUMER_ID",
        "WALMART_CLIENT_ID",
        "POLL_INTERVAL_MIN",
    }
    follow = {
        "KAFKA_USERNAME",
        "KAFKA_PASSWORD",
        "MONGODB_URI",
        "WALMART_PRIVATE_KEY",
        "WALMART_CLIENT_SECRET",
    }
    assert names_in(faults) == wrong | follow
    assert str(SettingsError(faults)).count("\n") == len(faults)


def test_no_message_and_no_repr_holds_a_secret() -> None:
    """Neither that of a fault nor that of settings that are fine."""
    environ = dict.fromkeys(SECRETS, "s3cr3t-value")

    faults = faults_of({**NEEDED, **environ, "KAFKA_BROKERS": "user:s3cr3t-value@host:9092"})
    environ |= {"MONGODB_URI": "mongodb://u:s3cr3t-value@unreachable.invalid",
                "ALERT_CHANNELS": "ops=https://h.invalid/?secret=s3cr3t-value",
                "MONGODB_FIELD_KEYS": "s3cr3t-value".ljust(43, "-") + "="}  # fmt: skip
    settings = load(**environ, WALMART_CONSUMER_ID="c", WALMART_CLIENT_ID="c")

    wrong = {"KAFKA_BROKERS", "MONGODB_URI", "MONGODB_FIELD_KEYS", "WALMART_PRIVATE_KEY"}
    assert wrong <= names_in(faults)
    assert "s3cr3t" not in str(SettingsError(faults))
    assert "s3cr3t" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    "brokers",
    ["host", "host:", ":9092", "host:0", "host:65536", "host:9o92", "http://host:9092", "host:٣"],
)
def test_brokers_are_host_and_port(brokers: str) -> None:
    """A wrong one is told by its place, since it may be anything."""
    faults = faults_of({**NEEDED, "KAFKA_BROKERS": f"good:9092,{brokers}"})

    assert faults == ["KAFKA_BROKERS: entry 2 is not host:port"]


def test_several_brokers_are_separated_by_commas() -> None:
    """Spaces and a comma at the end do no harm."""
    settings = load(KAFKA_BROKERS="a:1, b.example:2 ,[::1]:3,")

    assert settings.kafka_brokers == ("a:1", "b.example:2", "[::1]:3")


def test_sasl_needs_user_and_password() -> None:
    """And other protocols do not."""
    for protocol in ("SASL_PLAINTEXT", "SASL_SSL"):
        faults = faults_of(
            {**NEEDED, "KAFKA_BROKERS": "localhost:9092", "KAFKA_SECURITY_PROTOCOL": protocol}
        )
        assert names_in(faults) == {"KAFKA_USERNAME", "KAFKA_PASSWORD"}

    assert load(KAFKA_SECURITY_PROTOCOL="SSL").kafka_password is None


def test_sasl_over_plaintext_must_be_allowed_beyond_loopback() -> None:
    """One broker that is elsewhere is enough to refuse it."""
    login = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_USERNAME": "me",
        "KAFKA_PASSWORD": "s3cret",
    }
    elsewhere = {**NEEDED, **login, "KAFKA_BROKERS": "127.0.0.1:9092,kafka.example:9092"}

    [fault] = faults_of(elsewhere)

    assert fault.startswith("KAFKA_ALLOW_PLAINTEXT_SASL: ")
    assert "SASL_SSL" in fault
    assert load(**login, KAFKA_BROKERS="127.0.0.1:9092,[::1]:9092,localhost:9092")
    assert load(**elsewhere, KAFKA_ALLOW_PLAINTEXT_SASL="true")
    assert load(**{**elsewhere, "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})


def test_a_secret_can_stand_in_a_file(tmp_path: Path) -> None:
    """NAME_FILE; the line end is not part of it."""
    file = private_file(tmp_path / "uri", "mongodb://u:p@unreachable.invalid\n")
    environ = {"KAFKA_BROKERS": "a:1", "MONGODB_URI_FILE": str(file)}

    settings = load_settings(environ, NO_FILE)

    assert settings.mongodb_uri.get_secret_value() == "mongodb://u:p@unreachable.invalid"


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_can_stand_in_a_file(name: str, tmp_path: Path) -> None:
    """All secrets, and all in the same way."""
    of_a_form = {
        "MONGODB_FIELD_KEYS": "k" * 43 + "=",
        "ALERT_CHANNELS": "ops=https://in-the-file.invalid/?secret=s",
    }
    secret = of_a_form.get(name, "mongodb://in-the-file")
    file = private_file(tmp_path / "secret", secret)
    environ = {"WALMART_CONSUMER_ID": "c", "WALMART_CLIENT_ID": "c", "WALMART_PRIVATE_KEY": "k",
               "WALMART_CLIENT_SECRET": "s", **NEEDED}  # fmt: skip
    environ.pop(name, None)

    settings = load_settings({**environ, f"{name}_FILE": str(file)}, NO_FILE)

    assert getattr(settings, name.lower()).get_secret_value() == secret


def test_a_secret_and_its_file_at_once_are_a_fault(tmp_path: Path) -> None:
    """Nobody could tell which one counts."""
    file = tmp_path / "token"
    file.write_text("x", encoding="utf-8")

    faults = faults_of({**NEEDED, "WEB_TOKEN": "y", "WEB_TOKEN_FILE": str(file)})

    assert faults == ["WEB_TOKEN, WEB_TOKEN_FILE: set only one of them"]


def test_a_secret_file_that_cannot_be_used_is_one_fault(tmp_path: Path) -> None:
    """Unreadable, no text, or empty: the secret is not reported missing on top."""
    garbage, empty = private_file(tmp_path / "garbage"), private_file(tmp_path / "empty", " \n")
    garbage.write_bytes(b"\xff\xfe\x00")

    found = {
        str(path): faults_of({"KAFKA_BROKERS": "a:1", "MONGODB_URI_FILE": str(path)})
        for path in (tmp_path / "absent", tmp_path, garbage, empty)
    }

    assert all(len(faults) == 1 for faults in found.values())
    assert all(faults[0].startswith("MONGODB_URI_FILE: ") for faults in found.values())


def test_a_dotenv_file_is_read_below_the_environment(tmp_path: Path) -> None:
    """The environment wins over the file; an empty value decides nothing."""
    file = tmp_path / ".env"
    file.write_text(
        "# a comment\nKAFKA_BROKERS=in-file:1\nexport APP_ID=in-file\n"
        "MONGODB_URI='mongodb://u:${HOME}$x@in-file'\nWEB_PORT=1234\nSTORE=\n",
        encoding="utf-8",
    )

    settings = load_settings({"APP_ID": "in-environment", "WEB_PORT": ""}, file)

    assert settings.kafka_brokers == ("in-file:1",)
    assert settings.app_id == "in-environment"
    assert settings.web_port == 1234
    assert settings.store == "memory"
    assert settings.mongodb_uri.get_secret_value() == "mongodb://u:${HOME}$x@in-file"


def test_a_secret_in_the_environment_replaces_a_file_named_in_dotenv(tmp_path: Path) -> None:
    """And the other way round: the two spellings are one setting."""
    file, secret = tmp_path / ".env", private_file(tmp_path / "token", "from-file")

    file.write_text(f"WEB_TOKEN_FILE={secret}\n", encoding="utf-8")
    by_value = load_settings({**NEEDED, "WEB_TOKEN": "from-environment"}, file).web_token
    file.write_text("WEB_TOKEN=from-dotenv\n", encoding="utf-8")
    by_file = load_settings({**NEEDED, "WEB_TOKEN_FILE": str(secret)}, file).web_token

    assert by_value is not None
    assert by_value.get_secret_value() == "from-environment"
    assert by_file is not None
    assert by_file.get_secret_value() == "from-file"


def test_a_dotenv_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    """Not a stack trace, and the rest is checked anyway."""
    file = tmp_path / ".env"
    file.write_bytes(b"\xff\xfe\x00")

    assert names_in(faults_of({"KAFKA_BROKERS": "a:1"}, file)) == {".env", "MONGODB_URI"}


def test_the_database_is_a_mongodb() -> None:
    """Both forms of its URI."""
    assert load(MONGODB_URI="mongodb+srv://cluster.invalid").mongodb_database == "walmart"
    assert names_in(faults_of({**NEEDED, "MONGODB_URI": "postgres://x"})) == {"MONGODB_URI"}


def test_names_are_those_of_the_environment_only() -> None:
    """Other variables of the environment are none of ours."""
    assert load(kafka_partitions="3", PATH="/bin").kafka_partitions == 12


@pytest.mark.parametrize("between", [",", "\n", " , \n"])
def test_keys_of_stored_fields_are_checked_and_not_shown(between: str) -> None:
    """Each that is none is named by its place."""
    good = "k" * 43 + "="

    settings = load(MONGODB_FIELD_KEYS=f"{good}{between}{good}")
    faults = faults_of({**NEEDED, "MONGODB_FIELD_KEYS": between.join([good, "s3cr3t", good[1:]])})

    assert settings.mongodb_field_keys is not None
    assert [fault.partition(" must be ")[0] for fault in faults] == [
        "MONGODB_FIELD_KEYS: key 2",
        "MONGODB_FIELD_KEYS: key 3",
    ]
    assert "s3cr3t" not in str(SettingsError(faults))
    assert "kkk" not in str(SettingsError(faults))


def test_weights_of_tags_are_read_as_tags_are_compared() -> None:
    """Case, width and blanks do not matter; a wrong weight says what would be right."""
    found = load(POLL_TAG_WEIGHTS=" Hot  Deals=4, ｓｌｏｗ=0.25,")

    assert found.tag_weights == {"hot deals": 4.0, "slow": 0.25}
    for wrong in ("hot", "hot=", "=4", "hot=0", "hot=17", "hot=-1", "hot=nan", "hot=x"):
        (fault,) = faults_of({**NEEDED, "POLL_TAG_WEIGHTS": wrong})
        assert "TAG=WEIGHT" in fault
