"""``walmart-stream export``: stored documents as a file with a manifest."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymongo.errors import ExecutionTimeout

from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.export import reading
from walmart_stream.export.fields import EXPORTED, Exported
from walmart_stream.export.file import NotAFile, drafted
from walmart_stream.export.formats import Csv, Encoder, Ndjson
from walmart_stream.export.manifest import Tally
from walmart_stream.export.parquet import NoParquet, Parquet
from walmart_stream.export.reading import Choice
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.sealed import FieldSeal

__all__ = ["EXPORTED", "FORMATS", "Choice", "NoParquet", "NoSuchTag", "NotAFile", "export"]

Progress = Callable[[int, int | None], None]

FORMATS = ("csv", "ndjson", "parquet")


class NoSuchTag(LookupError):
    """No item has the tag; the message names it."""


async def export(
    settings: Settings,
    what: str,
    form: str,
    choice: Choice,
    path: Path,
    *,
    tag: str | None = None,
    with_mark: bool = False,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """Write the chosen documents to *path* and return the manifest, which is beside it.

    *what* is a name in ``EXPORTED``, *form* one of ``FORMATS``. With *tag*, of the items that have
    it; *choice* then names none. *progress* is called with the rows written and those expected,
    ``None`` where they are not known.

    Raises:
        NoParquet: pyarrow is not installed.
        NoSuchTag: no item has the tag.
        NotAFile: *path* is not a file that can be replaced.
        OSError: it cannot be written.
        PyMongoError: the database cannot be read.
    """
    kind = EXPORTED[what]
    encoder = _encoder(form, kind, with_mark)
    tally = Tally(kind)
    client = mongo.connect(settings)
    try:
        database = mongo.database(client, settings)
        if tag is not None:
            choice = replace(choice, items=await reading.tagged(database, tag))
            if not choice.items:
                raise NoSuchTag(f"no item has the tag {tag}")
        # Before the file: a database that is away leaves nothing.
        total = await _expected(database, kind, choice)
        with drafted(path) as draft:
            pages = reading.pages(database, kind, choice, FieldSeal.of(settings))
            async with aclosing(_pieces(encoder, pages)) as pieces:
                async for documents, piece in pieces:
                    draft.write(piece)
                    tally.add(documents, piece)
                    progress(tally.rows, total)
            manifest = {"what": what, "format": form, **_asked(choice, tag), **tally.fields()}
            draft.publish(manifest)
    finally:
        client.close()
    return manifest


async def _pieces(
    encoder: Encoder, pages: AsyncGenerator[Sequence[reading.Document], None]
) -> AsyncGenerator[tuple[Sequence[reading.Document], bytes], None]:
    yield (), encoder.begin()
    async with aclosing(pages):
        async for documents in pages:
            yield documents, encoder.encode(documents)
    yield (), encoder.end()


def _encoder(form: str, kind: Exported, with_mark: bool) -> Encoder:
    if form == "parquet":
        return Parquet(kind)
    return Csv(kind, with_mark=with_mark) if form == "csv" else Ndjson(kind)


async def _expected(database: Any, kind: Exported, choice: Choice) -> int | None:
    try:
        return await reading.count(database, kind, choice)
    except ExecutionTimeout:
        return None


def _asked(choice: Choice, tag: str | None) -> dict[str, Any]:
    return {
        "from": None if choice.since is None else to_iso(to_ms(choice.since)),
        "to": None if choice.until is None else to_iso(to_ms(choice.until)),
        "items": None if choice.items is None or tag is not None else sorted(choice.items),
        "tag": tag,
    }
