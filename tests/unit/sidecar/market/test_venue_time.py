"""The venue's time while the host's clock is set, and the pace of what is done."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.clock import ManualClock
from sidecar.market.pace import Bucket
from sidecar.market.venue_time import AGE_MS_MAX, VenueTime


class SetClock(ManualClock):
    def put(self, by_ms: int) -> None:
        self._now_ms += by_ms


@given(by_ms=st.one_of(st.integers(-(10**10), -1), st.integers(3_600, 10**10)))
def test_time_does_not_follow_a_clock_that_is_set(by_ms: int) -> None:
    clock = SetClock(10**12)
    time = VenueTime(clock.now_ms)
    time.learn(10**12 + 500, time.now_ms())
    assert time.is_trusted()

    clock.put(by_ms)

    assert time.now_ms() == 10**12 + 500
    assert not time.is_trusted()
    time.learn(10**12 + 700, time.now_ms())
    assert time.now_ms() == 10**12 + 700
    assert time.is_trusted()


def test_an_answer_is_trusted_for_a_while() -> None:
    clock = SetClock(10**12)
    time = VenueTime(clock.now_ms)
    time.learn(10**12, time.now_ms())
    for _ in range(AGE_MS_MAX // 1_000):
        clock.advance(1_000)
        assert time.is_trusted()
    clock.advance(1_000)
    assert not time.is_trusted()


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=200))
def test_no_minute_has_more_than_the_bucket_allows(pauses_ms: list[int]) -> None:
    bucket, now_ms, used = Bucket(8, 3_000), 0, []
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        now_ms += bucket.wait_ms(now_ms)
        used.append(now_ms)

    assert all(sum(at <= each < at + 60_000 for each in used) <= 28 for at in used)
