"""Ratios, stops and verdicts of a comparison whose truth is known, under a clock that only moves when told to."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from featcore.errors import Cancelled
from featcore.measure.pairs import Paired, compare


class Machine:
    """A clock, and work that takes a known time, made longer by noise, by drift and by interruptions."""

    def __init__(self, seed: int = 0, noise: float = 0.0, drift: float = 0.0, interrupted: float = 0.0) -> None:
        self.now, self.rng = 0.0, np.random.default_rng(seed)
        self.noise, self.drift, self.interrupted = noise, drift, interrupted

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> Callable[[], None]:
        def run() -> None:
            took = seconds * float(np.exp(self.rng.normal(0, self.noise))) * (1 + self.drift * self.now)
            self.now += took + (0.3 if self.rng.random() < self.interrupted else 0.0)

        return run

    def compare(self, ratio: float, budget_s: float = 1e9, **options) -> Paired:
        a, b = self.work(0.03), self.work(0.03 * ratio)
        return compare("x", ("a", a), ("b", b), budget_s, clock=self, **options)


@pytest.mark.parametrize(("ratio", "verdict"), [(0.7, "faster"), (1.3, "slower"), (1.0, "same"), (1.01, "slower")])
def test_a_known_ratio_is_found_exactly_on_a_quiet_machine(ratio, verdict):
    found = Machine().compare(ratio)
    assert found.ratio == pytest.approx(ratio)
    assert found.interval == pytest.approx((ratio, ratio))
    assert found.control_interval == pytest.approx((1, 1))
    assert (found.stopped, len(found.ratios), found.calls) == ("precise", 16, 1)
    assert found.verdict == verdict
    assert found.a_s == pytest.approx([0.03] * 16)


def test_a_machine_that_slows_down_steadily_favours_nobody():
    found = Machine(drift=0.05).compare(1.0)
    assert found.a_s[-1] > 1.15 * found.a_s[0]
    assert found.ratio == pytest.approx(1, abs=1e-3)
    assert found.verdict == "same"


@pytest.mark.parametrize("kind", [{"noise": 0.03}, {"noise": 0.02, "interrupted": 0.1}, {"noise": 0.02, "drift": 0.02}])
def test_two_equal_sides_are_told_apart_in_a_few_per_cent_at_most(kind):
    verdicts = Counter(Machine(seed, **kind).compare(1.0, most=40).verdict for seed in range(250))
    assert verdicts["faster"] + verdicts["slower"] <= 0.04 * 250, verdicts
    assert verdicts["same"] + verdicts["cannot tell"] >= 0.96 * 250


def test_a_real_difference_is_seen_through_noise_and_interruptions():
    verdicts = Counter(Machine(seed, 0.02, 0.0, 0.1).compare(0.9, most=60).verdict for seed in range(60))
    assert verdicts["faster"] >= 57, verdicts
    assert verdicts["slower"] == 0


def test_a_difference_below_the_control_s_own_error_cannot_be_told():
    verdicts = Counter(Machine(seed, noise=0.4).compare(1.03, most=16).verdict for seed in range(60))
    assert verdicts["cannot tell"] >= 54, verdicts


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    found = [Machine(seed, noise=0.05).compare(1.1, most=30).interval for seed in range(200)]
    assert sum(low <= 1.1 <= high for low, high in found) >= 0.9 * 200


def test_why_it_stopped_is_said():
    assert Machine(noise=0.01).compare(1.0).stopped == "precise"
    assert Machine(noise=0.5).compare(1.0, most=20).stopped == "count"
    spent = Machine(noise=0.5).compare(1.0, budget_s=2.0)
    assert spent.stopped == "budget"
    assert sum(spent.a_s) * 2 + sum(spent.b_s) * 2 < 2.5


def test_short_calls_are_repeated_until_a_letter_lasts():
    machine = Machine()
    found = compare("x", ("a", machine.work(0.001)), ("b", machine.work(0.002)), clock=machine)
    assert found.calls == 20
    assert found.ratio == pytest.approx(2)


def test_the_first_calls_are_cold_and_apart():
    machine, calls = Machine(), Counter()

    def work(name: str, seconds: float) -> None:
        machine.now += 5.0 if not calls[name] else seconds
        calls[name] += 1

    found = compare("x", ("a", lambda: work("a", 0.03)), ("b", lambda: work("b", 0.06)), clock=machine, budget_s=60)
    assert (found.first_a_s, found.first_b_s) == (5.0, 5.0)
    assert max(found.a_s + found.b_s) == pytest.approx(0.06)


def test_it_can_be_stopped_between_blocks():
    def stop(share: float) -> None:
        if share > 0.03:
            raise Cancelled("stopped by the user")

    with pytest.raises(Cancelled):
        Machine().compare(1.0, tell=stop)


def paired(ratio: float, spread: float, error: float) -> Paired:
    blocks = tuple(ratio + spread * side for side in (-1, 0, 1) * 10)
    control = tuple(1 + error * side for side in (-1, 0, 1) * 10)
    return Paired("x", "a", "b", blocks, control, (0.01,), (0.01,), 0.01, 0.01, 1, 10, "count")


@pytest.mark.parametrize(
    ("found", "goal", "least", "judgement"),
    [
        (paired(1.01, 0.005, 0.005), 1.05, False, "met"),
        (paired(1.20, 0.02, 0.005), 1.05, False, "missed"),
        (paired(1.04, 0.03, 0.005), 1.05, False, "cannot tell"),
        (paired(1.01, 0.005, 0.2), 1.05, False, "cannot tell"),
        (paired(3.2, 0.1, 0.01), 2.5, True, "met"),
        (paired(2.1, 0.1, 0.01), 2.5, True, "missed"),
    ],
)
def test_a_goal_needs_the_interval_on_one_side_and_a_quiet_control(found, goal, least, judgement):
    assert found.judge(goal, least) == judgement


def test_fewer_blocks_than_hold_an_interval_conclude_nothing():
    one = Paired("x", "a", "b", (0.5,), (1.0,), (0.01,), (0.005,), 0.01, 0.01, 1, 10, "budget")
    assert (one.verdict, one.judge(0.9), one.judge(0.9, least=True)) == ("cannot tell",) * 3
    six = Paired("x", "a", "b", (0.5,) * 6, (1.0,) * 6, (0.01,), (0.005,), 0.01, 0.01, 1, 10, "budget")
    assert (six.verdict, six.judge(0.9)) == ("faster", "met")
