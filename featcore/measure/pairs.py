"""Two callables become a ratio of their times with an interval, a control and a verdict; knows no encoders.

Blocks run A B B A in one process, so that a machine that slows down steadily hurts both sides alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil
from time import perf_counter
from typing import Any, Literal

import numpy as np

from featcore.measure.quiet import watch
from featcore.measure.timer import Stopped, Stopping, block_size, idle, no_collection, warm_up

SEGMENT_S = 0.02
"""Seconds of one side in a row at least: shorter, and one interruption would be the whole figure."""
PRECISE = 0.005
"""Half-width of the interval of the ratio, as a share of it, that ends the comparison."""
SAME = 0.02
"""Sides that certainly differ by less are called the same."""
LEAST = 16
"""Blocks before the interval is believed."""
ENOUGH = 6
"""Blocks below which nothing is concluded: fewer hold no 95 % interval of a median, whatever they were resampled to."""
RESAMPLES = 2000
ORDER = "ABBA"

Call = Callable[[], Any]
Side = tuple[str, *tuple[Call, ...]]

Verdict = Literal["faster", "slower", "same", "cannot tell"]
Judgement = Literal["met", "missed", "cannot tell"]


@dataclass(frozen=True)
class Paired:
    """What B costs in terms of A.

    Attributes:
        ratios: time of B over time of A, one a block A B B A, in run order.
        control: the same of A against itself, from blocks A A A A that lie between the others: how far from 1 a ratio
            gets here by chance.
        a_s, b_s: seconds of one call in each block.
        first_a_s, first_b_s: the first (cold) call of each side; in none of the above.
        calls: calls of one letter of a block.
        stopped: as of `Timing`, for the interval of the ratio.
        seed: of the resampling that gives the intervals.
    """

    name: str
    a: str
    b: str
    ratios: tuple[float, ...]
    control: tuple[float, ...]
    a_s: tuple[float, ...]
    b_s: tuple[float, ...]
    first_a_s: float
    first_b_s: float
    calls: int
    warmup: int
    stopped: Stopped
    disturbed: str = ""
    seed: int = 0

    @property
    def ratio(self) -> float:
        """The median over the blocks."""
        return float(np.median(self.ratios))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of `ratio`."""
        return bootstrap(self.ratios, self.seed)

    @cached_property
    def control_interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of the control's ratio; 1 is the truth."""
        return bootstrap(self.control, self.seed + 1)

    @property
    def error(self) -> float:
        """How far from 1 the control's interval reaches, as a share."""
        return max(abs(edge - 1) for edge in self.control_interval)

    @property
    def verdict(self) -> Verdict:
        """What B is: faster or slower where the whole interval says so and by more than the control's error, the same
        where both intervals stay within `SAME` of 1, and else it cannot be told."""
        low, high = self.interval
        if len(self.ratios) < ENOUGH:
            return "cannot tell"
        if abs(self.ratio - 1) > self.error and not low <= 1 <= high:
            return "faster" if high < 1 else "slower"
        small = max(high - 1, 1 - low, self.error) <= SAME
        return "same" if small else "cannot tell"

    def judge(self, goal: float, least: bool = False) -> Judgement:
        """Whether the ratio is at most (with `least`: at least) the goal, with its whole interval and by more than the
        control's error."""
        low, high = self.interval
        if len(self.ratios) < ENOUGH or low <= goal <= high or abs(self.ratio - goal) <= self.error * goal:
            return "cannot tell"
        return "met" if (low > goal if least else high < goal) else "missed"


def compare(
    name: str,
    a: Side,
    b: Side,
    budget_s: float = 10.0,
    most: int = 200,
    settle: Callable[[], None] = idle,
    tell: Callable[[float], None] = idle,
    clock: Callable[[], float] = perf_counter,
    segment_s: float = SEGMENT_S,
) -> Paired:
    """Time B against A in paired blocks with control blocks between them.

    A side is a name and a callable, or several: each is then repeated in a loop of its own, and their times add up.

    Args:
        budget_s: seconds of timing after the warm-up; one block is run in any case.
        most: largest number of blocks.
        settle: waits until the device is done; called before and after the calls of a letter.
        tell: called between blocks with the share that is done; may raise to stop.
        segment_s: seconds of one letter at least, by repeating the call.
    """

    def once(side: tuple[Call, ...], calls: int = 1) -> float:
        return sum(loop(call, calls) for call in side)

    def loop(call: Call, calls: int) -> float:
        settle()
        start = clock()
        for _ in range(calls):
            call()
        settle()
        return (clock() - start) / calls

    run_a, run_b = a[1:], b[1:]
    tell(0.0)
    disturbed, found = watch(), _Blocks()
    with no_collection():
        first_a_s, first_b_s = once(run_a), once(run_b)
        warmup = 0
        for run, first_s in ((run_a, first_a_s), (run_b, first_b_s)):
            calls, last_s = warm_up(partial(once, run), budget_s / 6, most, tell, clock, first_s)
            warmup += calls
            found.shortest_s = min(found.shortest_s, last_s)
        calls = max(block_size(found.shortest_s, settle, clock), ceil(segment_s / max(found.shortest_s, 1e-9)))
        stopping, start = Stopping(PRECISE, LEAST, most), clock()
        stopped = None
        while stopped is None:
            found.add([once(run, calls) for run in (run_a, run_b, run_b, run_a)])
            found.add_control([once(run_a, calls) for _ in range(4)])
            spent = clock() - start
            tell(min(1.0, max(spent / budget_s, len(found.ratios) / most)))
            stopped = stopping.why(found.ratios, spent >= budget_s)
    return Paired(
        name=name,
        a=a[0],
        b=b[0],
        ratios=tuple(found.ratios),
        control=tuple(found.control),
        a_s=tuple(found.a_s),
        b_s=tuple(found.b_s),
        first_a_s=first_a_s,
        first_b_s=first_b_s,
        calls=calls,
        warmup=warmup,
        stopped=stopped,
        disturbed=disturbed(),
    )


class _Blocks:
    """What the blocks gave so far."""

    def __init__(self) -> None:
        self.ratios: list[float] = []
        self.control: list[float] = []
        self.a_s: list[float] = []
        self.b_s: list[float] = []
        self.shortest_s = float("inf")

    def add(self, seconds: list[float]) -> None:
        a_s, b_s = _outer_inner(seconds)
        self.ratios.append(b_s / a_s)
        self.a_s.append(a_s)
        self.b_s.append(b_s)

    def add_control(self, seconds: list[float]) -> None:
        outer, inner = _outer_inner(seconds)
        self.control.append(inner / outer)


def _outer_inner(seconds: list[float]) -> tuple[float, float]:
    """Means of the outer and of the inner two of four; never 0, which a coarse clock may say of a short call."""
    first, second, third, fourth = seconds
    return max((first + fourth) / 2, 1e-12), max((second + third) / 2, 1e-12)


def bootstrap(values: tuple[float, ...] | np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of the median. Source: Efron 1979, Annals of Statistics 7(1), 1-26."""
    rng = np.random.default_rng(seed)
    medians = np.median(rng.choice(np.asarray(values, float), (RESAMPLES, len(values))), axis=1)
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)
