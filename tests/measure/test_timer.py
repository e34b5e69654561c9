"""The timer's logic under a clock that only moves when told to."""

import gc
from collections.abc import Callable

import numpy as np
import pytest

from featcore.errors import Cancelled
from featcore.measure.timer import timed
from featcore.types import median_interval


class Clock:
    """A clock, and a callable that takes the seconds it is given, the last one for ever."""

    def __init__(self, *seconds: float) -> None:
        self.now, self.calls, self.seconds = 0.0, 0, seconds

    def __call__(self) -> float:
        return self.now

    def work(self) -> int:
        self.now += self.seconds[min(self.calls, len(self.seconds) - 1)]
        self.calls += 1
        return self.calls


@pytest.mark.parametrize(
    ("n", "low", "high"), [(6, 1, 6), (10, 2, 9), (20, 6, 15), (30, 10, 21), (50, 18, 33), (100, 40, 61)]
)
def test_interval_of_the_median_is_the_known_order_statistics(n: int, low: int, high: int) -> None:
    assert median_interval(list(range(n, 0, -1))) == (low, high)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_too_few_samples_have_no_interval(n: int) -> None:
    assert median_interval([1.0] * n) is None


def test_interval_ranks_hold_at_least_95_percent_by_counting() -> None:
    from math import comb

    for n in range(6, 301):
        found = median_interval(list(range(1, n + 1)))
        assert found is not None
        low, high = found
        assert low + high == n + 1
        assert sum(comb(n, k) for k in range(int(low), int(high))) >= 0.95 * 2**n
        assert sum(comb(n, k) for k in range(int(low) + 1, int(high) - 1)) < 0.95 * 2**n


def test_steady_work_stops_as_precise_after_thirty_samples() -> None:
    clock = Clock(1.0, 0.01)
    timing = timed(clock.work, budget_s=30.0, clock=clock)
    assert timing.stopped == "precise"
    assert len(timing.samples_s) == 30
    assert timing.samples_s == pytest.approx([0.01] * 30)
    assert timing.first_s == 1.0
    assert timing.warmup == 15  # three windows that agree
    assert clock.calls == 1 + 15 + 30
    assert timing.result == 1


def test_slow_starts_are_left_in_the_warm_up() -> None:
    clock = Clock(*(1 / (i + 1) for i in range(20)), 0.01)
    timing = timed(clock.work, budget_s=100.0, clock=clock)
    assert timing.warmup >= 30
    assert max(timing.samples_s) == pytest.approx(0.01)


def test_noisy_work_stops_at_the_count_in_run_order() -> None:
    clock = Clock(*(0.001 * (1 + i % 7) for i in range(1000)))
    timing = timed(clock.work, budget_s=1000.0, most=40, clock=clock)
    assert timing.stopped == "count"
    assert len(timing.samples_s) == 40
    start = 1 + timing.warmup
    assert timing.samples_s == pytest.approx([0.001 * (1 + i % 7) for i in range(start, start + 40)])


def test_a_machine_that_gets_slower_and_slower_stops_as_stable() -> None:
    """Each call takes 2 % longer than the one before: more samples widen the interval for ever."""
    clock = Clock(*(0.001 * 1.02**i for i in range(400)))
    timing = timed(clock.work, budget_s=1e9, clock=clock)
    assert (timing.stopped, len(timing.samples_s)) == ("stable", 120)


def test_independent_samples_go_on_narrowing_and_are_not_called_stable() -> None:
    rng, reasons = np.random.default_rng(0), []
    for _ in range(100):
        clock = Clock(*rng.lognormal(-5, 0.5, 500))
        reasons.append(timed(clock.work, budget_s=1e9, clock=clock).stopped)
    assert reasons.count("stable") <= 5
    assert reasons.count("count") >= 90


def test_the_median_of_a_known_distribution_lies_in_its_interval() -> None:
    rng, inside = np.random.default_rng(1), 0
    for _ in range(200):
        clock = Clock(*np.exp(rng.normal(np.log(0.01), 0.04, 500)))
        timing = timed(clock.work, budget_s=1e9, clock=clock)
        assert timing.stopped == "precise"
        low, high = median_interval(timing.samples_s) or (0, 0)
        inside += low <= 0.01 <= high
    assert inside >= 0.92 * 200


def test_a_rare_outlier_moves_neither_median_nor_stop() -> None:
    clock = Clock(*(0.01 if i % 10 else 1.0 for i in range(400)))
    timing = timed(clock.work, budget_s=1e9, clock=clock)
    assert timing.stopped == "precise"
    assert np.median(timing.samples_s) == pytest.approx(0.01)
    assert max(timing.samples_s) == pytest.approx(1.0)


def test_short_calls_are_put_in_blocks_that_dwarf_clock_and_waiting() -> None:
    clock = Clock(1.8e-5)

    def settle() -> None:
        clock.now += 1e-6

    # A lone call reads 19 microseconds with its wait, and two waits are a thousandth of 106 of those.
    timing = timed(clock.work, settle, budget_s=10.0, clock=clock, block=None)
    assert timing.block == 106
    assert timing.samples_s[0] == pytest.approx(1.8e-5, rel=1e-3)
    assert clock.calls == 1 + timing.warmup + 106 * len(timing.samples_s)


def test_the_clock_of_the_device_is_read_once_a_sample_and_kept_apart() -> None:
    clock = Clock(0.01)

    class Watch:
        began = ended = 0.0

        def start(self) -> None:
            self.began = clock.now

        def stop(self) -> None:
            self.ended = clock.now

        def seconds(self) -> float:
            return 0.25 * (self.ended - self.began)

    timing = timed(clock.work, budget_s=10.0, clock=clock, watch=Watch())
    assert timing.device_s == pytest.approx([0.0025] * len(timing.samples_s))
    assert timing.samples_s == pytest.approx([0.01] * len(timing.samples_s))


def test_slow_work_stops_at_the_budget_with_at_least_one_sample() -> None:
    clock = Clock(10.0)
    timing = timed(clock.work, budget_s=3.0, clock=clock)
    assert (timing.stopped, timing.warmup, timing.samples_s) == ("budget", 0, (10.0,))


def test_the_warm_up_takes_a_third_of_the_budget_at_most() -> None:
    clock = Clock(*(0.1 * (1 + i % 3) for i in range(500)))
    timing = timed(clock.work, budget_s=3.0, clock=clock)
    assert timing.first_s + sum([0.1 * (1 + i % 3) for i in range(1, 1 + timing.warmup)]) <= 1.0 + 0.3


def test_waiting_for_the_device_is_inside_a_sample_and_never_before_it() -> None:
    clock = Clock(0.0)
    queued = [5.0]  # seconds of work somebody else has left on the device

    def settle() -> None:
        clock.now += sum(queued)
        queued.clear()

    timing = timed(lambda: queued.append(0.25), settle, budget_s=20.0, clock=clock)
    assert timing.first_s == 0.25
    assert set(timing.samples_s) == {0.25}


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_paused_and_put_back(was_on: bool) -> None:
    def work() -> None:
        assert not gc.isenabled()
        clock.work()

    clock = Clock(1.0)
    (gc.enable if was_on else gc.disable)()
    try:
        timed(work, budget_s=1.0, clock=clock)
        assert gc.isenabled() is was_on
        with pytest.raises(Cancelled):
            timed(work, budget_s=9.0, tell=_stop_after(2), clock=clock)
        assert gc.isenabled() is was_on
    finally:
        gc.enable()


def test_progress_rises_and_ends_at_one() -> None:
    clock, told = Clock(0.2), []
    timed(clock.work, budget_s=3.0, tell=told.append, clock=clock)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)


def _stop_after(calls: int) -> Callable[[float], None]:
    left = [calls]

    def tell(share: float) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Cancelled("stopped by the user")

    return tell
