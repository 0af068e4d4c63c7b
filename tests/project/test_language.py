"""Sentences of the docs are found where they begin, and code in them counts as one word."""

from __future__ import annotations

from tests.project.language import sentences

TEXT = """# A heading is no sentence

One sentence
over two lines. Another: with `much code in it`.

```
not looked at
```

* An item. [A link](docs/long-name.md) in it
| a cell. two | [another](x) |
"""


def test_sentences_are_found_with_their_lines() -> None:
    """Paragraphs, items and cells of tables are each read by themselves."""
    assert [(line, one) for line, one in sentences(TEXT) if one.strip(" |")] == [
        (3, "One sentence over two lines."),
        (3, "Another:"),
        (3, "with code."),
        (10, "An item."),
        (10, "A link in it"),
        (11, "| a cell."),
        (11, "two"),
        (11, "another |"),
    ]
