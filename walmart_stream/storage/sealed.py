"""Fields of documents that cannot be read in the database without a key.

What is private to the seller is sealed: who holds the buy box of an own item, since when, and
whether Walmart suppresses the offer. What anybody sees on walmart.com is not, and neither are ids,
times and counts, which queries and indexes need.

A sealed field is binary data in the place of its value: a Fernet token (AES-128-CBC with
HMAC-SHA256) of a BSON document of the value and of where it belongs, which is collection, ``_id``
and field, filled up with zeros so that its length does not tell ``own`` from ``rival``. A token
that was moved to another document opens there as nothing. No value in JSON is binary data: so it
is seen whether a field is sealed, and plain documents are read as they are. Which of a document's
own values, older or newer, stands in it is not protected, nor is a plain value that somebody put
there: this keeps secrets, it does not keep out who may write.

Sealing a value twice gives two tokens: comparing them tells only whether one was replaced.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from walmart_stream.credentials.mongodb import keys_of
from walmart_stream.settings import Settings
from walmart_stream.storage.documents import ALERTS, DEAD_LETTERS, ITEMS, OFFERS, PRICE_CHANGES

logger = logging.getLogger(__name__)

SEALED_FIELDS: Mapping[str, tuple[str, ...]] = {
    OFFERS: ("buy_box", "insights", "compared"),
    PRICE_CHANGES: ("buy_box",),
    # The state is a word about the box, too. So with keys no list is sorted by it.
    ITEMS: ("state", "holder", "buy_box"),
    # They may be of the seller side, and the message may quote them.
    DEAD_LETTERS: ("message", "key", "value"),
    # It says who holds the buy box.
    ALERTS: ("text",),
}

# Where a document that was read tells of fields that could not be opened: {field: reason}.
UNREADABLE = "unreadable"

NO_KEYS = "it is sealed, and MONGODB_FIELD_KEYS is not set"
WRONG_KEYS = "it is sealed, and no key of MONGODB_FIELD_KEYS opens it"
MOVED = "it was sealed for another document"

# Bytes. Content is padded to a multiple of it, in most cases to one; long sellers take more.
BLOCK = 256

_UTC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


class Unreadable(Exception):
    """A sealed field cannot be opened; the message is one of the reasons above."""


class FieldSeal:
    """Seals with the first of *keys* (Fernet keys, newest first), and opens with any of them.

    Without keys nothing is sealed, and what is sealed is unreadable.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        fernets = [Fernet(key) for key in keys]
        self._newest = fernets[0] if fernets else None
        self._all = MultiFernet(fernets) if fernets else None
        self._told: set[str] = set()

    @classmethod
    def of(cls, settings: Settings) -> FieldSeal:
        """With the keys of MONGODB_FIELD_KEYS."""
        keys = settings.mongodb_field_keys
        return cls(() if keys is None else keys_of(keys.get_secret_value()))

    @property
    def is_on(self) -> bool:
        """Whether there is a key to seal with."""
        return self._newest is not None

    def seal(self, collection: str, document: dict[str, Any]) -> dict[str, Any]:
        """*document* with its fields sealed that are to be; itself, if it has none of them."""
        sealed = document
        for field in SEALED_FIELDS.get(collection, ()):
            if field in document:
                if sealed is document:
                    sealed = document.copy()
                sealed[field] = self.seal_value(
                    (collection, document["_id"], field), document[field]
                )
        return sealed

    def open(self, collection: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """*document* as it was before it was sealed; itself, if it was not.

        A field that cannot be opened is left out, and named with the reason in ``unreadable``.
        The log has the first one of each reason.
        """
        opened: dict[str, Any] | None = None
        for field in SEALED_FIELDS.get(collection, ()):
            value = document.get(field)
            if not isinstance(value, bytes):
                continue
            if opened is None:
                opened = dict(document)
            try:
                opened[field] = self.open_value((collection, document["_id"], field), value)
            except Unreadable as exc:
                del opened[field]
                opened[UNREADABLE] = {**opened.get(UNREADABLE, {}), field: str(exc)}
                self._tell(collection, document["_id"], field, str(exc))
        return document if opened is None else opened

    def seal_value(self, place: tuple[str, Any, str], value: Any) -> bytes:
        """The token of *value* at *place* (collection, ``_id``, field). There must be a key."""
        assert self._newest is not None
        content = bson.encode({"place": list(place), "value": value})
        return self._newest.encrypt(content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0"))

    def open_value(self, place: tuple[str, Any, str], token: bytes) -> Any:
        """The value that was sealed at *place*.

        Raises:
            Unreadable: not with these keys, or not there.
        """
        if self._all is None:
            raise Unreadable(NO_KEYS)
        try:
            padded = self._all.decrypt(token)
            # BSON begins with its length.
            content = bson.decode(padded[: int.from_bytes(padded[:4], "little")], _UTC)
        except (InvalidToken, BSONError):
            raise Unreadable(WRONG_KEYS) from None
        if content.get("place") != list(place):
            raise Unreadable(MOVED)
        return content["value"]

    def has_newest_key(self, token: bytes) -> bool:
        """Whether *token* was made with the first key."""
        assert self._newest is not None
        try:
            self._newest.decrypt(token)
        except InvalidToken:
            return False
        return True

    def _tell(self, collection: str, name: Any, field: str, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            logger.warning("MongoDB, %s %s: %s is left out: %s", collection, name, field, reason)


# For who has no keys: reads what is plain.
UNSEALED = FieldSeal()
