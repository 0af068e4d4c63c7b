"""Static files: kept for ever under the hash of their content, and small."""

from __future__ import annotations

import gzip
import re
import tomllib
from pathlib import Path

import pytest

from tests.web.test_login import get
from walmart_stream.web.pages.static import NAMES, address

ROOT = Path(__file__).parents[2]

# Bytes, compressed, of everything that a first visit loads: dashboard's budget.
BUDGET = 60_000


@pytest.mark.parametrize("name", NAMES)
async def test_a_file_never_changes_under_its_address(site, name) -> None:
    """Under another release's address it is served, and not kept."""
    async with site.client.get(address(name)) as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        body = await response.read()
    for other in (f"/static/{name}", f"/static/{name}?v=older"):
        async with site.client.get(other) as response:
            assert response.headers["Cache-Control"] == "no-store"
            assert await response.read() == body
    packed = await site.client.get(
        address(name), headers={"Accept-Encoding": "gzip"}, auto_decompress=False
    )
    async with packed:
        assert gzip.decompress(await packed.read()) == body


async def test_pages_load_nothing_from_elsewhere(site) -> None:
    """Nor have they script, style or handlers in themselves, which their policy forbids."""
    for path in ("/watchlist", "/system", "/docs", "/login", "/nowhere"):
        page = await get(site, path, 404 if path == "/nowhere" else 200)

        loaded = re.findall(r'(?:src|href|action)="([^"]*)"', page)
        assert [one for one in loaded if not one.startswith(("/", "#", "?"))] == [], path
        assert not re.search(r"<style|<script(?! type=\"module\" src)|\sstyle=|\son\w+=", page), (
            path
        )


async def test_a_first_visit_is_small(site) -> None:
    """The page and all that it loads, compressed."""
    async with site.client.get(
        "/watchlist",
        headers={"Accept": "text/html", "Accept-Encoding": "gzip"},
        auto_decompress=False,
    ) as response:
        total = len(await response.read())
    for name in NAMES:
        async with site.client.get(
            address(name), headers={"Accept-Encoding": "gzip"}, auto_decompress=False
        ) as response:
            total += len(await response.read())

    assert total <= BUDGET


def test_the_wheel_has_templates_and_static_files() -> None:
    """Hatch takes every file of the package; nothing there is told to be left out."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    ignored = (ROOT / ".gitignore").read_text().splitlines()

    assert build["targets"]["wheel"]["packages"] == ["walmart_stream"]
    assert "exclude" not in build["targets"]["wheel"]
    assert not {"static", "static/", "templates", "*.js", "*.css", "*.html", "*.svg"} & set(ignored)
