"""Files of rules that would hold or fill a worker are refused with a sentence."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from walmart_stream.domain.alerts.rule_file import DOTS_OF_FILE, MOST_RULES, read_toml, write_toml

# As many bytes as the API takes.
SIZE = 1_000_000
KEY = "a." * (SIZE // 2 - 50) + "a=1"
DOTS = "too many dots outside of texts"
DIGITS = "a number has more digits than can be read"

BOMBS = {
    "a key of parts": (KEY, DOTS),
    "a key of quoted parts": ('"a" . ' * (SIZE // 6) + "a=1", DOTS),
    "a table's key": ("[" + "a." * (SIZE // 2 - 50) + "a]", DOTS),
    "a key after a text": ('a = [{x="\\"", ' + KEY + "}]", DOTS),
    "a key after a text of lines": ('a = [{x="""\n"\n\\"""""", ' + KEY + "}]", DOTS),
    "a key after a raw text of lines": ("a = [{x='''\n'\n''', " + KEY + "}]", DOTS),
    "a key after a hash in a text": ('a = [{x="#", ' + KEY + "}]", DOTS),
    "a key after a quote in a comment": ("a = [ # '''\n{" + KEY + "}]", DOTS),
    "keys of parts": ("\n".join(f"b{n}." + "a." * 8 + "a=1" for n in range(SIZE // 30)), DOTS),
    "digits": ("a = " + "9" * (SIZE - 100), DIGITS),
    "an exponent": ("a = 1e" + "9" * 30, DIGITS),
    "arrays": ("a=" + "[" * (SIZE - 100), "not TOML"),
    "tables in tables": ("a=" + "{a=" * (SIZE // 3 - 50), "not TOML"),
    "quotes": ('"' * SIZE, "not TOML"),
    "escapes": ('"\\' * (SIZE // 2), "not TOML"),
    "rules": ("[[rule]]\n" * (SIZE // 9), f"there are more than {MOST_RULES:,} rules"),
    "values": ("a=[" + "[]," * (SIZE // 3 - 50) + "]", "there must be rules"),
}

# Reads what comes on standard input with this much more memory than a process has anyway.
READER = """
import pickle, resource, sys
from walmart_stream.domain.alerts.rule_file import read_toml
bombs = pickle.load(sys.stdin.buffer)
pages = int(open("/proc/self/statm").read().split()[0])
enough = pages * resource.getpagesize() + 192_000_000
resource.setrlimit(resource.RLIMIT_AS, (enough, enough))
for name, text in bombs.items():
    rules, faults = read_toml(text)
    assert not rules
    print(f"{name}: {faults[0]}")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is one of Linux")
def test_bombs_are_refused_with_a_reason_in_bounded_memory() -> None:
    """16 kB with a key of 8,000 parts made 270 MB, and what the API takes would have ended it."""
    given = pickle.dumps({name: text for name, (text, _) in BOMBS.items()})

    read = subprocess.run([sys.executable, "-c", READER], input=given, capture_output=True)

    reasons = dict(line.split(": ", 1) for line in read.stdout.decode().splitlines())
    assert set(reasons) == set(BOMBS), read.stderr.decode()
    assert {name for name, (_, due) in BOMBS.items() if due not in reasons[name]} == set()
    assert max(map(len, reasons.values())) < 300


def test_texts_and_amounts_may_have_dots() -> None:
    """As many amounts and names of sellers as a file may have are read."""
    rule = """[[rule]]
name = "undercut-{number}"  # e.g. a.b.c.d.e.f.g.h.i.j.k.l
all = true
when = "undercut"
by = 1.50
hysteresis = 0.50
sellers = [{sellers}]
"""
    sellers = ", ".join(f'"Toys Inc. {n}"' for n in range(40))
    text = "\n".join(rule.format(number=n, sellers=sellers) for n in range(MOST_RULES))

    rules, faults = read_toml(text)

    assert (len(rules), faults) == (MOST_RULES, [])
    assert 2 * MOST_RULES < DOTS_OF_FILE
    assert read_toml(write_toml(rules)) == (
        sorted(rules, key=lambda one: one.name),
        [],
    )
