"""The chart's SVG, read back: what is drawn is what is known."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.time import to_iso
from walmart_stream.web.chart import chart, legend, mini_ribbon, sign, sparkline, summary, table

SVG = "{http://www.w3.org/2000/svg}"
BEGIN = 1_800_000_000_000
# Pixels: coordinates are written to a hundredth.
NEAR = 0.02


def series(*pieces, name="featured", begin=BEGIN):
    """An offer's answer of pieces (length in ms, kind, cents)."""
    found, at = [], begin
    for length, kind, cents in pieces:
        found.append([at, at + length, kind, cents if kind in ("price", "partial") else None])
        at += length
    prices = [one[3] for one in found if one[2] == "price"]
    return {
        "offer": name,
        "seller": None,
        "segments": found,
        "thinned": False,
        "low_cents": min(prices, default=None),
        "high_cents": max(prices, default=None),
        "last_kind": found[-1][2],
        "last_cents": found[-1][3],
        "changes": len(found),
        "known_share": 1.0,
    }


def answer(*offers, held=()):
    """The data of a chart; *held* are pieces (length, holder, seller) of the ribbon."""
    end = offers[0]["segments"][-1][1]
    box, at = None, BEGIN
    if held:
        box = {
            "of": "own",
            "segments": [],
            "own_share": 0.5,
            "known_share": 1.0,
            "unreadable": None,
        }
        for length, holder, seller in held:
            box["segments"].append([at, at + length, holder, seller])
            at += length
    return {
        "item_id": "42",
        "name": "A toy",
        "from": to_iso(BEGIN),
        "to": to_iso(end),
        "first_at": to_iso(BEGIN),
        "price": "landed",
        "points": 1440,
        "known_offers": [one["offer"] for one in offers],
        "offers": list(offers),
        "buy_box": box,
        "not_live": None,
    }


def lines(svg, series_number, kind):
    """The strokes [(x1, y1, x2, y2), …] of a series' path; only M, H and V may be in it."""
    found = []
    for one in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        if one.get("class") != f"{kind} s{series_number}":
            continue
        drawn = one.get("d")
        assert re.fullmatch(r"(M[\d.]+ [\d.]+|[HV][\d.]+)*", drawn), drawn[:200]
        x = y = 0.0
        for command, numbers in re.findall(r"([MHV])([\d. ]+)", drawn):
            values = [float(value) for value in numbers.split()]
            to_x = values[0] if command in "MH" else x
            to_y = values[-1] if command in "MV" else y
            if command != "M":
                found.append((x, y, to_x, to_y))
            x, y = to_x, to_y
    return found


def scales(svg, data):
    """Time -> x, by what the picture says of itself."""
    root = ElementTree.fromstring(svg)
    begin, end, left, right = (
        float(root.get(f"data-{n}")) for n in ("begin", "end", "left", "right")
    )
    return lambda at: left + (at - begin) / (end - begin) * (right - left)


KINDS = st.sampled_from(["price", "price", "partial", "unknown", "unavailable"])
PIECES = st.lists(
    st.tuples(st.integers(60_000, 9_000_000), KINDS, st.integers(0, 99_999)),
    min_size=1,
    max_size=40,
)


@given(PIECES)
def test_a_price_is_drawn_where_it_is_known_and_nowhere_else(pieces) -> None:
    """Each stroke is horizontal over a segment, or vertical between two that touch."""
    data = answer(series(*pieces))

    svg = chart(data)

    place = scales(svg, data)
    for kind in ("price", "partial"):
        known = [one for one in data["offers"][0]["segments"] if one[2] == kind]
        across = [one for one in lines(svg, 0, kind) if one[0] != one[2]]
        upward = [one for one in lines(svg, 0, kind) if one[0] == one[2]]
        assert len(across) == len(known)
        heights = {}
        for (x1, y1, x2, y2), (begin, end, _, cents) in zip(across, known, strict=True):
            assert y1 == y2
            assert (x1, x2) == (
                pytest.approx(place(begin), abs=NEAR),
                pytest.approx(place(end), abs=NEAR),
            )
            assert heights.setdefault(cents, y1) == y1
        ordered = sorted(heights.items())
        # Higher prices are further up; to a hundredth of a pixel they may be the same.
        assert all(high[1] <= low[1] for low, high in pairwise(ordered))
        touching = [b[0] for a, b in pairwise(known) if a[1] == b[0]]
        assert {x1 for x1, *_ in upward} <= {round(place(at), 2) for at in touching}


@given(PIECES, PIECES)
def test_gaps_have_marks_of_two_shapes(first, second) -> None:
    """In the lane of each offer: hatched where not seen, a bar where not available."""
    data = answer(series(*first), series(*second, name="own"))
    data["to"] = to_iso(max(one["segments"][-1][1] for one in data["offers"]))
    for one in data["offers"]:
        one["segments"].append([one["segments"][-1][1], BEGIN + 10**9, "unknown", None])
    data["to"] = to_iso(BEGIN + 10**9)

    root = ElementTree.fromstring(chart(data))

    for kind, name in (("unknown", "gap unseen"), ("unavailable", "gap away")):
        drawn = sum(
            one.get("d").count("M") for one in root.iter(f"{SVG}path") if one.get("class") == name
        )
        assert drawn == sum(each[2] == kind for one in data["offers"] for each in one["segments"])


def test_the_whole_picture_says_so_where_nothing_is_known() -> None:
    """A band of its own for what was not seen, and one for what could not be ordered."""
    hour = 3_600_000
    gaps = ((10 * hour, "unknown", None), (10 * hour, "unavailable", None))
    data = answer(
        series((hour, "price", 100), *gaps), series((hour, "price", 90), *gaps, name="own")
    )

    root = ElementTree.fromstring(chart(data))

    bands = [one.get("class") for one in root.iter(f"{SVG}rect") if "band" in one.get("class")]
    notes = [one.text for one in root.iter(f"{SVG}text") if "note" in one.get("class")]
    assert bands == ["band unseen", "band away"]
    assert notes == ["not seen", "not available"]


def test_unknown_shipping_is_labelled() -> None:
    """Its line is one of its own, which chart.css dashes."""
    svg = chart(answer(series((10**7, "partial", 1900), (10**7, "price", 2500))))

    assert "+ ?" in [one.text for one in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert len(lines(svg, 0, "partial")) == len(lines(svg, 0, "price")) == 1


def test_nothing_known_is_a_sentence_and_no_line() -> None:
    """Null is never drawn as 0."""
    svg = chart(answer(series((10**7, "unknown", None))))

    assert "No price is known in this time" in svg
    assert 'class="price' not in svg
    assert "$0" not in svg


def test_the_axis_begins_at_what_is_visible() -> None:
    """Not at 0: a change of a dollar in a hundred is seen."""
    svg = chart(answer(series((10**7, "price", 10_000), (10**7, "price", 10_100))))

    ticks = re.findall(r'data-money="(\d+)"', svg)
    assert len(ticks) >= 3
    assert all(9_900 <= int(tick) <= 10_200 for tick in ticks)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(60_000, 10**11))
def test_axes_have_a_few_round_labels(low, more, length) -> None:
    """Whatever the prices and however long the time."""
    svg = chart(answer(series((length, "price", low), (length, "price", low + more))))

    assert 1 <= len(re.findall(r'data-money="', svg)) <= 8
    assert len(re.findall(r'data-time="', svg)) <= 12


def test_the_ribbon_lies_on_the_same_time_axis() -> None:
    """Own solid, a rival with its name, nobody and suppressed hatched, unknown empty."""
    held = [
        (10**6, "own", None),
        (10**6, "rival", 'Acme "<b>"'),
        (10**6, "none", None),
        (10**6, "suppressed", None),
        (10**6, "unknown", None),
    ]
    data = answer(series((5 * 10**6, "price", 100)), held=held)

    svg = chart(data)

    place = scales(svg, data)
    boxes = [
        one for one in ElementTree.fromstring(svg).iter(f"{SVG}rect") if "held" in one.get("class")
    ]
    assert [one.get("class").split()[1] for one in boxes] == [
        *("unknown", "own", "rival", "none", "suppressed")
    ]
    assert [float(one.get("x")) for one in boxes[1:]] == [
        pytest.approx(place(BEGIN + number * 10**6), abs=NEAR) for number in range(4)
    ]
    assert [one.get("fill") for one in boxes] == [None] * 3 + ["url(#chart-nobody)"] * 2
    assert boxes[2][0].text == 'Acme "<b>"'


HOSTILE = [
    "<script>alert(1)</script>",
    '" onload="x',
    "&amp;</svg>",
    "\u202egnp",
    "x" * 5_000,
    "\x00\x1b",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_text_is_text(name) -> None:
    """Markup, marks of direction and control characters in names steer nothing."""
    data = answer(
        series((10**6, "price", 100), name=f"rival:{name}"), held=[(10**6, "rival", name)]
    )

    for svg in (chart(data), sparkline([[BEGIN, 100]], BEGIN, BEGIN + 9, name=name)):
        root = ElementTree.fromstring(svg)
        assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
            *("svg", "pattern", "path", "rect", "line", "text", "title")
        }
        assert all(
            not attribute.startswith("on") and attribute != "style"
            for one in root.iter()
            for attribute in one.attrib
        )
        assert svg.isprintable()
    assert len(chart(data)) < 12_000


def test_a_hundred_thousand_steps_are_drawn_as_few() -> None:
    """Lowest and highest stay, and so does the gap."""
    pieces = [(1_000, "price", 1_000 + number % 97) for number in range(100_000)]
    pieces[5_000], pieces[70_000] = (1_000, "price", 1), (1_000, "price", 9_999)
    pieces[50_000] = (1_000, "unknown", None)
    svg = chart(answer(series(*pieces)), width=800)

    ys = [y for stroke in lines(svg, 0, "price") for y in (stroke[1], stroke[3])]
    assert len(svg) < 100_000
    assert max(ys) - min(ys) > 200
    assert svg.count("gap unseen") == 1


def test_pictures_of_one_page_have_ids_of_their_own() -> None:
    """Patterns are referred to by id."""
    first, second = (
        set(re.findall(r'id="([^"]+)"', chart(answer(series((9, "price", 1))), ident=ident)))
        for ident in ("wide", "narrow")
    )

    assert not first & second


def test_words_say_what_the_picture_shows() -> None:
    """One sentence an offer; the table has each segment, newest first."""
    data = answer(
        series((10**6, "partial", 1900), (10**6, "price", 0), name="own"),
        series((10**6, "unknown", None), (10**6, "unavailable", None), name="rival:Acme"),
        held=[(2 * 10**6, "own", None)],
    )

    said = summary(data)
    rows = table(data)

    assert "Own offer: $0.00 at the end, always $0.00 while known, seen 100% of the time." in said
    assert "Acme: not available at the end, seen 100% of the time." in said
    assert "Buy box: own 50%" in said
    assert [(row.offer, row.words) for row in rows] == [
        ("own", "$0.00"),
        ("rival:Acme", "not available"),
        ("own", "$19.00 + ? shipping"),
        ("rival:Acme", "not seen"),
    ]
    assert [(one.series, one.name, one.words) for one in legend(data)] == [
        (0, "Own offer", "$0.00"),
        (1, "Acme", "not available"),
    ]
    assert 'class="glyph s3"' in sign(3)


def test_a_sparkline_ends_where_its_price_has_run_out() -> None:
    """None is a gap, and before the first step nothing is drawn."""
    steps = [[BEGIN + 10, 500], [BEGIN + 40, None], [BEGIN + 60, 700]]

    svg = sparkline(steps, BEGIN, BEGIN + 120, until=BEGIN + 100)

    across = [one for one in lines(svg, 0, "price") if one[0] != one[2]]
    assert [(x1, x2) for x1, _, x2, _ in across] == [(10, 40), (60, 100)]
    assert "between $5.00 and $7.00, $7.00 last" in svg
    assert "not known" in sparkline([], BEGIN, BEGIN + 120)


def test_a_small_ribbon_says_how_much_of_the_time_was_own() -> None:
    """A suppressed box is nobody's."""
    steps = [[BEGIN - 5, "own", None, False], [BEGIN + 50, "none", None, True]]

    svg = mini_ribbon(steps, BEGIN, BEGIN + 120, until=BEGIN + 100)

    boxes = ElementTree.fromstring(svg).findall(f"{SVG}rect")
    assert [(one.get("class"), one.get("x"), one.get("width")) for one in boxes[1:]] == [
        ("held own", "0", "50"),
        ("held suppressed", "50", "50"),
    ]
    assert "own 50% of the known time" in svg
    assert "buy box: unknown" in mini_ribbon([], BEGIN, BEGIN + 120)
