"""The watchlist as a page, without a browser: plain requests and forms."""

from __future__ import annotations

import html
import re

import aiohttp
import pytest
from aiokafka.errors import KafkaTimeoutError

from tests.web.test_login import get, post
from walmart_stream.domain.watch import WatchEntry, parse_csv
from walmart_stream.web.pages.watchlist import ENTRIES, MAX_FILE

HOSTILE = "<script>alert(1)</script>\"'&amp;\u202e"


async def test_an_item_is_added_and_removed_by_forms(site) -> None:
    """Each form leads on to the page, which says what was done."""
    add = {"action": "add", "item_id": " https://www.walmart.com/ip/a-name/4711?x=1 ", "note": "n"}
    add["tags"] = "Toys, red,"
    response, _ = await post(site, "/watchlist", add, 303)

    assert response.headers["Location"] == "/watchlist?added=4711"
    assert site.live.watchlist["4711"].note == "n"
    assert site.live.watchlist["4711"].tags == ("red", "toys")
    page = await get(site, "/watchlist?added=4711", 200)
    assert "Item 4711 is watched" in page
    assert 'data-row="4711"' in page

    await post(site, "/watchlist", {"action": "remove", "item_id": "4711"}, 303)
    assert not site.live.watchlist
    assert "Nothing is watched yet" in await get(site, "/watchlist?removed=4711", 200)


@pytest.mark.parametrize("item_id", ["", "x", "0042", "1" * 21, HOSTILE])
async def test_a_wrong_id_is_said_beside_the_form_with_what_was_typed(site, item_id) -> None:
    """Nothing has changed; what would be right is said."""
    fields = {"action": "add", "item_id": item_id}
    if not item_id:
        _, page = await post(site, "/watchlist", fields, 400)
        assert "item_id" in page
        return

    _, page = await post(site, "/watchlist", fields, 400)

    assert "fault" in page
    assert f'value="{item_id}"' in html.unescape(page)
    assert not site.live.watchlist


async def test_notes_are_text(site) -> None:
    """Markup in them is shown, not obeyed, and their direction stays within them."""
    site.live.watchlist["42"] = WatchEntry(item_id="42", note=HOSTILE)

    page = await get(site, "/watchlist", 200)

    assert "<script>alert" not in page
    assert f"<bdi>{html.escape(HOSTILE)}</bdi>" in page


async def test_a_file_is_shown_before_anything_of_it_is_taken(site) -> None:
    """Line by line what is wrong; then the good rows, and only those, are taken."""
    content = f"item_id,note\n4711,good\nx,{HOSTILE}\n0042,\n4712,\n"
    data = aiohttp.FormData()
    data.add_field("file", content.encode(), filename="w.csv", content_type="text/csv")

    async with site.client.post(
        "/watchlist/import", data=data, headers={"Origin": site.url, "Accept": "text/html"}
    ) as response:
        page = await response.text()
        assert response.status == 200

    assert not site.live.watchlist
    lines = re.findall(r'class="label">Line </span>(\d+)</th>', page)
    assert lines == ["3", "4"]
    assert "<script>alert" not in page
    found = re.search(r'<textarea name="text"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found is not None
    text = html.unescape(found[1])
    assert "Watch 2 items" in page

    answer, _ = await post(site, "/watchlist/import", {"text": text, "take": "yes"}, 303)
    assert answer.headers["Location"] == "/watchlist?imported=2"
    assert sorted(site.live.watchlist) == ["4711", "4712"]
    assert site.live.watchlist["4711"].note == "good"


@pytest.mark.parametrize("text", ["", "   \n", "name\nx\n", "\x00\x01", "a,b\nc,d"])
async def test_a_file_without_items_is_said_to_be_one(site, text) -> None:
    """400, with what would be right, and no button to take it."""
    _, page = await post(site, "/watchlist/import", {"text": text, "take": "yes"}, 400)

    assert "No line names an item" in page
    assert 'name="take"' not in page
    assert not site.live.watchlist


async def test_a_large_file_is_for_the_command(site) -> None:
    """The refusal names it; a form is not of that size in any case."""
    data = aiohttp.FormData()
    data.add_field("file", b"4711\n" * (MAX_FILE // 5 + 1), filename="w.csv")
    sent = {"Origin": site.url, "Accept": "text/html"}

    async with site.client.post("/watchlist/import", data=data, headers=sent) as response:
        assert response.status == 400
        assert "walmart-stream watch import" in await response.text()
    await post(site, "/watchlist", {"action": "add", "item_id": "9" * 70_000}, 413)


async def test_a_long_list_has_pages(site) -> None:
    """Each item once."""
    ids = [str(number) for number in range(1000, 1000 + 2 * ENTRIES + 1)]
    site.live.watchlist = {item_id: WatchEntry(item_id=item_id) for item_id in ids}
    seen: list[str] = []
    path = "/watchlist"

    while path:
        page = await get(site, path, 200)
        seen += re.findall(r'data-row="(\d+)"', page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        path = html.unescape(following[1]) if following else ""

    assert seen == ids


async def test_the_list_can_be_taken_along_and_brought_back(site) -> None:
    """As a file that the form takes, and as JSON with an ETag."""
    tagged = WatchEntry(item_id="1001", note='a "note", really', tags=("gifts", "red"))
    site.live.watchlist = {"1001": tagged, "1002": WatchEntry(item_id="1002")}

    async with site.client.get("/watchlist.csv?cursor=") as response:
        entries, faults = parse_csv(await response.text())
    assert not faults
    assert [(one.item_id, one.note, one.tags) for one in entries] == [
        ("1001", 'a "note", really', ("gifts", "red")),
        ("1002", None, ()),
    ]
    found = await site.json("/watchlist.json")
    assert found == await site.json("/api/watchlist")
    async with site.client.get("/watchlist.json") as response:
        again = {"If-None-Match": response.headers["ETag"]}
    async with site.client.get("/watchlist.json", headers=again) as response:
        assert response.status == 304


async def test_errors_are_pages_for_people(site) -> None:
    """With the words of the JSON that programs get."""
    site.live.broken = KafkaTimeoutError()

    assert "kafka: the brokers did not answer" in await get(site, "/watchlist", 503)
    assert "limit" in await get(site, "/watchlist?limit=1", 400)
    assert "Not found" in await get(site, "/nowhere", 404)
    fields = {"action": "add", "item_id": "42"}
    _, page = await post(site, "/watchlist", fields, 503)
    assert "Try again" in page
    await site.json("/watchlist", 503)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"action": "add"}, "item_id"),
        ({"action": "other", "item_id": "42"}, "action"),
        ({"action": "add", "item_id": "42", "more": "x"}, "more"),
    ],
)
async def test_a_form_that_is_not_ours_names_its_fault(site, fields, named) -> None:
    """400, as a query would be."""
    _, page = await post(site, "/watchlist", fields, 400)

    assert named in page
    assert not site.live.watchlist


async def test_a_body_that_is_no_form_is_refused(site) -> None:
    """Not taken for a fault of ours, however it is broken."""
    kind = "multipart/form-data; boundary=x"
    sent = {"Origin": site.url, "Accept": "text/html", "Content-Type": kind}
    body = b"--x\r\nNone--x--\r\n"

    async with site.client.post("/watchlist/import", data=body, headers=sent) as response:
        assert response.status == 400


async def test_the_list_is_filtered_by_tag(site) -> None:
    """On the page, in its data and in its file; its links keep the filter."""
    for number in range(1, 2 * ENTRIES + 3):
        tags = ("toys",) if number % 2 else ()
        site.live.watchlist[str(number)] = WatchEntry(item_id=str(number), tags=tags)

    page = await get(site, "/watchlist?tag=Toys", 200)

    assert f"{ENTRIES + 1} items are watched with the tag" in html.unescape(
        re.sub("<[^>]+>", "", page)
    )
    assert 'data-row="1"' in page
    assert 'data-row="10"' not in page
    (more,) = re.findall(r'href="([^"]+)" rel="next"', page)
    behind = await get(site, html.unescape(more), 200)
    assert len(re.findall("data-row=", behind)) == 1
    assert 'href="/watchlist?tag=toys" rel="first"' in behind
    data = await site.json("/watchlist.json?tag=toys")
    assert data["total"] == ENTRIES + 1
    assert all(one["tags"] == ["toys"] for one in data["items"])
    async with site.client.get("/watchlist.csv?tag=toys") as response:
        assert (await response.text()).count("toys") == ENTRIES
    assert "No watched item has the tag" in await get(site, "/watchlist?tag=red", 200)
    assert "a tag must be" in await get(site, "/watchlist?tag=a,b", 400)
    assert 'data-row="10"' in await get(site, "/watchlist?tag=", 200)


async def test_removing_keeps_the_place(site) -> None:
    """On a page of a filtered list, too."""
    for number in range(100, 100 + ENTRIES + 5):
        site.live.watchlist[str(number)] = WatchEntry(item_id=str(number), tags=("toys",))
    page = await get(site, "/watchlist?tag=toys", 200)
    (more,) = re.findall(r'href="([^"]+)" rel="next"', page)
    page = await get(site, html.unescape(more), 200)
    ids = re.findall(r'data-row="(\d+)"', page)
    (action,) = set(re.findall(r'<form method="post" action="(/watchlist\?[^"]*)"', page))
    fields = {"action": "remove", "item_id": ids[0]}

    response, _ = await post(site, html.unescape(action), fields, 303)

    shown = await get(site, response.headers["Location"], 200)
    assert f"Item {ids[0]} is not watched any more" in shown
    assert re.findall(r'data-row="(\d+)"', shown) == ids[1:]
