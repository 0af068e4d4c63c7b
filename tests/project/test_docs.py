"""The pages agree with the registries, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings
from walmart_stream.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_to_files(page: Path) -> None:
    """Every relative link names a file of the repository."""
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_four_files_lead_from_the_readme_to_a_price_change() -> None:
    """Each names the next one, as CONTRIBUTING.md says."""
    package = ROOT / "walmart_stream"
    readme, topology, agent, domain = (
        path.read_text(encoding="utf-8")
        for path in (
            *(ROOT / "README.md", package / "app.py"),
            *(package / "agents" / "process.py", package / "domain" / "apply.py"),
        )
    )

    assert "computes price changes and price windows with Faust" in " ".join(readme.split())
    assert "from walmart_stream.agents.process import Processor" in topology
    assert '(topics.RAW, "process", processor.handle)' in topology
    assert "from walmart_stream.domain.apply import Entry, Outcome, apply" in agent
    assert "return apply(known, entries, self._rules)" in agent
    assert "def _differences(before: Offer, after: Offer)" in domain
    assert 'kinds.append("price")' in domain


def test_the_table_of_topics_is_the_registry() -> None:
    """Each topic has its row, with how it is kept, and no other has one."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

    rows = re.findall(r"(?m)^\| `(walmart-[a-z-]+)` \|.*\| ([a-z ]+) \|$", text)

    assert rows == [(topic.name, topic.kept.value) for topic in TOPICS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_pages_name_exist(page: Path) -> None:
    """A setting that was renamed must not live on in the docs."""
    known = {name.upper() for name in Settings.model_fields}
    pattern = r"\b(?:KAFKA|MONGODB|WALMART|POLL|WEB|LOG|WINDOW|DATA|APP)_[A-Z_]+\b"

    named = set(re.findall(pattern, page.read_text(encoding="utf-8")))

    assert {name.removesuffix("_FILE") for name in named - known} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_metrics_that_pages_name_exist(page: Path) -> None:
    """An alarm on a metric that is not there never rings."""
    families = {family.name: family.type for family in Metrics().registry.collect()}
    known = {f"{name}_total" if kind == "counter" else name for name, kind in families.items()}

    named = set(re.findall(r"`(walmart_[a-z_]+)`", page.read_text(encoding="utf-8")))

    assert named - {"walmart_stream"} <= known
