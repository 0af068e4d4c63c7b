"""Values by their keys in little memory: a dict takes more for an entry than the entry has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from msgspec.msgpack import Decoder, Encoder

# Entries of a bucket on average. A read decodes one bucket (0.8 µs), a write encodes it again
# (1.3 µs); twice as many take twice as long and save 3 bytes an entry.
LOAD = 8

_encode = Encoder().encode
_decode = Decoder(dict[bytes, bytes]).decode
_EMPTY = _encode({})
# The first byte of a bucket with the most entries that MessagePack counts in that byte alone: 15.
_FULL = _encode({bytes([number]): b"" for number in range(15)})[0]
# By the first byte of a bucket, that of one with an entry more.
_HEADS = [bytes([number + 1]) for number in range(_FULL)]


class Form(NamedTuple):
    """A shorter form of values, from the key and a value, and the way back."""

    shorten: Callable[[bytes, bytes], bytes]
    lengthen: Callable[[bytes, bytes], bytes]


class KeyForm(NamedTuple):
    """A shorter form of keys, and the way back."""

    shorten: Callable[[bytes], bytes]
    lengthen: Callable[[bytes], bytes]


class Packed:
    """A table by linear hashing, whose buckets are encoded: some 12 bytes an entry beside its own.

    It grows by one bucket at a time, so that no write takes longer than another. Values are kept
    in *form*, and keys in *key_form*, if there is one.
    """

    __slots__ = ("_buckets", "_count", "_form", "_key_form", "_level")

    def __init__(self, form: Form | None = None, key_form: KeyForm | None = None) -> None:
        self._form = form
        self._key_form = key_form
        self._buckets = [_EMPTY]
        self._count = 0
        # Buckets when the present round of splitting began: those beyond are halves of the first.
        self._level = 1

    def __len__(self) -> int:
        return self._count

    def get(self, key: bytes) -> bytes | None:
        """The value of *key*."""
        kept = key if self._key_form is None else self._key_form.shorten(key)
        encoded = self._buckets[self._place(kept)]
        # To find no trace of a key takes a tenth of the time of decoding.
        value = _decode(encoded).get(kept) if kept in encoded else None
        if value is None or self._form is None:
            return value
        return self._form.lengthen(key, value)

    def update(self, values: Mapping[bytes, bytes | None]) -> None:
        """Put *values*, and take out the keys of those that are ``None``.

        Where several fall into a bucket, it is decoded and encoded once for all of them.
        """
        form, key_form = self._form, self._key_form
        places: defaultdict[int, list[tuple[bytes, bytes | None]]] = defaultdict(list)
        for key, value in values.items():
            if value is not None and form is not None:
                value = form.shorten(key, value)
            kept = key if key_form is None else key_form.shorten(key)
            places[self._place(kept)].append((kept, value))
        for place, entries in places.items():
            self._enter(place, entries)
        while self._count > LOAD * len(self._buckets):
            self._split()

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All that there is now, whatever is put and removed meanwhile."""
        entries: Iterator[tuple[bytes, bytes]] = chain.from_iterable(
            _decode(one).items() for one in self._buckets.copy()
        )
        form, key_form = self._form, self._key_form
        if key_form is not None:
            entries = ((key_form.lengthen(kept), value) for kept, value in entries)
        if form is None:
            return entries
        return ((key, form.lengthen(key, value)) for key, value in entries)

    def _enter(self, place: int, entries: list[tuple[bytes, bytes | None]]) -> None:
        encoded = self._buckets[place]
        key, value = entries[0]
        if len(entries) == 1 and value is not None and key not in encoded and encoded[0] < _FULL:
            # Large tables are filled by new keys: one is added without decoding the others.
            head = _HEADS[encoded[0]]
            self._buckets[place] = head + encoded[1:] + _encode(key) + _encode(value)
            self._count += 1
            return
        bucket = _decode(encoded)
        before = len(bucket)
        for key, value in entries:
            if value is None:
                bucket.pop(key, None)
            else:
                bucket[key] = value
        self._count += len(bucket) - before
        self._buckets[place] = _encode(bucket)

    def _place(self, key: bytes) -> int:
        number = hash(key)
        place = number % (2 * self._level)
        return place if place < len(self._buckets) else number % self._level

    def _split(self) -> None:
        place = len(self._buckets) - self._level
        kept: dict[bytes, bytes] = {}
        moved: dict[bytes, bytes] = {}
        for key, value in _decode(self._buckets[place]).items():
            half = kept if hash(key) % (2 * self._level) == place else moved
            half[key] = value
        self._buckets[place] = _encode(kept)
        self._buckets.append(_encode(moved))
        if len(self._buckets) == 2 * self._level:
            self._level *= 2
