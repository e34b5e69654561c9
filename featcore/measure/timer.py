"""A callable becomes raw wall times, with the reason why timing ended; knows neither encoders nor torch."""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from time import perf_counter
from typing import Any, Literal, Protocol

from featcore.types import median_interval

WINDOW = 5
"""Calls in one window of the warm-up."""
AGREE = 0.10
"""Spread of three successive windows, as a share, that ends the warm-up (as in Triton's perf_analyzer)."""
PRECISE = 0.02
"""Half-width of the interval of the median, as a share of the median, that ends the timing."""
LEAST = 30
"""Samples before the interval is believed: stopping early at a lucky interval would understate it."""
SETTLED = 0.9
"""Twice as many samples make the interval of independent ones 0.71 times as wide. From this share on, twice in a row,
more samples no longer help: the machine wanders, and the interval would only pretend to be narrower."""
OVERHEAD = 0.001
"""Share of a block that reading the clock and waiting for the device may take."""
LONGEST_BLOCK = 10_000

Stopped = Literal["precise", "stable", "budget", "count"]


def idle(share: float = 0.0) -> None:
    """Does nothing: no device to wait for, nobody to tell."""


@dataclass(frozen=True)
class Timing:
    """Wall times of one callable.

    Attributes:
        first_s: the first call of this measurement, in seconds; it is in neither the warm-up nor the samples.
        samples_s: seconds of a timed call, in run order, after `warmup` untimed calls that took `warmup_s`; with
            blocks the mean over the `block` calls of each.
        stopped: the median is known to 2 % (precise), more samples no longer narrow its interval (stable), the time
            is spent (budget), or there are as many samples as were asked for (count).
        device_s: seconds that the device's own clock counted for each sample, where it has one; () where not. What a
            person waits for is `samples_s`: host and device. `device_first_s` is that of the first call.
    """

    first_s: float
    warmup: int
    samples_s: tuple[float, ...]
    stopped: Stopped
    result: Any = field(default=None, repr=False)
    block: int = 1
    warmup_s: float = 0.0
    device_s: tuple[float, ...] = ()
    device_first_s: float = 0.0


class Stopwatch(Protocol):
    """The device's own clock: marks before and after, read once the device is done."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def seconds(self) -> float: ...


def timed(
    call: Callable[[], Any],
    settle: Callable[[], None] = idle,
    budget_s: float = 3.0,
    most: int = 300,
    tell: Callable[[float], None] = idle,
    clock: Callable[[], float] = perf_counter,
    block: int | None = 1,
    watch: Stopwatch | None = None,
) -> Timing:
    """Time a callable.

    The warm-up ends when three successive windows of `WINDOW` calls agree within `AGREE`, or after a third of the
    budget. At least one sample is taken, however small the budget.

    Args:
        settle: waits until the device is done; called before a sample starts and before it ends.
        budget_s: seconds of timing after the warm-up.
        most: largest number of samples.
        tell: called between samples, outside of what is timed, with the share that is done; may raise to stop.
        block: calls of one sample; None: as many as make clock and waiting cost less than `OVERHEAD` of it. Percentiles
            are those of single calls, so they want 1.
        watch: the device's own clock.

    Returns:
        The samples, and as `result` what the first call returned.
    """

    def once(calls: int = 1) -> tuple[float, Any]:
        settle()
        start = clock()
        if watch is not None:
            watch.start()
        for _ in range(calls):
            result = call()
        if watch is not None:
            watch.stop()
        settle()
        return (clock() - start) / calls, result

    tell(0.0)
    with no_collection():
        first_s, result = once()
        device_first_s = 0.0 if watch is None else watch.seconds()
        start = clock()
        warmup, last_s = warm_up(lambda: once()[0], budget_s / 3 - first_s, most, tell, clock, first_s)
        warmup_s = clock() - start
        calls = block or block_size(last_s, settle, clock)
        samples: list[float] = []
        device: list[float] = []
        stopping = Stopping(most=most)
        start = clock()
        while True:
            samples.append(once(calls)[0])
            if watch is not None:
                device.append(watch.seconds() / calls)
            spent = clock() - start
            tell(min(1.0, max(spent / budget_s, len(samples) / most)))
            if stopped := stopping.why(samples, spent >= budget_s):
                return Timing(
                    *(first_s, warmup, tuple(samples), stopped, result, calls, warmup_s),
                    device_s=tuple(device),
                    device_first_s=device_first_s,
                )


class Stopping:
    """The rule that ends a measurement, asked after every sample.

    Args:
        precise: half-width of the interval of the median, as a share of it, that is enough.
        least, most: fewest samples before the interval is believed, and most samples at all.
    """

    def __init__(self, precise: float = PRECISE, least: int = LEAST, most: int = 300) -> None:
        self.precise, self.least, self.most = precise, least, most
        self._widths: list[float] = []

    def why(self, samples: Sequence[float], spent: bool) -> Stopped | None:
        """Why to stop now, None to go on; `spent` says whether the time is spent."""
        n = len(samples)
        if n >= self.least and precise_to(samples, self.precise):
            return "precise"
        if n >= self.most:
            return "count"
        if spent:
            return "budget"
        return "stable" if n == self.least * 2 ** len(self._widths) and self._settled(samples) else None

    def _settled(self, samples: Sequence[float]) -> bool:
        """Whether twice doubling the samples did not narrow the interval."""
        low, high = median_interval(samples) or (0.0, 0.0)
        self._widths.append(high - low)
        last = self._widths[-3:]
        return len(last) == 3 and all(after >= SETTLED * before for before, after in pairwise(last))


def block_size(call_s: float, settle: Callable[[], None], clock: Callable[[], float]) -> int:
    """Calls of one sample, so that reading the clock and waiting cost little of it."""
    costs = []
    for _ in range(11):
        start = clock()
        settle()
        settle()
        costs.append(clock() - start)
    overhead_s = sorted(costs)[5]
    return int(min(LONGEST_BLOCK, max(1, ceil(overhead_s / (OVERHEAD * max(call_s, 1e-9))))))


def precise_to(samples: Iterable[float], share: float) -> bool:
    """Whether half the interval of the median is at most this share of its middle."""
    interval = median_interval(samples)
    if interval is None:
        return False
    low, high = interval
    return (high - low) / 2 <= share * (low + high) / 2


def warm_up(
    once: Callable[[], float],
    limit_s: float,
    most: int,
    tell: Callable[[float], None],
    clock: Callable[[], float],
    last_s: float,
) -> tuple[int, float]:
    """Calls until three successive windows agree or a limit is met; returns how many, and seconds of the last one."""
    start, calls, window, means = clock(), 0, 0.0, []
    while calls < most and clock() - start < limit_s:
        last_s = once()
        window += last_s
        calls += 1
        tell(0.0)
        if calls % WINDOW == 0:
            means.append(window / WINDOW)
            window = 0.0
            last = means[-3:]
            if len(last) == 3 and max(last) <= (1 + AGREE) * min(last):
                break
    return calls, last_s


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
