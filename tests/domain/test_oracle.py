"""The domain against an oracle written from the contract, over logs of every kind.

The oracle keeps a list of all that was applied to an offer, looks at every single second of a
window, and shares no code with the domain. The windows are 10 s wide to allow it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.seller_looks import UNSEEN, Meaning, SellerLook, seller_looks
from walmart_stream.domain import events, state
from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.closing import announce, close_windows
from walmart_stream.domain.events import Event, PriceChange, Source, WindowClosed
from walmart_stream.domain.reading import decode, encode
from walmart_stream.domain.standing import item_standing
from walmart_stream.domain.time import to_ms
from walmart_stream.domain.windows import CLOSE_DELAY_MS, Rules
from walmart_stream.storage.documents import change_document, offer_document, window_document

TICK = 1000
WIDTH, KNOWN = 10 * TICK, 25 * TICK
RULES = Rules(window_ms=WIDTH, known_ms=KNOWN)
TOPIC = "walmart-competitor-data"
FAR = 10**12

Documents = dict[str, dict[str, Any]]


# -- what an answer says ---------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """One offer in an answer; amounts in cents, ``None`` for an absent key."""

    price: int | None
    shipping: int | None
    two_day: int | None
    online: bool | None
    seller: str | None


@dataclass(frozen=True)
class Look:
    """One answer about one item, at a second."""

    item_id: str
    at: int
    featured: Said
    marketplace: Said | None
    name: str | None = "Kettle"


def item_json(said: Said, price_key: str) -> dict[str, Any]:
    fields = {
        price_key: None if said.price is None else said.price / 100,
        "standardShipRate": None if said.shipping is None else f"{said.shipping / 100:.2f}",
        "twoThreeDayShippingRate": None if said.two_day is None else said.two_day / 100,
        "availableOnline": said.online,
        "sellerInfo": said.seller,
    }
    return {key: value for key, value in fields.items() if value is not None}


AnyLook = Look | SellerLook


def entry(look: AnyLook, offset: int) -> Entry:
    """The observation as it comes out of the raw topic."""
    source = "affiliate"
    payload: dict[str, Any] = {"itemId": int(look.item_id)}
    if isinstance(look, Look):
        payload.update(item_json(look.featured, "salePrice"))
        if look.name is not None:
            payload["name"] = look.name
        if look.marketplace is not None:
            payload["bestMarketplacePrice"] = item_json(look.marketplace, "price")
    else:
        source, payload = look.source, look.payload()
    value = encode(
        source=source,
        item_id=look.item_id,
        observed_at=look.at,
        request_id="r",
        payload=orjson.dumps(payload),
    )
    return Entry(decode(look.item_id.encode(), value), Source(TOPIC, 3, offset))


# -- the oracle -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Applied:
    at: int
    offset: int
    price: int | None
    shipping: int | None
    landed: int | None
    two_day: int | None
    available: bool
    seller: str | None
    box: dict[str, Any] | None = None
    tells: bool = False


def applied(said: Said | None, at: int, offset: int, default_seller: str | None) -> Applied:
    if said is None or not said.price or said.online is False:
        return Applied(at, offset, None, None, None, None, False, None)
    landed = None if said.shipping is None else said.price + said.shipping
    return Applied(
        at, offset, said.price, said.shipping, landed, said.two_day, True,
        said.seller or default_seller,
    )  # fmt: skip


def moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


@dataclass
class Oracle:
    changes: Documents
    offers: Documents
    windows: Documents
    counts: tuple[int, int, int, int]
    items: dict[str, SellerSide]
    applied: dict[tuple[str, str], tuple[list[Applied], set[int]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Word:
    """The holder of the box as of a look; its time is that of the first such word."""

    at: int
    holder: str
    seller: str | None
    suppressed: bool
    since: int

    def document(self) -> dict[str, Any]:
        return {
            "holder": self.holder,
            "seller": self.seller,
            "suppressed": self.suppressed,
            "since": moment(self.since),
        }


@dataclass
class SellerSide:
    """The seller side's words on an item."""

    published: bool | None = None
    price: int | None = None
    shipping: int | None = None
    seller: str | None = None
    listed_at: int = -1
    words: list[Word] = field(default_factory=list)
    untold: bool = False

    def own(self, at: int, offset: int) -> Applied:
        said = None
        if self.published is not False and self.price is not None:
            said = Said(self.price, self.shipping, None, True, self.seller)
        return applied(said, at, offset, None)

    def hear_box(self, said: tuple[str, str | None, Any], at: int) -> None:
        holder, seller, suppressed = said
        last = self.words[-1] if self.words else None
        if seller is not None and seller == self.seller:
            holder, seller = "own", None
        if holder == "rival" and seller is None and last is not None and last.holder == "rival":
            seller = last.seller
        same = last is not None and (last.holder, last.seller) == (holder, seller)
        if suppressed == UNSEEN:
            suppressed = last.suppressed if same and last is not None else False
        since = last.since if same and last is not None else at
        word = Word(at, holder, seller, suppressed, since)
        self.words.append(word)
        self.untold = self.untold or last is None or not same or last.suppressed != suppressed

    def share(self, at: int) -> tuple[float | None, float]:
        """Second by second, over the window of *at* and the one before."""
        current = at // WIDTH * WIDTH
        known = won = 0
        for tick in range(current - WIDTH, current + WIDTH, TICK):
            past = [word for word in self.words if word.at <= tick]
            if past and tick < past[-1].at + KNOWN:
                known += 1
                won += past[-1].holder == "own"
        return (won / known if known else None), known * TICK / (2 * WIDTH)


def kinds_of(before: Applied, after: Applied) -> list[str]:
    kinds = []
    if before.price != after.price:
        kinds.append("price")
    if before.shipping != after.shipping:
        kinds.append("shipping")
    if before.available is not after.available:
        kinds.append("availability")
    if before.seller != after.seller:
        kinds.append("seller")
    return kinds


def delta_of(before: Applied | None, after: Applied) -> tuple[int | None, float | None]:
    if before is None:
        return None, None
    if before.landed is not None and after.landed is not None:
        old, new = before.landed, after.landed
    elif before.price is not None and after.price is not None:
        old, new = before.price, after.price
    else:
        return None, None
    return new - old, None if old == 0 else float(Fraction(100 * (new - old), old))


def window_of(
    history: list[Applied],
    start: int,
    changed: set[int],
    width: int = WIDTH,
    known_for: int = KNOWN,
    since: int = -1,
) -> dict[str, Any] | None:
    """The window from *start*, if it is one of those that are stored.

    Observations at or before *since* are not counted, and time before it is not looked at.
    """

    def price_at(tick: int) -> int | None:
        past = [seen for seen in history if seen.at <= tick]
        if not past or past[-1].landed is None or tick >= past[-1].at + known_for:
            return None
        return past[-1].landed

    end = start + width
    inside = [seen for seen in history if start <= seen.at < end and seen.at > since]
    known = [seen.landed for seen in inside if seen.landed is not None]
    first_tick = max(start, since)
    is_carried = first_tick not in [seen.at for seen in inside] and price_at(first_tick) is not None
    if is_carried:
        known.insert(0, price_at(first_tick))
    if not inside and not is_carried:
        return None
    prices = [price_at(tick) for tick in range(first_tick, end, TICK)]
    prices = [price for price in prices if price is not None]
    return {
        "observations": len(inside),
        "changes": len([seen for seen in inside if seen.at in changed]),
        "open": known[0] if known else None,
        "high": max(known) if known else None,
        "low": min(known) if known else None,
        "close": known[-1] if known else None,
        "mean": float(Fraction(sum(prices), len(prices))) if prices else None,
        "coverage": len(prices) * TICK / width,
        "start": moment(start),
        "end": moment(end),
        "width_s": width // 1000,
        "known_for_s": known_for / 1000,
        "carried": is_carried,
        "seen_at": moment([seen.at for seen in history if seen.at < end][-1]),
    }


@dataclass
class Naming:
    """The name of an item, and the side that gave it."""

    name: str | None = None
    by_affiliate: bool = False

    def hear(self, look: AnyLook, newest: int | None) -> bool:
        """Take over the name in *look*, if it counts; whether it is another one.

        *newest* is the newest observation applied to the item before.
        """
        by_affiliate = isinstance(look, Look)
        name = look.name if isinstance(look, Look) else "Kettle"
        if name is None or (newest is not None and look.at <= newest):
            return False
        if self.by_affiliate and not by_affiliate:
            return False
        self.by_affiliate = by_affiliate
        before, self.name = self.name, name
        return before != name


def oracle(log: list[AnyLook]) -> Oracle:
    """The results of *log*, of items that are never forgotten."""
    return oracle_of(list(enumerate(log)))


def oracle_of(log: list[tuple[int, AnyLook]]) -> Oracle:
    histories: dict[tuple[str, str], list[Applied]] = {}
    # An answer speaks for the marketplace offer also where it does not name it.
    spoken: dict[tuple[str, str], int] = {}
    sides: dict[str, SellerSide] = {}
    names: dict[str, Naming] = {}
    # The box as the document of own shows it.
    boxes: dict[str, dict[str, Any]] = {}
    n_applied = n_duplicate = n_late = n_silent = 0
    for offset, look in log:
        took = equal = False
        newest = max(
            (
                history[-1].at
                for (item_id, _), history in histories.items()
                if item_id == look.item_id and history
            ),
            default=None,
        )
        if not isinstance(look, Look):
            meant = look.meaning()
            if meant.silent:
                n_silent += 1
                continue
            side = sides.setdefault(look.item_id, SellerSide())
            took, equal = hear(side, meant, look, offset, histories, spoken)
            renamed = took and names.setdefault(look.item_id, Naming()).hear(look, newest)
            own = histories.get((look.item_id, "own"), [])
            if own and own[-1].offset == offset and own[-1].box is not None:
                boxes[look.item_id] = own[-1].box
            elif own and renamed and side.words:
                boxes[look.item_id] = side.words[-1].document()
            n_applied += took
            n_duplicate += not took and equal
            n_late += not took and not equal
            continue
        for offer, said, seller in (
            ("featured", look.featured, "Walmart.com"),
            ("marketplace", look.marketplace, None),
        ):
            history = histories.setdefault((look.item_id, offer), [])
            last = spoken.get((look.item_id, offer))
            if last is not None and look.at <= last:
                equal = equal or look.at == last
                continue
            took = True
            spoken[look.item_id, offer] = look.at
            if not history and offer == "marketplace" and said is None:
                continue
            history.append(applied(said, look.at, offset, seller))
        renamed = took and names.setdefault(look.item_id, Naming()).hear(look, newest)
        side = sides.get(look.item_id, SellerSide())
        if renamed and side.words and histories.get((look.item_id, "own")):
            boxes[look.item_id] = side.words[-1].document()
        n_applied += took
        n_duplicate += not took and equal
        n_late += not took and not equal

    result = Oracle({}, {}, {}, (n_applied, n_duplicate, n_late, n_silent), sides)
    for (item_id, offer), history in histories.items():
        changed = set()
        for before, after in zip([None, *history], history, strict=False):
            kinds = ["first_seen"] if before is None else kinds_of(before, after)
            if not kinds and not after.tells:
                continue
            if before is not None and kinds:
                changed.add(after.at)
            delta, percent = delta_of(before, after)
            common = {
                "item_id": item_id,
                "offer": offer,
                "seller": after.seller,
                "price_cents": after.price,
                "shipping_cents": after.shipping,
                "landed_cents": after.landed,
                "available": after.available,
            }
            if after.box is not None:
                common["buy_box"] = after.box
            result.changes[f"{item_id}:{offer}:{after.at}"] = {
                "_id": f"{item_id}:{offer}:{after.at}",
                **common,
                "kinds": kinds,
                "previous": None
                if before is None
                else {
                    "price_cents": before.price,
                    "shipping_cents": before.shipping,
                    "landed_cents": before.landed,
                    "available": before.available,
                    "seller": before.seller,
                },
                "delta_cents": delta,
                "delta_pct": percent,
                "observed_at": moment(after.at),
                "source": {"topic": TOPIC, "partition": 3, "offset": after.offset},
            }
            result.offers[f"{item_id}:{offer}"] = {
                "_id": f"{item_id}:{offer}",
                **common,
                "name": names[item_id].name,
                "changed_at": moment(after.at),
            }
        result.applied[item_id, offer] = history, changed
        if history:
            document = result.offers[f"{item_id}:{offer}"]
            document["two_day_cents"] = history[-1].two_day
            if offer == "own" and item_id in boxes:
                document["buy_box"] = boxes[item_id]
            first, last = history[0].at, history[-1].at
            for start in range(first // WIDTH * WIDTH, last + KNOWN + WIDTH, WIDTH):
                window = window_of(history, start, changed)
                if window is not None:
                    name = f"{item_id}:{offer}:{start}:{WIDTH // 1000}"
                    ids = {"_id": name, "item_id": item_id, "offer": offer}
                    result.windows[name] = {**ids, **window}
    return result


def hear(
    side: SellerSide,
    meant: Meaning,
    look: SellerLook,
    offset: int,
    histories: dict[tuple[str, str], list[Applied]],
    spoken: dict[tuple[str, str], int],
) -> tuple[bool, bool]:
    """The outcome of a look of the seller side: whether any of it was newer, or as old."""
    at, took, equal = look.at, False, False
    is_newer = at > spoken.get((look.item_id, "own"), -1)
    equal = at == spoken.get((look.item_id, "own"))
    if is_newer:
        for name, value in meant.own.items():
            setattr(side, name, value)
    rivals = dict(meant.rivals)
    rivals.pop(f"rival:{side.seller}", None)
    for (item_id, offer), history in histories.items():
        if meant.complete and item_id == look.item_id and offer.startswith("rival:") and history:
            rivals.setdefault(offer, None)
    for offer, rival in rivals.items():
        key = look.item_id, offer
        history = histories.get(key, [])
        if not history and at <= side.listed_at:
            continue
        if at <= spoken.get(key, -1):
            equal = equal or at == spoken[key]
            continue
        took = True
        spoken[key] = at
        if rival is None and not history:
            continue
        seller = offer.removeprefix("rival:")
        said = None if rival is None else Said(rival[0], rival[1], None, True, seller)
        histories.setdefault(key, []).append(applied(said, at, offset, None))
    if meant.complete and at > side.listed_at:
        side.listed_at = at
        took = True
    if meant.box is not None:
        last = side.words[-1].at if side.words else -1
        equal = equal or at == last
        if at > last:
            side.hear_box(meant.box, at)
            took = True
    if is_newer:
        took = True
        spoken[look.item_id, "own"] = at
        history = histories.setdefault((look.item_id, "own"), [])
        now = side.own(at, offset)
        if side.untold or not history or kinds_of(history[-1], now):
            box = side.words[-1].document() if side.words else None
            now = replace(now, box=box, tells=True)
            side.untold = False
        history.append(now)
    return took, equal


# -- logs -------------------------------------------------------------------------------------

sayings = st.builds(
    Said,
    price=st.sampled_from([None, 0, 100, 250, 999]),
    shipping=st.sampled_from([None, 0, 99, 599]),
    two_day=st.sampled_from([None, 997]),
    online=st.sampled_from([None, True, True, False]),
    seller=st.sampled_from([None, "Acme LLC", "Kettles & Co"]),
)
item_ids = st.sampled_from(["7", "12417832"])
# Few seconds in few windows, and a gap: equal, late and skipping ones come by themselves.
times = st.one_of(st.integers(0, 60), st.integers(300, 320)).map(lambda number: number * TICK)
affiliate_looks = st.builds(
    Look,
    item_id=item_ids,
    at=times,
    featured=sayings,
    marketplace=st.one_of(st.none(), sayings),
    name=st.sampled_from(["Kettle", "Kettle", "Tea kettle", None]),
)
own_looks = seller_looks(item_ids, times)
# One item, so that words about its box come close upon each other.
box_looks = seller_looks(
    st.just("7"), st.integers(0, 45).map(lambda number: number * TICK), of_the_box=True
)
logs = st.one_of(
    st.lists(affiliate_looks, max_size=30),
    st.lists(own_looks, max_size=30),
    st.lists(box_looks, max_size=20),
    st.lists(st.one_of(affiliate_looks, own_looks), max_size=30),
)
in_order = st.builds(lambda log: sorted(log, key=lambda look: look.at), logs)
any_log = st.one_of(logs, in_order)


class Run:
    """A processor with a store of encoded states, and all the events that it ever sent."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.stored: dict[str, bytes] = {}
        self.events: list[Event] = []
        self.counts = [0, 0, 0, 0]

    def feed(self, batch: list[Entry]) -> Outcome:
        named = {one.observation.item_id for one in batch}
        states = {
            item_id: state.decode(self.stored[item_id]) for item_id in named & self.stored.keys()
        }
        outcome = apply(states, batch, self.rules)
        self.events += outcome.events
        for item_id, new in outcome.states.items():
            value = state.encode(new)
            assert state.age(value) == (new.applied, new.clock)
            before = self.stored.get(item_id, state.encode(state.ItemState()))
            assert state.age(value) >= state.age(before)
            self.stored[item_id] = value
        counts = (outcome.applied, outcome.duplicate, outcome.late, outcome.silent)
        self.counts = [sum(both) for both in zip(self.counts, counts, strict=True)]
        return outcome

    def close(self, now: int, *, crash: bool = False) -> None:
        """The clock's turn; with *crash* it sends, and dies before it stores that it has."""
        for item_id, value in list(self.stored.items()):
            announced = state.decode(value)
            if announce(announced, now, self.rules):
                self.stored[item_id] = state.encode(announced)
            new, closed = close_windows(item_id, announced, now, self.rules)
            assert state.age(state.encode(new)) >= state.age(self.stored[item_id])
            self.events += closed
            if not crash:
                self.stored[item_id] = state.encode(new)

    def documents(self) -> tuple[Documents, Documents, Documents]:
        """The documents that the sink makes of the events, in the order they were sent.

        Left out are windows that were closed unobserved, and turned out to be unknown as well.
        """
        changes: Documents = {}
        offers: Documents = {}
        windows: Documents = {}
        for event in self.events:
            fields = orjson.loads(events.encode(event))
            if isinstance(event, WindowClosed):
                window = window_document(fields)
                known = windows.setdefault(window["_id"], window)
                assert known["seen_at"] != window["seen_at"] or known == window
                if known["seen_at"] < window["seen_at"]:
                    windows[window["_id"]] = window
                continue
            if isinstance(event, PriceChange):
                document = change_document(fields)
                assert changes.setdefault(document["_id"], document) == document
            offer = offer_document(fields)
            known = offers.setdefault(offer["_id"], offer)
            assert known["revision"] != offer["revision"] or known == offer
            if known["revision"] < offer["revision"]:
                offers[offer["_id"]] = offer
        for document in offers.values():
            del document["revision"]
        said = {
            name: window
            for name, window in windows.items()
            if window["observations"] or window["coverage"]
        }
        return changes, offers, said


def entries(log: list[AnyLook]) -> list[Entry]:
    return [entry(look, offset) for offset, look in enumerate(log)]


def whole(log: list[AnyLook]) -> Run:
    run = Run()
    run.feed(entries(log))
    return run


def event_set(run: Run) -> set[bytes]:
    return {events.encode(event) for event in run.events}


@given(any_log)
@settings(max_examples=300)
def test_the_results_are_those_of_the_oracle(log: list[AnyLook]) -> None:
    """Changes, offers, windows and counts are what the contract says, whatever the log."""
    due = oracle(log)
    run = whole(log)

    run.close(FAR)

    changes, offers, windows = run.documents()
    assert changes == due.changes
    assert offers == due.offers
    assert windows == due.windows
    assert tuple(run.counts) == due.counts


@given(any_log)
@settings(max_examples=200)
def test_the_holder_of_the_box_and_its_win_share_are_those_of_the_oracle(
    log: list[AnyLook],
) -> None:
    """Holder and time by the last word; the share of time is counted in milliseconds."""
    sides = oracle(log).items

    stored = {item_id: state.decode(value) for item_id, value in whole(log).stored.items()}

    for item_id, item in stored.items():
        side = sides.get(item_id)
        known = item_standing(item, KNOWN)
        if side is None or known is None:
            assert (side, known) == (None, None)
            continue
        if not side.words:
            assert (known.buy_box.holder, known.win_share, known.win_coverage) == (
                "unknown",
                None,
                0.0,
            )
            continue
        last = side.words[-1]
        assert known.buy_box == (last.holder, last.seller, last.suppressed, last.since)
        at = max(item.observed_at, last.at)
        assert (known.win_share, known.win_coverage) == side.share(at)


@given(any_log, st.data())
@settings(max_examples=200)
def test_batches_may_be_cut_anywhere(log: list[AnyLook], data: st.DataObject) -> None:
    """Cutting a log into batches, with states stored between, changes neither states nor events."""
    once = whole(log)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=8)))
    run = Run()

    for first, last in zip([0, *cuts], [*cuts, len(log)], strict=True):
        run.feed(entries(log)[first:last])

    assert run.stored == once.stored
    assert run.events == once.events
    assert run.counts == once.counts


@given(any_log, st.data())
@settings(max_examples=200)
def test_any_prefix_may_be_replayed(log: list[AnyLook], data: st.DataObject) -> None:
    """After a restart from an older offset with the states kept, everything comes out the same."""
    once = whole(log)
    reached = data.draw(st.integers(0, len(log)))
    restart = data.draw(st.integers(0, reached))
    run = Run()

    run.feed(entries(log)[:reached])
    run.feed(entries(log)[restart:])

    assert run.stored == once.stored
    assert event_set(run) == event_set(once)


@given(any_log, st.data())
@settings(max_examples=200)
def test_any_batch_may_be_fed_twice(log: list[AnyLook], data: st.DataObject) -> None:
    """A batch that is delivered again changes no state and sends no new event."""
    once = whole(log)
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(log))] * 2)))
    run = Run()

    run.feed(entries(log)[:first])
    run.feed(entries(log)[first:last])
    before = dict(run.stored)
    again = run.feed(entries(log)[first:last])
    assert run.stored == before
    assert (again.applied, again.events, again.expired) == (0, [], [])
    run.feed(entries(log)[last:])

    assert run.stored == once.stored
    assert run.events == once.events


@given(any_log, st.data())
@settings(max_examples=200)
def test_a_batch_whose_state_was_not_stored_sends_the_same_again(
    log: list[AnyLook], data: st.DataObject
) -> None:
    """A crash between events and state repeats events with the same content."""
    once = whole(log)
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(log))] * 2)))
    run = Run()

    run.feed(entries(log)[:first])
    stored = dict(run.stored)
    run.feed(entries(log)[first:last])
    run.stored = stored
    run.feed(entries(log)[first:])

    assert run.stored == once.stored
    assert event_set(run) == event_set(once)


closings = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 400), st.booleans()), max_size=5)


@given(any_log, closings)
@settings(max_examples=300)
def test_the_clock_may_close_windows_at_any_time(
    log: list[AnyLook], closings: list[tuple[int, int, bool]]
) -> None:
    """Whenever the clock closes windows, the last close of each is the one by the oracle; also if
    a crash made it forget that it had."""
    due = oracle(log)
    run = Run()

    for offset, one in enumerate(entries(log)):
        for place, now, crash in closings:
            if place == offset:
                run.close(CLOSE_DELAY_MS + now * TICK, crash=crash)
        run.feed([one])
    run.close(FAR)

    changes, offers, windows = run.documents()
    assert (changes, offers, windows) == (due.changes, due.offers, due.windows)


@given(any_log, st.integers(0, 30), st.sampled_from([3, 5, 20, 30]), closings)
@settings(max_examples=300)
def test_windows_of_two_widths_are_each_what_their_own_rules_say(
    log: list[AnyLook], cut: int, width: int, closings: list[tuple[int, int, bool]]
) -> None:
    """WINDOW_SIZE may change over a restart: every stored window is by the oracle of its own width,
    as of its last observation, and no observation is in two of them or in none."""
    run = Run()

    for offset, one in enumerate(entries(log)):
        if offset == cut:
            run.rules = Rules(window_ms=width * TICK, known_ms=KNOWN)
        for place, now, crash in closings:
            if place == offset:
                run.close(CLOSE_DELAY_MS + now * TICK, crash=crash)
        run.feed([one])
    for _ in range(2):
        run.close(FAR)

    counted: Counter[str] = Counter()
    _, _, windows = run.documents()
    applied_to = oracle(log).applied
    for name, window in windows.items():
        start = to_ms(window["start"])
        width_ms = window["width_s"] * 1000
        seen_at = to_ms(window["seen_at"])
        place = f"{window['item_id']}:{window['offer']}"
        history, changed = applied_to[window["item_id"], window["offer"]]
        known = [seen for seen in history if seen.at <= seen_at]
        since = to_ms(window["since"]) if "since" in window else -1
        due = window_of(known, start, changed, width_ms, KNOWN, since)
        assert name == f"{place}:{start}:{window['width_s']}"
        assert due is not None
        assert {**window, **due} == window
        assert window["coverage"] <= 1
        assert window["mean"] is None or window["low"] <= window["mean"] <= window["high"]
        counted[place] += window["observations"]
    assert counted == {
        f"{item_id}:{offer}": len(history)
        for (item_id, offer), (history, _) in applied_to.items()
        if history
    }
