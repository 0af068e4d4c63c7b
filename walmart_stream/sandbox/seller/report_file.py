"""The files of reports: CSV whose headings nobody can rely on, packed in one way or another."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Literal

FileStyle = Literal["zip", "gzip", "plain"]
Columns = Literal["documented", "legacy"]
TYPES: Mapping[FileStyle, str] = {
    "zip": "application/zip",
    "gzip": "application/gzip",
    "plain": "text/csv",
}
# Field of a row -> how each style spells its heading.
HEADINGS: Mapping[Columns, Mapping[str, str]] = {
    "documented": {
        "sku": "SKU",
        "item_id": "Item ID",
        "name": "Product Name",
        "category": "Product Category",
        "own_price": "Seller Item Price",
        "own_shipping": "Seller Ship Price",
        "winning": "isSellerBuyBoxWinner",
        "price": "BuyBox Item Price",
        "shipping": "BuyBox Ship Price",
    },
    "legacy": {
        "sku": "Sku",
        "item_id": "Item Id",
        "name": "Product Name",
        "category": "Product Category",
        "own_price": "Seller Item Price",
        "own_shipping": "Seller Ship Price",
        "winning": "IsSellerBuyBoxWinner",
        "price": "Buybox Item Price",
        "shipping": "Buybox Ship Price",
        "price_2": "Offer2 Item Price",
        "shipping_2": "Offer2 Ship Price",
        "price_3": "Offer3 Item Price",
        "shipping_3": "Offer3 Ship Price",
    },
}
WINNING: Mapping[Columns, tuple[str, str]] = {
    "documented": ("No", "Yes"),
    "legacy": ("false", "true"),
}


def csv_text(rows: Iterable[Mapping[str, str]], style: Columns) -> str:
    """The rows under the headings of *style*, CRLF lines as in RFC 4180."""
    headings = HEADINGS[style]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(headings), extrasaction="ignore", restval="")
    writer.writerow(headings)
    writer.writerows(rows)
    return text.getvalue()


def packed(text: str, name: str, style: FileStyle) -> bytes:
    """The file as it is downloaded."""
    if style == "plain":
        return text.encode()
    if style == "gzip":
        return gzip.compress(text.encode(), mtime=0)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", text)
    return file.getvalue()
