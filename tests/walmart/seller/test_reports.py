"""The buy-box report: asked for, waited for, fetched, unpacked, and read in every spelling."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import zipfile

import pytest

from tests.walmart.seller_server import NOTHING, fault, reply
from walmart_stream.walmart.errors import (
    CredentialsRefused,
    Gone,
    JobFailed,
    MalformedResponse,
    NotReady,
    ServerUnavailable,
)
from walmart_stream.walmart.seller.buy_box import OtherOffer, read_report

HEADER = (
    "SKU,Item ID,Product Name,Product Category,Seller Item Price,Seller Ship Price,"
    "isSellerBuyBoxWinner,BuyBox Item Price,BuyBox Ship Price\n"
)
CSV = HEADER + 'A/1,536405217,"Kettle, blue",Home,24.97,0,No,23.49,5.99\nB,7,Cup,,9,,Yes,9.00,\n'


def zipped(content, name="BuyBoxReport.csv", **others):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", "x" * 10_000)
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        CSV.encode(),
        b"\xef\xbb\xbf" + CSV.encode(),
        CSV.replace("\n", "\r\n").encode(),
        CSV.encode("utf-16"),
        gzip.compress(CSV.encode()),
        zipped(CSV),
        zipped(gzip.compress(CSV.encode()), "report.csv.gz"),
        CSV.replace("isSellerBuyBoxWinner", "IsSellerBuyBoxWinner")
        .replace("SKU", "Sku")
        .replace("BuyBox Item Price", "Buybox Item Price")
        .encode(),
        CSV.replace("Item ID", '"item_id"')
        .replace("Yes", "true")
        .replace("No,", "FALSE,")
        .encode(),
        CSV.replace(",", "\t").replace('"Kettle\t blue"', "Kettle, blue").encode(),
        CSV.replace("24.97", "$24.97").replace("536405217", "536405217.0").encode(),
    ],
    ids=["csv", "bom", "crlf", "utf16", "gz", "zip", "gz in zip", "case", "old", "tab", "dollar"],
)
def test_a_report_is_read_however_it_is_packed_and_spelt(body):
    """Free shipping is 0, an empty cell is unknown."""
    report = read_report(body)

    kettle, cup = report.rows
    assert (kettle.sku, kettle.item_id, kettle.name) == ("A/1", "536405217", "Kettle, blue")
    assert (kettle.price_cents, kettle.shipping_cents, kettle.wins) == (2497, 0, False)
    assert (kettle.box_price_cents, kettle.box_shipping_cents) == (2349, 599)
    assert (cup.price_cents, cup.shipping_cents, cup.wins) == (900, None, True)
    assert (cup.category, cup.box_shipping_cents) == (None, None)
    assert report.malformed == 0


def test_old_files_name_the_offers_behind_the_winner():
    """Those places that are filled."""
    header = HEADER.strip() + ",Offer2 Item Price,Offer2 Ship Price,Offer3 Item Price\n"

    (row,) = read_report((header + "A,7,,,1,0,No,2,0,25.00,4.99,\n").encode()).rows

    assert row.others == (OtherOffer(2, 2500, 499),)


def test_lines_that_name_no_item_are_counted():
    """And cost nothing but themselves; nor do cells without a price."""
    lines = ["A,7,,,a lot,N/A,maybe,,", ",7,,,1,1,No,,", "B,none,,,1,,,,", "", "C,8,,,1,2,No,3,4"]

    report = read_report((HEADER + "\n".join(lines)).encode())

    assert [row.sku for row in report.rows] == ["A", "C"]
    assert (report.rows[0].price_cents, report.rows[0].shipping_cents) == (None, None)
    assert report.rows[0].wins is None
    assert report.malformed == 2


def test_identifiers_are_taken_as_they_stand():
    """Words for nothing belong to amounts and flags; blanks around a SKU to nobody."""
    skus = ["NA", "null", "None", "-", "n/a", " A-2 "]

    report = read_report((HEADER + "".join(f"{sku},7,,,,,,,\n" for sku in skus)).encode())

    assert [row.sku for row in report.rows] == ["NA", "null", "None", "-", "n/a", "A-2"]


STRAY = 'S,8,"Cup 5" tall,Home,1,0,No,1,0\n'


@pytest.mark.parametrize(
    "line",
    [
        'S,8,"Cup,Home,1.00,0,No,1.00,0\n',
        STRAY,
        "S,8,Cup\n",
        "S,8,Cup,Home,1.00,0,No,1.00,0,9.99\n",
        f"S,8,{'x' * 200_000},Home,1.00,0,No,1.00,0\n",
        f'S,8,"{"x" * 200_000}",Home,1.00,0,No,1.00,0\n',
    ],
    ids=["stray quote", "text behind a quote", "too few", "too many", "huge", "huge and quoted"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_malformed_line_is_counted_and_costs_only_itself(line, end):
    """The next line is read, and no price of another SKU gets into it."""
    rows = 'B,9,"Bowl, 2"" deep",Home,2.00,0,No,2.00,0\nC,10,"Two\nlines",,3.00,,Yes,3.00,\n'
    text = HEADER + "A,7,Jug,Home,5.00,0,No,5.00,0\n" + line + rows

    report = read_report(text.replace("\n", end).encode())

    assert [(row.sku, row.price_cents) for row in report.rows] == [
        ("A", 500),
        ("B", 200),
        ("C", 300),
    ]
    assert [row.name for row in report.rows] == ["Jug", 'Bowl, 2" deep', "Two lines"]
    assert report.malformed == 1


A_ROW = "A,7,Jug,Home,5.00,0,No,5.00,0\n"


@pytest.mark.parametrize(
    ("row", "later"),
    [
        ('S,8,"Cup,Home,1.00,0,No,1.00,0\n', 'C,10,TV 24",Home,3.00,0,No,3.00,0\n'),
        ('S,8,Cup,Home,1.00,0,No,1.00,"0\n', 'C,10,TV,Home,3.00,0,No,3.00,0"\n'),
        ('"S,8,Cup,Home,1.00,0,No,1.00,0\n', 'C",10,TV,Home,3.00,0,No,3.00,0\n'),
        ('S,8,Cup,"Home,1.00,0,No,1.00,0\n', f'{A_ROW}C,10,"TV",Home,3.00,0,No,3.00,0"\n'),
    ],
    ids=["inches", "last cells", "first cells", "a row between"],
)
def test_a_stray_quote_takes_no_price_from_the_row_that_happens_to_close_it(row, later):
    """A row inside of a cell is a row: the line with the stray quote is malformed, alone."""
    report = read_report((HEADER + row + later + A_ROW).encode())

    assert {row.sku: row.price_cents for row in report.rows}.keys() <= {"A", "C", 'C"'}
    assert {row.price_cents for row in report.rows if row.sku == "A"} == {500}
    assert "S" not in [row.sku for row in report.rows]
    assert [row.sku for row in report.rows][-1] == "A"
    assert report.malformed == 1


def test_a_cell_of_many_lines_is_one_cell():
    """However many lines, up to what a spreadsheet's cell can hold."""
    text = "Cup, 5 inches\n" * 1_500

    report = read_report((HEADER + f'S,8,"{text}",Home,1,0,No,1,0\n' + A_ROW).encode())

    assert [row.sku for row in report.rows] == ["S", "A"]
    assert report.malformed == 0


@pytest.mark.parametrize("odd", ["Ju\0g", "\x07Jug", '"Jug\x0b\x0c"'])
def test_a_control_character_in_a_cell_costs_nothing(odd):
    """A zero byte, say, does not make the report a program."""
    report = read_report((HEADER + A_ROW.replace("Jug", odd)).encode())

    assert [(row.sku, row.price_cents) for row in report.rows] == [("A", 500)]


def test_many_stray_quotes_cost_their_own_lines_only():
    """The search for their ends is bounded, over the whole file."""
    stray = 'S,8,"Cup,Home,1.00,0,No,1.00,0\n' + "x\n" * 20
    text = HEADER + stray * 3_000 + A_ROW

    report = read_report(text.encode())

    assert [row.sku for row in report.rows] == ["A"]
    assert report.malformed == 3_000 * 21


FIRST = HEADER + "A,7,Jug,Home,5.00,0,No,5.00,0\n"
SECOND = "B,9,Bowl,Home,2.00,0,No,2.00,0\n"


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(FIRST.encode()) + gzip.compress(SECOND.encode()),
        gzip.compress(FIRST.encode()) + b"\0" * 512 + gzip.compress(SECOND.encode()) + b"\0" * 9,
        gzip.compress(FIRST[:40].encode())
        + gzip.compress(FIRST[40:].encode())
        + gzip.compress(SECOND.encode()),
    ],
    ids=["two members", "zero padding", "members that cut a line"],
)
def test_all_members_of_a_gzip_file_are_read(body):
    """As RFC 1952 has it, and as tools write who append."""
    assert [row.sku for row in read_report(body).rows] == ["A", "B"]


def test_all_tables_of_a_zip_file_are_read():
    """Each CSV with the columns; a notice beside them is passed over."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("part-1.csv", FIRST)
        archive.writestr("notice.csv", "Notice\nNo offers were left out\n")
        archive.writestr("part-2.CSV.gz", gzip.compress((HEADER + SECOND).encode()))

    assert [row.sku for row in read_report(buffer.getvalue()).rows] == ["A", "B"]


def many_files():
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"{number}.csv", b"0" * 8_000_000)
    return nested.getvalue()


# Made when they are needed: every process of a run imports this file.
BOMBS = {
    "rows": lambda: gzip.compress(HEADER.encode() + b"a,1,,,,,,,\n" * 1_500_000),
    "columns": lambda: gzip.compress(HEADER.strip().encode() + b",x" * 5_000_000),
    "lines": lambda: gzip.compress(HEADER.encode() + b'"\n' * 100_000),
    "files": many_files,
    "zeros": lambda: gzip.compress(b"\0" * 80_000_000),
}


# Reads the report on standard input with no more memory than it has and 400 MB.
BOUNDED = """
import resource, sys
from walmart_stream.walmart.errors import MalformedResponse
from walmart_stream.walmart.seller.buy_box import read_report

body = sys.stdin.buffer.read()
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 400 * 1024 * 1024, -1))
try:
    report = read_report(body)
    print(len(report.rows), "rows,", report.malformed, "malformed")
except MalformedResponse as exc:
    print("refused:", exc)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_bounded_memory(name):
    """Kilobytes that unpack to millions of rows, columns or bytes do not take the worker along."""
    body = BOMBS[name]()

    done = subprocess.run([sys.executable, "-c", BOUNDED], input=body, capture_output=True)

    said = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    expected = "0 rows, 100000 malformed" if name == "lines" else "refused: the report"
    assert said.startswith(expected), said


def test_a_report_of_nothing_has_no_rows():
    """A seller without offers."""
    assert read_report(HEADER.encode()).rows == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PK\x03\x04 and so on",
        zipped(CSV)[:-40],
        gzip.compress(CSV.encode())[:-9],
        b"\x89PNG\r\n\x1a\n\0\0\0",
        b"Order,Total\n1,2\n",
        b'{"message":"not found"}',
    ],
)
def test_what_is_no_report_is_malformed(body):
    """The message says what it is instead."""
    with pytest.raises(MalformedResponse, match="report"):
        read_report(body)


class Reports:
    """Makes a report in *looks* looks; its link works after *early* refusals of the storage."""

    def __init__(self, body, looks=2, *, storage=(), links=(), end="READY"):
        self.body, self.looks, self.end = body, looks, end
        self.storage, self.links = list(storage), list(links)
        self.downloads = []

    def answer(self, asked):
        if asked.method == "POST":
            return reply({"requestId": "id/1", "requestStatus": "RECEIVED"})
        if asked.path.startswith("/v3/reports/reportRequests/"):
            self.looks -= 1
            return reply({"requestStatus": self.end if self.looks < 0 else "INPROGRESS"})
        if asked.path == "/v3/reports/downloadReport":
            if self.links:
                return self.links.pop(0)
            host = asked.headers["Host"]
            link = f"http://{host}/storage/f%2F1?sig=a%2Fb%2B%3D&n={len(self.downloads)}"
            return reply({"requestId": "id/1", "downloadURL": link})
        self.downloads.append(asked)
        return self.storage.pop(0) if self.storage else reply(self.body)


async def test_a_report_is_asked_for_waited_for_and_fetched(open_seller):
    """Looked for within the 20 looks an hour; the link is used as it is, without our token."""
    reports = Reports(zipped(CSV))
    client, server = await open_seller(reports.answer)

    request_id = await client.buy_box.request()
    report = await client.buy_box.wait(request_id)

    assert [row.sku for row in report.rows] == ["A/1", "B"]
    assert report.request_id == "id/1"
    asked, *looks = server.asked[:4]
    assert asked.query == {"reportType": "BUYBOX", "reportVersion": "v1"}
    assert asked.body == b"{}"
    assert {look.path for look in looks} == {"/v3/reports/reportRequests/id%2F1"}
    assert looks[2].at - looks[0].at >= 360
    (download,) = reports.downloads
    assert (download.path, download.query_string) == ("/storage/f%2F1", "sig=a%2Fb%2B%3D&n=0")
    assert not [name for name in download.headers if name.upper().startswith("WM_")]
    assert "Authorization" not in download.headers


async def test_gzip_on_the_way_is_unpacked_too(open_seller):
    """Whether the storage says so or not."""
    client, _ = await open_seller(Reports(gzip.compress(CSV.encode()), 0).answer)

    assert len((await client.buy_box.wait("id/1")).rows) == 2


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_expired_link_is_asked_for_anew(open_seller, status):
    """Once; a report that is gone for good is said to be so."""
    expired = [reply(b"<Error>expired</Error>", status) for _ in range(3)]
    renewed = Reports(CSV.encode(), 0, storage=expired[:1])
    client, _ = await open_seller(renewed.answer)
    gone, _ = await open_seller(Reports(CSV.encode(), 0, storage=expired[1:]).answer)

    assert len(await client.reports.fetch("id/1")) == len(CSV)
    with pytest.raises(Gone) as caught:
        await gone.reports.fetch("id/1")

    assert len(renewed.downloads) == 2
    assert "sig=" not in str(caught.value)


async def test_a_file_that_lags_behind_its_status_is_waited_for(open_seller):
    """READY is said before the link is there."""
    reports = Reports(CSV.encode(), 0, links=[fault(404, *NOTHING)])
    client, server = await open_seller(reports.answer)

    assert len((await client.buy_box.wait("id/1")).rows) == 2
    # READY once is READY for good: looks are scarce.
    assert len([a for a in server.asked if "reportRequests" in a.path]) == 1


async def test_a_report_that_walmart_gives_up_is_an_error(open_seller):
    """Waiting on would be in vain."""
    client, _ = await open_seller(Reports(b"", 1, end="ERROR").answer)

    with pytest.raises(JobFailed, match="id/1") as caught:
        await client.buy_box.wait("id/1")

    assert not caught.value.retriable


async def test_a_report_that_takes_too_long_can_be_asked_for_later(open_seller):
    """By its id."""
    client, _ = await open_seller(Reports(b"", 1000).answer)

    with pytest.raises(NotReady, match="id/1"):
        await client.buy_box.wait("id/1", within=2000)


async def test_throttled_looks_are_waited_out(open_seller, clock):
    """The 21st look in an hour is refused; the report is found anyway."""
    reports = Reports(CSV.encode(), 1)
    turned_away = [
        fault(429, "REQUEST_THRESHOLD_VIOLATED.GMP", retry_after="1800") for _ in range(2)
    ]

    def answer(asked):
        if turned_away and "reportRequests/" in asked.path:
            return turned_away.pop()
        return reports.answer(asked)

    client, server = await open_seller(answer)

    await client.buy_box.wait("id/1")

    looks = [asked.at for asked in server.asked if "reportRequests/" in asked.path]
    assert len(looks) == 4
    assert looks[1] - looks[0] >= 1800


async def test_what_waiting_does_not_heal_ends_the_wait(open_seller):
    """A revoked key, for one."""
    client, _ = await open_seller(
        Reports(b"").answer, on_token=lambda asked: fault(401, "UNAUTHORIZED.GMP")
    )

    with pytest.raises(CredentialsRefused):
        await client.buy_box.wait("id/1")


@pytest.mark.parametrize(
    "link", ["http://elsewhere.test/file", "ftp://h/f", "file:///etc/passwd", "", None, 7]
)
async def test_a_link_that_leads_astray_is_not_followed(open_seller, link):
    """Only to https, or back to where we are."""
    client, server = await open_seller(lambda asked: reply({"downloadURL": link}), attempts=1)

    with pytest.raises(MalformedResponse):
        await client.reports.fetch("id/1")

    assert len(server.asked) == 1


async def test_a_storage_that_is_down_is_tried_again(open_seller):
    """And a page of HTML is no report."""
    page = reply(b"<html><title>Sorry</title></html>")
    reports = Reports(CSV.encode(), 0, storage=[reply(b"", 503), page])
    client, _ = await open_seller(reports.answer)
    down, _ = await open_seller(Reports(b"", 0, storage=[reply(b"", 500) for _ in range(4)]).answer)

    assert len((await client.buy_box.wait("id/1")).rows) == 2
    with pytest.raises(ServerUnavailable):
        await down.reports.fetch("id/1")


@pytest.mark.parametrize(
    "link",
    [
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://walmart.com.evil.example/x",
        "https://evilwalmart.com/x",
        "https://user@walmart.com/x",
        "https://walmart.com:8443/x",
        "http://walmart.com/x",
        "https://[walmart.com/x",
        "ftp://walmart.com/x",
    ],
)
async def test_a_link_leads_to_hosts_that_are_named_only(open_seller, link):
    """A server in Walmart's place must not steer requests from here into the network."""
    links = reply({"requestId": "id/1", "downloadURL": link})
    client, server = await open_seller(Reports(b"", 0, links=[links]).answer)

    with pytest.raises(MalformedResponse, match="link to the file"):
        await client.reports.fetch("id/1")

    assert [asked.path for asked in server.asked] == ["/v3/reports/downloadReport"]
