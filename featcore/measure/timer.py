"""A callable becomes raw wall times, with the reason why timing ended; knows neither encoders nor torch."""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal

from featcore.types import median_interval

WINDOW = 5
"""Calls in one window of the warm-up."""
AGREE = 0.10
"""Spread of three successive windows, as a share, that ends the warm-up (as in Triton's perf_analyzer)."""
PRECISE = 0.02
"""Half-width of the interval of the median, as a share of the median, that ends the timing."""
LEAST = 30
"""Samples before the interval is believed: stopping early at a lucky interval would understate it."""


def idle(share: float = 0.0) -> None:
    """Does nothing: no device to wait for, nobody to tell."""


@dataclass(frozen=True)
class Timing:
    """Wall times of one callable.

    Attributes:
        first_s: the first call of this measurement, in seconds; it is in neither the warm-up nor the samples.
        samples_s: seconds of each timed call, in run order, after `warmup` untimed calls.
        stopped: the median is known to 2 %, the time is spent, or there are enough samples.
    """

    first_s: float
    warmup: int
    samples_s: tuple[float, ...]
    stopped: Literal["precise", "budget", "count"]
    result: Any = field(default=None, repr=False)


def timed(
    call: Callable[[], Any],
    settle: Callable[[], None] = idle,
    budget_s: float = 3.0,
    most: int = 300,
    tell: Callable[[float], None] = idle,
    clock: Callable[[], float] = perf_counter,
) -> Timing:
    """Time a callable, one call a sample.

    The warm-up ends when three successive windows of `WINDOW` calls agree within `AGREE`, or after a third of the
    budget. At least one call is timed, however small the budget.

    Args:
        settle: waits until the device is done; called before a sample starts and before it ends.
        budget_s: seconds of timing after the warm-up.
        most: largest number of samples.
        tell: called between calls, outside of what is timed, with the share that is done; may raise to stop.

    Returns:
        The samples, and as `result` what the first call returned.
    """

    def once() -> tuple[float, Any]:
        settle()
        start = clock()
        result = call()
        settle()
        return clock() - start, result

    tell(0.0)
    with no_collection():
        first_s, result = once()
        warmup = _warm_up(once, budget_s / 3 - first_s, most, tell, clock)
        samples: list[float] = []
        start = clock()
        while True:
            samples.append(once()[0])
            spent = clock() - start
            tell(min(1.0, max(spent / budget_s, len(samples) / most)))
            if len(samples) >= LEAST and _precise(samples):
                return Timing(first_s, warmup, tuple(samples), "precise", result)
            if len(samples) >= most:
                return Timing(first_s, warmup, tuple(samples), "count", result)
            if spent >= budget_s:
                return Timing(first_s, warmup, tuple(samples), "budget", result)


def _precise(samples: Iterable[float]) -> bool:
    interval = median_interval(samples)
    if interval is None:
        return False
    low, high = interval
    return (high - low) / 2 <= PRECISE * (low + high) / 2


def _warm_up(
    once: Callable[[], tuple[float, Any]],
    limit_s: float,
    most: int,
    tell: Callable[[float], None],
    clock: Callable[[], float],
) -> int:
    """Calls until three successive windows agree or a limit is met; returns how many."""
    start, calls, window, means = clock(), 0, 0.0, []
    while calls < most and clock() - start < limit_s:
        window += once()[0]
        calls += 1
        tell(0.0)
        if calls % WINDOW == 0:
            means.append(window / WINDOW)
            window = 0.0
            last = means[-3:]
            if len(last) == 3 and max(last) <= (1 + AGREE) * min(last):
                break
    return calls


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the garbage collector: it would stop some samples and not others."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
