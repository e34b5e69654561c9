"""The arithmetic of ratios under a clock that only moves when told to."""

import pytest

from tests.benchmarks.ratios import Ratio, compare


class Clock:
    now = 0.0

    def __call__(self) -> float:
        self.now += 1e-12
        return self.now

    def work(self, seconds: float, drift: float = 0.0) -> None:
        self.now += seconds * (1 + drift * self.now)


def test_a_known_ratio_is_found_and_the_control_is_one() -> None:
    clock = Clock()
    found = compare("x", lambda: clock.work(0.01), lambda: clock.work(0.013), 1.2, blocks=8, clock=clock)
    assert found.ratio == pytest.approx(1.3)
    assert found.interval == pytest.approx((1.3, 1.3))
    assert found.control == pytest.approx((1.0, 1.0))
    assert found.bare_s == pytest.approx(0.01)
    assert found.verdict == "missed"
    assert "goal <= 1.20: missed" in str(found)


def test_a_machine_that_slows_down_steadily_favours_nobody() -> None:
    clock = Clock()
    found = compare("x", lambda: clock.work(0.01, 0.5), lambda: clock.work(0.01, 0.5), 1.05, blocks=8, clock=clock)
    assert found.ratio == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("ratio", "interval", "control", "verdict"),
    [
        (1.01, (1.00, 1.02), (0.99, 1.01), "met"),
        (1.20, (1.15, 1.25), (0.99, 1.01), "missed"),
        (1.04, (1.00, 1.08), (0.99, 1.01), "cannot tell"),
        (1.01, (1.00, 1.02), (0.90, 1.10), "cannot tell"),
    ],
)
def test_the_verdict_needs_an_interval_on_one_side_and_a_quiet_control(
    ratio: float, interval: tuple[float, float], control: tuple[float, float], verdict: str
) -> None:
    assert Ratio("x", 1.05, ratio, interval, control, 0.01, 8, "").verdict == verdict
