"""A partition is parked if most of its input is bad."""

from __future__ import annotations

from walmart_stream.domain.bad_input import BadInputLimit


def test_a_few_bad_records_never_exceed_the_limit() -> None:
    """Not even if they are all there is so far."""
    limit = BadInputLimit(window=100)

    assert not limit.count(records=99, bad=99)


def test_more_than_the_ratio_exceeds_the_limit() -> None:
    """Nine in ten are borne, more are not."""
    limit = BadInputLimit(window=100)

    assert not limit.count(records=100, bad=90)
    assert limit.count(records=100, bad=91)


def test_good_times_long_past_do_not_excuse_bad_ones() -> None:
    """Only the last records count."""
    limit = BadInputLimit(window=100)
    for _ in range(1000):
        assert not limit.count(records=10, bad=0)

    exceeded = [limit.count(records=10, bad=10) for _ in range(10)]

    assert exceeded[-1]
    assert not any(exceeded[:9])


def test_bad_times_long_past_are_forgiven() -> None:
    """A burst of rubbish does not park the partition an hour later."""
    limit = BadInputLimit(window=100)
    limit.count(records=90, bad=90)
    for _ in range(20):
        limit.count(records=10, bad=0)

    assert not limit.count(records=10, bad=10)
