"""The memory of an item's polls, by which a missed item becomes unavailable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.schedule.poll import (
    ANSWERED,
    INVALID,
    MISSING,
    NEVER,
    AbsenceRule,
    Poll,
    decode_poll,
    encode_poll,
    lengthen,
    shorten,
)
from walmart_stream.domain.schedule.sights import UNSEEN, Sights

START = 1_795_348_800_000
HOUR = 3_600_000
RULE = AbsenceRule(polls=3, time_ms=HOUR)

moments = st.integers(0, START)
polls = st.builds(
    Poll,
    at=moments,
    outcome=st.sampled_from(["", ANSWERED, MISSING, INVALID]),
    answered=moments,
    misses=st.integers(0, 10),
    missed_since=moments,
    told=st.integers(0, 1),
    sights=st.builds(
        Sights,
        seen=moments,
        changed=st.integers(0, 10**6).map(lambda number: number / 1000),
        distance=st.integers(-7000, 20_000).map(lambda number: number / 1000),
        quiet=st.integers(0, 10**9).map(lambda number: number / 1000),
        own=st.integers(0, 1),
        told=moments,
        near=st.integers(0, 1),
    ),
)


@given(polls)
def test_what_is_kept_is_read_back(poll: Poll) -> None:
    """As JSON, which people can read."""
    assert decode_poll(encode_poll(poll)) == poll


def test_what_an_earlier_release_kept_is_still_read() -> None:
    """Tables outlive releases; a failed poll of theirs is none."""
    assert decode_poll(b'[1795348800000,"answered"]') == Poll(START, ANSWERED, answered=START)
    assert decode_poll(b'[1795348800000,"missing"]') == Poll(START, MISSING, answered=START)
    assert decode_poll(b'[1795348800000,"failed"]').at == 0
    before = decode_poll(b'[1795348800000,"answered",1795348800000,0,0,0]')
    assert before == Poll(START, ANSWERED, answered=START, sights=UNSEEN)


def test_a_poll_of_the_future_counts_as_never() -> None:
    """A worker whose clock was ahead must not leave its items unpolled until that time comes;
    workers' clocks that differ by seconds do not make it ask twice."""
    poll = Poll(START, ANSWERED, answered=START)

    assert poll.seen_at(START - 120_000) == poll._replace(at=0)
    assert poll.seen_at(START - 5_000) == poll


def test_an_item_missed_often_and_for_long_is_unavailable_once() -> None:
    """Neither a few omissions in a minute nor one in an hour, and not again at each further one."""
    poll = Poll(START, ANSWERED, answered=START)
    told = []

    for minutes in (10, 20, 60, 75, 90):
        poll, tells = RULE.after(poll, MISSING, START + minutes * 60_000, is_gone=True)
        told.append(tells)

    assert told == [False, False, False, True, False]
    assert (poll.misses, poll.missed_since) == (5, START + 600_000)


def test_an_answer_ends_the_absence() -> None:
    """The next one begins anew."""
    poll = Poll(START, MISSING, answered=1, misses=7, missed_since=1, told=1)

    poll, tells = RULE.after(poll, ANSWERED, START + 1, is_gone=False)

    assert not tells
    assert poll == Poll(START + 1, ANSWERED, answered=START + 1)


def test_what_an_item_does_is_remembered_through_polls_of_every_outcome() -> None:
    """Its sights are of all sources; a poll that fails or misses takes none of them away."""
    sights = Sights(START, 3.0, 2.0, 100.0, 1)
    poll = Poll(START, ANSWERED, answered=START, sights=sights)

    for outcome in (ANSWERED, MISSING, INVALID):
        poll, _ = RULE.after(poll, outcome, START + 1, is_gone=outcome == MISSING)
        assert poll.sights == sights


def test_a_sight_of_the_future_counts_as_never_too() -> None:
    """A foreign producer whose clock is ahead does not keep an item from being polled."""
    poll = Poll(START, ANSWERED, answered=START, sights=Sights(START + 500_000, 1.0, 3.0))

    assert poll.seen_at(START + 1000).seen == START
    assert poll.seen_at(START + 1000).sights.changed == 1.0


def test_an_item_that_was_never_answered_has_nothing_to_lose() -> None:
    """A hundred thousand mistyped ids make no observations."""
    poll = NEVER

    for number in range(1, 10):
        poll, tells = RULE.after(poll, INVALID, START + number * HOUR, is_gone=True)
        assert not tells


def test_a_refusal_that_is_not_about_the_item_says_nothing_of_it() -> None:
    """The catalogue is not gone because Walmart refuses everything for an hour."""
    poll = Poll(START, ANSWERED, answered=START)

    for number in range(1, 10):
        poll, tells = RULE.after(poll, INVALID, START + number * HOUR, is_gone=False)
        assert not tells

    assert (poll.outcome, poll.misses, poll.answered) == (INVALID, 0, START)


@given(st.lists(st.integers(-HOUR, HOUR), max_size=20))
def test_a_clock_that_jumps_makes_nothing_unavailable_too_early(steps: list[int]) -> None:
    """At least this number of polls, and this time between the earliest and the latest time."""
    poll, now, times = Poll(START, ANSWERED, answered=START), START, []

    for step in steps:
        now += step
        times.append(now)
        poll, tells = RULE.after(poll, MISSING, now, is_gone=True)
        if tells:
            assert len(times) >= RULE.polls
            assert max(times) - min(times) >= RULE.time_ms


def test_an_event_of_the_future_has_told_of_nothing() -> None:
    """The item would be left to events until then."""
    poll = Poll(START, ANSWERED, sights=Sights(seen=START, told=START + 400_000))

    assert poll.seen_at(START).sights.told == 0
    assert poll.seen_at(START + 200_000) == poll


answered = st.builds(
    lambda poll, at: poll._replace(
        at=at, outcome=ANSWERED, answered=at, misses=0, missed_since=0, told=0
    ),
    polls,
    st.integers(10**12, START),
)


@given(polls.map(encode_poll) | answered.map(encode_poll) | st.binary(max_size=20))
def test_a_value_comes_back_from_its_shorter_form_as_it_was(value: bytes) -> None:
    """Byte by byte: what this worker restores, another one may have written."""
    assert lengthen(b"", shorten(b"", value)) == value


@given(answered)
def test_of_an_answered_poll_the_time_is_kept_and_the_sights(poll: Poll) -> None:
    """Once, and nothing of what is so of all of them."""
    kept = shorten(b"", encode_poll(poll))

    assert kept.startswith(b"%d" % poll.at)
    assert len(kept) == len(encode_poll(poll)) - len('[,"answered",,0,0,0') - len(str(poll.at))


@given(st.binary(max_size=3), st.binary(max_size=3))
def test_nearly_an_answered_poll_is_kept_as_it_is(before: bytes, behind: bytes) -> None:
    """The table holds the calls of each partition, too, and later releases may write more."""
    for value in (
        before + b'[1795348800000,"answered",1795348800000,0,0,0' + behind,
        b"[1795348800000" + before + b',"answered",1795348800000,0,0' + behind,
        before + b"1795348800000]",
    ):
        assert lengthen(b"", shorten(b"", value)) == value
