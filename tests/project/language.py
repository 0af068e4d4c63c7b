"""The rules of language that a machine can hold; ``make lint`` runs it.

A docstring opens with a noun phrase or a verb. Words that make a reader parse a sentence twice
are replaced by the field's own. A sentence of the docs has at most ``MOST_WORDS`` words.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

OPENINGS = re.compile(r"(?:What|Who|Whom|Whose|When|Which|Of)\b", re.ASCII)

# Each with the words to use instead.
BANNED = {
    r"worked off": "processed",
    r"made anew": "recreated, renewed",
    r"makes? anew": "recreate, renew",
    r"in one go": "at once",
    r"all the same": "anyway",
    r"so many": "say how many, or: this number of",
    r"(?:is|are|was|were) no (?:file|key|text|JSON|secret|list|number|object)": "is not a",
    r"(?:is|are|was|were) no (?:reason|fault|error)": "is not a",
    r"an? \w+ is due": "must be",
    r"text is due": "must be text",
    r"(?:no|too) dear": "expensive",
    r"dearer": "more expensive",
    r"of no use": "cannot help",
}
_BANNED = [(re.compile(rf"\b{words}\b"), better) for words, better in BANNED.items()]

# Words of a sentence in the docs. Most have fewer than 20; the longest that a reader still takes in
# once are lists.
MOST_WORDS = 38
# The changelog has one entry a line of thought, often of names.
_UNMEASURED = {"CHANGELOG.md"}

_BLOCK_OF_CODE = re.compile(r"(?ms)^```.*?^```")
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_END = re.compile(r"(?<=[.:;?!])[)\"*]*\s+")
_ITEM = re.compile(r"\s*(?:[*-]|\d\.) ")


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """Each sentence of Markdown with its paragraph's line; code counts as one word."""
    paragraph: list[str] = []
    start = 1
    blank = _BLOCK_OF_CODE.sub(lambda block: "\n" * block[0].count("\n"), text)
    for number, line in enumerate([*blank.splitlines(), ""], 1):
        is_apart = line.startswith(("|", "#")) or not line.strip()
        if is_apart or _ITEM.match(line):
            for one in _split(" ".join(paragraph)):
                yield start, one
            paragraph, start = [], number
        if line.startswith("|"):
            for cell in line.split(" | "):
                for one in _split(cell):
                    yield number, one
        elif not is_apart:
            start = start if paragraph else number
            mark = _ITEM.match(line)
            paragraph.append(line[mark.end() if mark else 0 :].strip())


def _split(text: str) -> list[str]:
    return _END.split(_LINK.sub(r"\1", _CODE.sub("code", text)))


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository that git knows, by shell patterns."""
    done = subprocess.run(
        ["git", "ls-files", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in done.stdout.splitlines()]


def faults_of(path: Path) -> Iterator[str]:
    """Each fault of a file, as ``path:line: what is wrong``."""
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT)
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if not isinstance(
                node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            ):
                continue
            docstring = ast.get_docstring(node)
            if docstring and OPENINGS.match(docstring):
                line = getattr(node, "lineno", 1)
                yield f"{name}:{line}: the docstring opens with {docstring.split()[0]!r}"
    if path.suffix == ".md" and path.name not in _UNMEASURED:
        for number, sentence in sentences(text):
            if (words := len(sentence.split())) > MOST_WORDS:
                yield f"{name}:{number}: a sentence of {words} words: {sentence[:60]} …"
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, better in _BANNED:
            if found := pattern.search(line):
                yield f"{name}:{number}: {found[0]!r}; better: {better}"


def main() -> None:
    files = [path for path in tracked("*.py", "*.md") if path != Path(__file__).resolve()]
    faults = [fault for path in files for fault in faults_of(path)]
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
