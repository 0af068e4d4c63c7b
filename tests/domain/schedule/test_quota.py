"""The daily quota: shared by partitions, charged where most is left, never exceeded in sum."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from walmart_stream.domain.schedule.quota import (
    DAY_MS,
    NONE,
    Days,
    Usage,
    decode_usage,
    encode_usage,
    share,
    spread,
)

START = 1_795_348_800_000
TODAY = START // DAY_MS

# As the agent has them (seconds): before an answer has told the time, and after.
UNSURE, SURE, LONGEST_CALL = 600.0, 5.0, 120.0


def today(day: int = TODAY) -> Days:
    return Days(day, day)


@given(st.integers(0, 100_000), st.integers(1, 200))
def test_the_shares_of_all_partitions_add_up_to_the_quota(calls: int, partitions: int) -> None:
    """However the partitions are spread over workers, nothing is granted twice or lost."""
    shares = [share(calls, partition, partitions) for partition in range(partitions)]

    assert sum(shares) == calls
    assert max(shares) - min(shares) <= 1


@given(st.dictionaries(st.integers(0, 20), st.integers(0, 50), min_size=1), st.data())
def test_no_partition_is_charged_beyond_its_share_while_another_has_calls_left(
    left: dict[int, int], data: st.DataObject
) -> None:
    """A debt would be forgiven when its partition moves to another worker."""
    calls = data.draw(st.integers(0, sum(left.values())))

    charged = spread(calls, left)

    assert sum(charged.values()) == calls
    assert all(charged[partition] <= left[partition] for partition in charged)


@given(
    st.integers(1, 60),
    st.integers(1, 24),
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 30)), max_size=30),
    st.randoms(use_true_random=False),
)
def test_workers_that_hand_their_partitions_around_never_exceed_the_daily_quota(
    quota: int, partitions: int, workers: int, asked: list[tuple[int, int]], random: object
) -> None:
    """The calls charged to a partition go with it: a takeover gives nobody more calls, and the
    owner of all partitions may use the whole quota."""
    used = dict.fromkeys(range(partitions), NONE)
    made = 0

    def left(owned: list[int]) -> dict[int, int]:
        return {
            each: max(0, share(quota, each, partitions) - used[each].on(TODAY)) for each in owned
        }

    def take(owned: list[int], calls: int) -> int:
        granted = min(calls, sum(left(owned).values()))
        for partition, charged in spread(granted, left(owned)).items():
            used[partition] = used[partition].plus(charged, today(), START)
        return granted

    for worker, calls in asked:
        owner = [random.randrange(workers) for _ in range(partitions)]  # type: ignore[attr-defined]
        made += take([p for p in range(partitions) if owner[p] == worker % workers], calls)
    assert made <= quota

    made += take(list(range(partitions)), quota)

    assert made == quota


@given(
    st.integers(1, 30),
    st.lists(st.floats(-UNSURE, UNSURE), min_size=1, max_size=4),
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.0, 60.0, 600.0, 5_000.0, 40_000.0]),
            st.integers(0, 3),
            st.integers(1, 12),
            st.floats(0, LONGEST_CALL),
            st.sampled_from(["unsure", "sure", "killed"]),
        ),
        max_size=60,
    ),
    st.floats(0, 86_400),
)
@settings(max_examples=300)
def test_wrong_clocks_restarts_and_midnight_never_exceed_the_quota_of_walmarts_day(
    quota: int,
    errors: list[float],
    moves: list[tuple[float, int, int, float, str]],
    begin: float,
) -> None:
    """Workers whose clocks are wrong, by ten minutes before the first answer and by seconds after
    it, take turns; some are killed with calls reserved. A call that is made up to two minutes
    after it was reserved counts on the day that Walmart has then."""
    usage = NONE
    true = TODAY * DAY_MS / 1000 + begin
    made: Counter[int] = Counter()

    for pause, worker, calls, delay, how in moves:
        true += pause
        error = errors[worker % len(errors)]
        doubt = UNSURE
        if how == "sure":
            error, doubt = error * SURE / UNSURE, SURE
        now = int((true + error) * 1000)
        days = Days.around(now, doubt, doubt + LONGEST_CALL)
        granted = max(0, min(calls, quota - usage.most(days)))
        usage = usage.plus(granted, days, now)
        spent = granted if how != "killed" else granted // 2
        made[int((true + delay) * 1000) // DAY_MS] += spent
        if how != "killed":
            usage = usage.plus(0, days, now)

    assert all(calls <= quota for calls in made.values()), made


def test_a_new_day_begins_with_nothing_used() -> None:
    """The quota is one of UTC days; close to midnight a call is charged to both."""
    before, after = 5 * DAY_MS - 1000, 5 * DAY_MS

    assert Days.around(after, 5, 125) == Days(4, 5)
    assert Days.around(after + 10_000, 5, 125) == Days(5, 5)
    assert Days.around(before - 200_000, 5, 125) == Days(4, 4)
    used = NONE.plus(3, today(4), before)

    assert (used.on(4), used.on(5)) == (3, 0)
    assert used.plus(2, Days(4, 5), after) == Usage(5, 2, 5, after)
    assert used.plus(2, today(5), after) == Usage(5, 2, 3, after)


def test_usage_never_goes_back_a_day() -> None:
    """A clock that is set back over midnight finds what was charged on either side of it."""
    used = NONE.plus(3, today(4), 1).plus(7, today(5), 2)

    back = used.plus(4, today(4), 3)

    assert (back.day, back.on(4), back.on(5)) == (5, 7, 7)


def test_a_clock_that_was_days_ahead_leaves_nothing_but_its_calls() -> None:
    """They count today, for they were made by now, and tomorrow is a new day: no wrong time stops
    polling for longer."""
    used = NONE.plus(9, today(TODAY + 400), 1)

    assert used.on(TODAY) == 9
    used = used.plus(1, today(), 2)

    assert used.on(TODAY) == 10
    assert used.on(TODAY + 1) == 0


def test_what_is_not_made_is_given_back_to_the_day_it_was_charged_to() -> None:
    """Also when midnight has come between."""
    used = NONE.plus(10, today(4), 1).plus(2, today(5), 2)

    assert used.plus(-6, today(4), 3) == Usage(5, 2, 4, 3)
    assert used.plus(-60, today(5), 3).on(5) == 0


@given(st.integers(0, 100_000), st.integers(0, 5000), st.integers(0, 5000), st.integers(0, START))
def test_what_is_kept_is_read_back(day: int, calls: int, before: int, at: int) -> None:
    """As JSON, which people can read; earlier releases kept day and calls."""
    usage = Usage(day, calls, before, at)

    assert decode_usage(encode_usage(usage)) == usage
    assert decode_usage(b"[20779,17]") == Usage(20779, 17)
