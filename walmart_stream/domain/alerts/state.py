"""The memory of all rules on an item, as one value of their table."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.msgpack import Decoder, Encoder

from walmart_stream.domain.alerts.machine import Machine, State
from walmart_stream.domain.offers import Offer

# First byte of a stored value.
VERSION = 1


class Quote(Struct, array_like=True, gc=False):
    """The last word on an offer that counts, and as of when the offer was last seen.

    ``doubted`` is (price, shipping) of a look that was out of all proportion and has been seen
    once; ``price`` and ``landed`` are the last known ones that counted.
    """

    offer: Offer
    at: int
    price: int | None = None
    landed: int | None = None
    doubted: tuple[int | None, int | None] | None = None


class ItemAlerts(Struct, array_like=True, gc=False):
    """All rules on one item. ``turns`` grows with every change; ``box_at``: the box's last word.

    ``name`` is the item's.
    """

    turns: int = 0
    box_at: int = -1
    name: str | None = None
    quotes: dict[str, Quote] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)

    @property
    def next_due(self) -> int | None:
        """The time at which the first episode that is waited for will have lasted."""
        return min(
            (one.due for one in self.machines.values() if one.state is State.WAITING),
            default=None,
        )


_VERSION = bytes([VERSION])
_encode = Encoder().encode
_decode = Decoder(ItemAlerts).decode


def encode(item: ItemAlerts) -> bytes:
    """The table's value."""
    return _VERSION + _encode(item)


def decode(value: bytes) -> ItemAlerts:
    """The inverse of :func:`encode`.

    Raises:
        ValueError: another version wrote the value.
    """
    if value[0] != VERSION:
        raise ValueError(f"alerts of version {value[0]}; this program reads {VERSION}")
    return _decode(memoryview(value)[1:])


class _Age(Struct, array_like=True, gc=False):
    turns: int


_age = Decoder(_Age).decode

# Under this key, which is no item id, a partition's table has its :class:`Progress`.
WATERMARK = b"#watermark"


class Progress(Struct, array_like=True, gc=False):
    """A partition's watermark (epoch ms), and the offset of the last step that was sent of it.

    Earlier releases store the watermark alone.
    """

    watermark: int = 0
    sent: int = -1


_progress = Decoder(Progress).decode


def encode_progress(watermark: int, sent: int) -> bytes:
    """The table's value under :data:`WATERMARK`."""
    return _VERSION + _encode(Progress(watermark, sent))


def decode_progress(value: bytes | None) -> Progress:
    """The inverse of :func:`encode_progress`; ``None``: there is none yet."""
    return Progress() if value is None else _progress(memoryview(value)[1:])


def age(value: bytes) -> int:
    """How far in its key's chain the stored *value* stands: ``turns``, or the watermark."""
    return _age(memoryview(value)[1:]).turns
