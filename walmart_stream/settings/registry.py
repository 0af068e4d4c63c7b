"""Every setting of the program: its name, type, default, meaning and limits."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from walmart_stream.credentials import channels, mongodb
from walmart_stream.credentials.files import ExposedFile, require_private

AFFILIATE_URL = "https://developer.api.walmart.com/api-proxy/service/affil/product/v2"
SELLER_URL = "https://marketplace.walmartapis.com"
# Where Walmart keeps reports: signed links to them may lead to any of these.
DOWNLOAD_HOSTS = "walmart.com,walmartapis.com,blob.core.windows.net,storage.googleapis.com"
SECONDS_PER_DAY = 86_400
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def _split_list(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


_BROKER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")


def _check_brokers(brokers: tuple[str, ...]) -> tuple[str, ...]:
    # Named by position: a wrong value may contain a password.
    faults = [
        f"entry {number} is not host:port"
        for number, broker in enumerate(brokers, 1)
        if not (match := _BROKER.fullmatch(broker)) or not 0 < int(match[1]) < 65536
    ]
    if faults:
        raise ValueError("\n".join(faults))
    return brokers


def _in_plaintext(uri: str) -> bool:
    return not mongodb.has_tls(uri) and not LOOPBACK_HOSTS.issuperset(mongodb.hosts(uri))


def _check_tls_files(uri: str) -> None:
    options = mongodb.options(uri)
    for name in ("tlsCAFile", "tlsCertificateKeyFile"):
        path = options.get(name.lower())
        if path is not None and not Path(path).is_file():
            raise ValueError(f"{name}: no such file: {path}")
        if path is not None and name == "tlsCertificateKeyFile":
            try:
                require_private(Path(path))
            except ExposedFile as exc:
                raise ValueError(f"{name}: {exc}") from None


def _open_days(info: ValidationInfo) -> float:
    """For how long a silent item may have windows that are yet to be closed."""
    known_for: float = info.data.get("price_known_for", 0)
    width: int = info.data.get("window_size", 0)
    return (known_for + 2 * width) / SECONDS_PER_DAY


_OTHER_OF_PAIR = {
    "kafka_key_file": "kafka_cert_file",
    "walmart_private_key": "walmart_consumer_id",
    "walmart_client_secret": "walmart_client_id",
}


# Weights that a tag may give. Polls follow the square root: 16 means four times as often, and more
# would take most calls from all other items.
LEAST_WEIGHT, MOST_WEIGHT = 1 / 8, 16.0


class Settings(BaseModel):
    """The configuration of one process. Times are seconds."""

    model_config = ConfigDict(
        frozen=True, hide_input_in_errors=True, allow_inf_nan=False, validate_default=True
    )

    # -- Kafka
    kafka_brokers: Annotated[
        tuple[str, ...], BeforeValidator(_split_list), AfterValidator(_check_brokers)
    ] = Field(min_length=1, description="Bootstrap servers, host:port separated by commas.")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to connect to the brokers."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How to log in, with SASL_PLAINTEXT and SASL_SSL."
    )
    kafka_username: str | None = Field(None, description="SASL user.")
    kafka_password: SecretStr | None = Field(None, description="SASL password.")
    kafka_ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed the brokers' certificates."
    )
    kafka_cert_file: Path | None = Field(None, description="PEM client certificate (mutual TLS).")
    kafka_key_file: Path | None = Field(None, description="PEM key of the client certificate.")
    kafka_key_password: SecretStr | None = Field(
        None, description="Passphrase of KAFKA_KEY_FILE, if it is encrypted."
    )
    kafka_allow_plaintext_sasl: bool = Field(
        False,
        description="Allow SASL_PLAINTEXT beyond loopback, although anybody on the network can "
        "read it.",
    )
    kafka_partitions: int = Field(
        12, ge=1, le=10_000, description="Partitions of every topic; permanent once created."
    )
    kafka_replication_factor: int = Field(1, ge=1, le=32, description="Copies of every partition.")
    kafka_create_topics: bool = Field(True, description="Create missing topics at start.")
    kafka_retention_days: float = Field(
        90, gt=0, description="How long the raw topic, results and dead letters are kept."
    )
    kafka_session_timeout: float = Field(
        30, ge=6, le=300, description="A worker that is silent for this long loses its partitions."
    )

    # -- MongoDB
    mongodb_uri: SecretStr = Field(description="Connection string, credentials included.")
    mongodb_database: str = Field(
        "walmart", pattern=r"^[A-Za-z0-9_-]{1,63}$", description="Database of the results."
    )
    mongodb_field_keys: SecretStr | None = Field(
        None,
        description="Fernet keys, newest first, that encrypt stored fields private to the "
        "seller; unset: no field is encrypted.",
    )

    # -- Walmart, affiliate side
    walmart_allow_other_hosts: bool = Field(
        False,
        description="Allow API addresses that are neither Walmart's own nor on this machine; "
        "whoever listens there receives the credentials.",
    )
    walmart_affiliate_url: str = Field(
        AFFILIATE_URL, pattern=r"^https?://", description="Base URL of the Affiliate API."
    )
    walmart_consumer_id: str | None = Field(None, description="Consumer id from walmart.io.")
    walmart_key_version: str = Field("1", description="Version of the uploaded public key.")
    walmart_private_key: SecretStr | None = Field(None, description="RSA private key, PEM.")
    walmart_publisher_id: str | None = Field(None, description="Impact Radius publisher id.")
    walmart_affiliate_daily_calls: int = Field(
        5000, ge=1, description="Calls a day that Walmart grants this consumer id."
    )
    walmart_affiliate_calls_per_second: float = Field(
        5, gt=0, description="Calls a second, for all workers together."
    )

    # -- Walmart, seller side
    walmart_seller_url: str = Field(
        SELLER_URL, pattern=r"^https?://", description="Base URL of the Marketplace Seller API."
    )
    walmart_download_hosts: Annotated[tuple[str, ...], BeforeValidator(_split_list)] = Field(
        DOWNLOAD_HOSTS,  # type: ignore[arg-type]  # validated like any other value
        description="Hosts (with their subdomains) that links to reports may lead to, separated"
        " by commas.",
    )
    walmart_client_id: str | None = Field(None, description="OAuth client id of the seller.")
    walmart_client_secret: SecretStr | None = Field(None, description="OAuth client secret.")
    walmart_webhook_secret: SecretStr | None = Field(
        None, description="Shared secret of incoming webhooks; unset: webhooks are refused."
    )
    walmart_webhook_auth: Literal["ANY", "BASIC_AUTH", "HMAC", "OAUTH"] = Field(
        "ANY", description="How webhooks prove that their sender knows the secret."
    )
    walmart_webhook_user: str | None = Field(
        None, description="User (BASIC_AUTH) or client id (OAUTH) of webhooks; unset: any."
    )
    walmart_webhook_header: str = Field(
        "Authorization",
        pattern=r"^[A-Za-z0-9!#$%&'*+.^_|~-]{1,100}$",
        description="Header in which webhooks carry their proof.",
    )
    walmart_webhook_signed_time: bool = Field(
        False, description="Refuse webhooks without a signed timestamp."
    )
    walmart_webhook_max_age: float = Field(
        300, gt=0, description="A signed timestamp may differ from the present time by this much."
    )

    # -- The program
    app_id: str = Field(
        "walmart-stream",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="Consumer group and prefix of the changelog topics.",
    )
    data_dir: Path = Field(
        Path("data"), description="Folder of local state, with one folder for each worker."
    )
    kafka_delivery: Literal["batch", "event"] = Field(
        "batch",
        description="Records that an agent receives at once: batch (all fetched ones of a "
        "partition) or event (a single one, many times slower).",
    )
    store: Literal["memory", "rocksdb"] = Field(
        "memory",
        description="Where the worker keeps its tables; rocksdb keeps them on disk in DATA_DIR.",
    )
    table_standby_replicas: int = Field(
        0,
        ge=0,
        le=10,
        description="Number of other workers that keep a copy of each table partition.",
    )
    web_host: str = Field("127.0.0.1", description="Address that the web views listen on.")
    web_port: int = Field(6066, ge=1, le=65535, description="Port of the web views.")
    web_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="URL at which other workers reach this one; unset: http://WEB_HOST:WEB_PORT.",
    )
    web_token: SecretStr | None = Field(None, description="Bearer token of the web views.")
    web_trust_proxy: bool = Field(
        False,
        description="Only a proxy that checks its callers reaches the web views. Its callers "
        "may read without WEB_TOKEN, and its X-Forwarded-For is believed.",
    )
    alert_channels: SecretStr | None = Field(
        None,
        description="Alert channels, NAME=URL separated by commas: https:// with ?secret= is a "
        "signed webhook, any other URL one of apprise.",
    )
    alert_private_addresses: bool = Field(
        False,
        description="Allow alert webhooks to addresses that are not public, and over plain HTTP.",
    )
    alert_messages_per_hour: int = Field(
        20,
        ge=2,
        le=10_000,
        description="Messages that a channel gets in an hour; further alerts become one digest.",
    )
    log_format: Literal["text", "json"] = Field("text", description="Format of the log.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest severity that is logged."
    )
    poll_schedule: Literal["learning", "even"] = Field(
        "learning",
        description="How calls are divided among items: learning gives more to items that "
        "change more often, even treats all alike.",
    )
    poll_tag_weights: str = Field(
        "",
        description="How much changes of items with a tag count, TAG=WEIGHT separated by "
        "commas: weight 4 polls them twice as often, 0.25 half as often.",
    )
    poll_interval_min: float = Field(
        60, gt=0, description="An item is polled at most once in this time."
    )
    poll_interval_max: float = Field(
        28_800,
        gt=0,
        description="An item is polled at least once in this time if the calls allow it; with "
        "learning, at least every three even intervals where that is less.",
    )
    missing_after_polls: int = Field(
        3,
        ge=1,
        le=1000,
        description="An item that Walmart leaves out or refuses this many times in a row is "
        "unavailable.",
    )
    missing_after: float | None = Field(
        None,
        gt=0,
        description="But only after it has been missing for this long; unset: an hour, or "
        "POLL_INTERVAL_MAX where that is less.",
    )
    observation_max_ahead: float = Field(
        600,
        ge=1,
        le=86_400,
        description="An observation whose time is further ahead of its Kafka timestamp is a "
        "dead letter. All workers, verify and replay must use the same value.",
    )
    seller_poll_interval: float = Field(
        900, gt=0, description="Time between two readings of the seller's own items."
    )
    seller_report_interval: float = Field(
        3600,
        gt=0,
        description="Time between two buy-box reports; Walmart takes up to 45 minutes for one.",
    )
    seller_insights_interval: float = Field(
        3600,
        gt=0,
        description="Time between two readings of Walmart's pricing insights, at 50 items a "
        "minute.",
    )
    bad_input_limit: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Number of a partition's last records that are checked: if more than nine in "
        "ten are bad input, it is parked.",
    )
    dead_letter_days: float = Field(
        30,
        gt=0,
        le=36_500,
        description="How long MongoDB keeps dead letters; KAFKA_RETENTION_DAYS is for their topic.",
    )
    price_known_for: float = Field(
        None,
        gt=0,
        validate_default=True,
        description="How long a price counts as known after it was seen; unset: three times "
        "POLL_INTERVAL_MAX.",
    )
    window_size: int = Field(3600, ge=1, le=604_800, description="Width of the price windows.")
    forget_after_days: float = Field(
        None,
        gt=0,
        validate_default=True,
        description="An item that was not observed for so long, and is not the seller's own, is "
        "new when it is observed again; one that is not watched leaves the tables after twice as "
        "long. Unset: KAFKA_RETENTION_DAYS, so that the raw topic holds nothing of it any more.",
    )

    # A rule on two settings is checked at the later one. A model validator would report nothing
    # while any single setting is wrong.

    @field_validator("kafka_username", "kafka_password")
    @classmethod
    def _needed_for_sasl(cls, value: Any, info: ValidationInfo) -> Any:
        protocol = info.data.get("kafka_security_protocol", "")
        if protocol.startswith("SASL") and not value:
            raise ValueError(f"needed for {protocol}")
        return value

    @field_validator("kafka_allow_plaintext_sasl")
    @classmethod
    def _needed_for_plaintext_sasl(cls, value: bool, info: ValidationInfo) -> bool:
        hosts = [
            broker.rpartition(":")[0].strip("[]") for broker in info.data.get("kafka_brokers", ())
        ]
        protocol = info.data.get("kafka_security_protocol")
        if protocol == "SASL_PLAINTEXT" and not value and not LOOPBACK_HOSTS.issuperset(hosts):
            raise ValueError(
                "with KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT anybody on the network can read the "
                "password; use SASL_SSL, or set this to true"
            )
        return value

    @field_validator("kafka_ca_file", "kafka_cert_file", "kafka_key_file")
    @classmethod
    def _is_a_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"no such file: {value}")
        return value

    @field_validator("kafka_key_file")
    @classmethod
    def _is_private(cls, value: Path | None) -> Path | None:
        if value is not None:
            require_private(value)
        return value

    @field_validator("kafka_key_file", "walmart_private_key", "walmart_client_secret")
    @classmethod
    def _in_pairs(cls, value: Any, info: ValidationInfo) -> Any:
        other = _OTHER_OF_PAIR[str(info.field_name)]
        if other in info.data and bool(info.data[other]) != bool(value):
            raise ValueError(f"set both this and {other.upper()}, or neither")
        return value

    @field_validator("mongodb_uri")
    @classmethod
    def _is_mongodb(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("must start with mongodb:// or mongodb+srv://")
        uri = value.get_secret_value()
        _check_tls_files(uri)
        mechanism = mongodb.options(uri).get("authmechanism", "")
        if mechanism.upper() == "PLAIN" and _in_plaintext(uri):
            raise ValueError(
                "anybody on the network can read the password of authMechanism=PLAIN; add tls=true"
            )
        return value

    @field_validator("mongodb_field_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            mongodb.check_keys(value.get_secret_value())
        return value

    @field_validator("walmart_affiliate_url", "walmart_seller_url")
    @classmethod
    def _keeps_credentials(cls, value: str, info: ValidationInfo) -> str:
        authority = re.split("[/?#]", value.partition("://")[2], maxsplit=1)[0]
        if "@" in authority:
            # It is shown in messages.
            raise ValueError("must contain no user and no password")
        host = re.sub(r":[0-9]*$", "", authority).strip("[]").lower()
        if not re.fullmatch(r"[a-z0-9.:-]+", host):
            raise ValueError("must have a name or an address as its host")
        if value.startswith("http:") and host not in LOOPBACK_HOSTS:
            raise ValueError(
                "must begin with https://, except for this machine itself: anybody on the network "
                "can read credentials sent over http://"
            )
        own = host in LOOPBACK_HOSTS or host.endswith(WALMARTS_DOMAINS)
        if not own and not info.data.get("walmart_allow_other_hosts"):
            raise ValueError(
                "must be Walmart's own address or this machine, because whoever listens there "
                "receives the credentials; WALMART_ALLOW_OTHER_HOSTS=true allows others"
            )
        return value

    @field_validator("price_known_for", mode="before")
    @classmethod
    def _for_three_intervals(cls, value: Any, info: ValidationInfo) -> Any:
        # Where POLL_INTERVAL_MAX is wrong, that is the fault to name.
        return value or 3 * info.data.get("poll_interval_max", 1.0)

    @field_validator("forget_after_days", mode="before")
    @classmethod
    def _as_long_as_the_log(cls, value: Any, info: ValidationInfo) -> Any:
        return value or max(info.data.get("kafka_retention_days", 1.0), _open_days(info))

    @field_validator("forget_after_days")
    @classmethod
    def _outlasts_windows(cls, value: float, info: ValidationInfo) -> float:
        if value < _open_days(info):
            raise ValueError("must be at least PRICE_KNOWN_FOR and two WINDOW_SIZE")
        return value

    @field_validator("alert_channels")
    @classmethod
    def _are_channels(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            channels.channels_of(value.get_secret_value())
        return value

    @field_validator("poll_tag_weights")
    @classmethod
    def _are_weights(cls, value: str) -> str:
        _weights_of(value)
        return value

    @field_validator("poll_interval_max")
    @classmethod
    def _is_the_larger(cls, value: float, info: ValidationInfo) -> float:
        if value < info.data.get("poll_interval_min", 0):
            raise ValueError("must be at least POLL_INTERVAL_MIN")
        return value

    def secrets(self) -> set[str]:
        """Every value that nobody may see."""
        values: set[str] = set()
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                text = value.get_secret_value()
                # A connection string without a password is public.
                values.update(mongodb.secrets(text) if name == "mongodb_uri" else (text,))
                if name == "mongodb_field_keys":
                    values.update(mongodb.keys_of(text))
                if name == "alert_channels":
                    values.update(channels.secrets(text))
        return values

    @property
    def canonical_url(self) -> str:
        """The URL other workers use to reach this one's web views."""
        return self.web_url or f"http://{self.web_host}:{self.web_port}"

    @property
    def tag_weights(self) -> dict[str, float]:
        """POLL_TAG_WEIGHTS by tag."""
        return _weights_of(self.poll_tag_weights)

    @property
    def forget_after(self) -> float:
        """FORGET_AFTER_DAYS in seconds."""
        return self.forget_after_days * SECONDS_PER_DAY

    @property
    def most_ahead_ms(self) -> int:
        """OBSERVATION_MAX_AHEAD in milliseconds."""
        return int(self.observation_max_ahead * 1000)

    @property
    def mongodb_in_plaintext(self) -> bool:
        """Whether data for MongoDB leaves this machine without TLS."""
        return _in_plaintext(self.mongodb_uri.get_secret_value())

    @property
    def min_insync_replicas(self) -> int:
        """Copies that must have a record before it counts as written; one may be down."""
        return max(1, self.kafka_replication_factor - 1)

    @property
    def polling(self) -> bool:
        """Whether the affiliate credentials that polling needs are set."""
        return self.walmart_consumer_id is not None and self.walmart_private_key is not None

    @property
    def selling(self) -> bool:
        """Whether the credentials of the seller side are set."""
        return self.walmart_client_id is not None and self.walmart_client_secret is not None


WALMARTS_DOMAINS = (".walmart.com", ".walmartapis.com")

SECRETS = tuple(
    name.upper()
    for name, field in Settings.model_fields.items()
    if "SecretStr" in str(field.annotation)
)


#: The names by which settings are given, in the environment and in ``.env``.
SETTING_NAMES = frozenset(
    {name.upper() for name in Settings.model_fields} | {f"{name}_FILE" for name in SECRETS}
)


def _weights_of(text: str) -> dict[str, float]:
    """Tag -> weight; raises ValueError that names the right form."""
    weights: dict[str, float] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        tag, separator, number = part.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = 0.0
        if not separator or not tag.strip() or not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
            raise ValueError(
                f"must be TAG=WEIGHT separated by commas, such as hot=4,slow=0.25, with weights "
                f"from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}"
            )
        # As tags are compared everywhere.
        plain = unicodedata.normalize("NFKC", tag).casefold()
        weights[" ".join(unicodedata.normalize("NFKC", plain).split())] = weight
    return weights
