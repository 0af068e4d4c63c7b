"""The watchlist over HTTP: JSON and CSV in, pages out."""

from __future__ import annotations

import pytest

from walmart_stream.domain.watch import WatchEntry

CSV = {"Content-Type": "text/csv"}
NOW_TEXT = "2026-11-22T18:00:00.500Z"


async def post(site, **options):
    return await site.json("/api/watchlist", method="POST", **options)


@pytest.mark.parametrize(
    "body",
    [
        {"item_id": "42", "note": "toys"},
        {"items": [{"item_id": "42", "note": "toys"}]},
        {"items": ["42", {"item_id": "42", "note": "toys"}]},
    ],
)
async def test_items_are_added_as_json(site, body) -> None:
    """One or several; of several for one item the last one counts. The time is the server's."""
    answer = await post(site, json=body)

    assert answer == {"added": 1, "rejected": []}
    assert (await site.json("/api/watchlist")) == {
        "items": [{"item_id": "42", "note": "toys", "added_at": NOW_TEXT, "tags": []}],
        "total": 1,
        "next_cursor": None,
    }


async def test_an_item_has_tags(site) -> None:
    """In one form, however they are written; what cannot be one is named."""
    await post(site, json={"item_id": "42", "tags": ["Toys", " red"]})

    assert (await site.json("/api/watchlist"))["items"][0]["tags"] == ["red", "toys"]
    error = await site.error("/api/watchlist", 400, "POST", json={"item_id": "42", "tags": ["<"]})
    assert "tags: a tag must be 1–40 letters and digits" in error


async def test_bare_ids_are_enough(site) -> None:
    """A list of them is what people have."""
    await post(site, json={"items": ["42", "43"]})

    assert sorted(site.live.watchlist) == ["42", "43"]


@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; charset=utf-8; header=present"])
async def test_items_are_added_as_csv_and_bad_rows_named(site, content_type) -> None:
    """The rest goes in."""
    body = "item_id,note\r\n42,a\r\nabc,b\r\n43,\r\n"

    answer = await post(site, data=body.encode(), headers={"Content-Type": content_type})

    assert answer["added"] == 2
    assert [row["line"] for row in answer["rejected"]] == [3]
    assert answer["rejected"][0]["reason"].startswith("item_id 'abc': must be 1–20 digits")
    assert site.live.watchlist["42"].note == "a"


async def test_a_body_that_is_not_utf8_is_windows_own(site) -> None:
    """Old spreadsheets write it and declare nothing."""
    answer = await post(site, data=b"item_id;note\n42;caf\xe9\n", headers=CSV)

    assert answer == {"added": 1, "rejected": []}
    assert site.live.watchlist["42"].note == "café"


@pytest.mark.parametrize("body", [b'{"item_id":"42"}', b'{"items":["42"]}', b' {"item_id":"42"}\n'])
async def test_a_byte_order_mark_before_json_is_skipped(site, body) -> None:
    """Editors and PowerShell put it there; it is no part of the JSON."""
    headers = {"Content-Type": "application/json"}

    answer = await post(site, data=b"\xef\xbb\xbf" + body, headers=headers)

    assert answer == {"added": 1, "rejected": []}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("item_id;note\r\n42;caf\u00e9\r\n", "utf-16"),
        ("sep=,\r\nItem ID,Note\r\n42,caf\u00e9\r\n", "utf-8-sig"),
        ("SKU\tItem ID\tNote\nA-1\t42.0\tcaf\u00e9\n", "cp1252"),
        ('SKU,Item ID,Product Name,Note\nA-1,"=""42""","Cup, red",caf\u00e9\n', "utf-8"),
        ('https://www.walmart.com/ip/Red-Cup/42,"caf\u00e9"\n', "utf-16-le"),
    ],
)
async def test_a_list_is_taken_in_the_dialect_of_whoever_wrote_it(site, text, encoding) -> None:
    """Excel's, Walmart's own and a person's: separators, encodings and ids as they come."""
    answer = await post(site, data=text.encode(encoding), headers=CSV)

    assert answer == {"added": 1, "rejected": []}
    assert site.live.watchlist["42"].note == "caf\u00e9"


async def test_csv_without_any_item_is_400(site) -> None:
    """With the bad rows; nobody is told that all is well."""
    answer = await site.json("/api/watchlist", 400, "POST", data=b"name\nfoo\nbar\n", headers=CSV)

    assert answer["error"]["code"] == "bad_request"
    assert [row["line"] for row in answer["rejected"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b'"42"', "the body: must be an object with item_id or items"),
        (b"{}", "item_id: Field required"),
        (b'{"item_id":"abc"}', "item_id 'abc': must be 1–20 digits"),
        (b'{"item_id":42}', "item_id: Input should be a valid string"),
        (b'{"item_id":"42","priority":1}', "priority: Extra inputs are not permitted"),
        (b'{"item_id":"42","added_at":"2026-11-22T18:00:00Z"}', "added_at: Extra inputs"),
        (b'{"items":[]}', "items: List should have at least 1 item"),
        (b'{"items":"42"}', "items: Input should be a valid list"),
        (b'{"items":["42","x"]}', "items.1.item_id 'x': must be 1–20 digits"),
        (b'{"items":["42",{"item_id":"43","note":5}]}', "items.1.note: Input should be"),
        (b'{"items":["42"],"item_id":"43"}', "item_id '43': Extra inputs are not permitted"),
        (b'{"item_id":"42","note":"\\u001b[2J"}', "note: must be plain text in UTF-8"),
        (b'{"item_id":"42","note":"\\ud800"}', "the body is not JSON"),
        (b'{"item_id":"42","note":"\xff"}', "the body is not JSON"),
    ],
)
async def test_bad_json_is_400_and_nothing_goes_in(site, body, message) -> None:
    """A program sent it: it is told which field is wrong."""
    error = await site.error(
        "/api/watchlist", 400, "POST", data=body, headers={"Content-Type": "application/json"}
    )

    assert error.startswith(f"bad_request: {message}")
    assert site.live.watchlist == {}


async def test_a_body_of_more_than_a_mebibyte_is_413(site) -> None:
    """It is not read to its end."""
    body = b"item_id\n" + b"42\n" * 400_000

    error = await site.error("/api/watchlist", 413, "POST", data=body, headers=CSV)

    assert error.startswith("request_entity_too_large:")
    assert site.live.watchlist == {}


async def test_items_are_removed(site) -> None:
    """Removing again is not an error: the item is not watched, which is what was asked."""
    site.live.watchlist["42"] = WatchEntry(item_id="42")

    for _ in range(2):
        assert await site.json("/api/watchlist/42", method="DELETE") == {"removed": "42"}

    assert site.live.watchlist == {}


async def test_what_is_removed_must_be_an_item(site) -> None:
    """By its id."""
    error = await site.error("/api/watchlist/all", 400, "DELETE")

    assert error.startswith("bad_request: item_id:")


async def test_the_list_is_paged(site) -> None:
    """In the order of ids as text."""
    for item_id in ("9", "10", "100", "2"):
        site.live.watchlist[item_id] = WatchEntry(item_id=item_id)

    first = await site.json("/api/watchlist?limit=3")
    second = await site.json(f"/api/watchlist?limit=3&cursor={first['next_cursor']}")

    assert [entry["item_id"] for entry in first["items"]] == ["10", "100", "2"]
    assert [entry["item_id"] for entry in second["items"]] == ["9"]
    assert (first["total"], second["total"], second["next_cursor"]) == (4, 4, None)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/json"}, b'{"items":[' + b"1," * 450_000 + b"1]}"),
        ({"Content-Type": "application/json"}, b'{"items":[' + b'"1",' * 200_000 + b'"1"]}'),
        (CSV, b"x\n" * 450_000),
        (CSV, b"\r" * 900_000),
    ],
    ids=["numbers", "ids", "lines", "line ends"],
)
async def test_a_list_of_half_a_million_is_refused_at_once(site, headers, body) -> None:
    """Forty of them took gigabytes: each entry was looked at, and each had an error of its own."""
    error = await site.error("/api/watchlist", 400, "POST", data=body, headers=headers)

    assert "at most 100000" in error
    assert site.live.watchlist == {}


async def test_of_many_bad_entries_the_first_is_named(site) -> None:
    """As many as are looked at, and no more errors than one."""
    error = await site.error("/api/watchlist", 400, "POST", json={"items": ["42", *["x"] * 90_000]})

    assert error.startswith("bad_request: items.1.item_id")
