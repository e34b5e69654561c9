"""Means with intervals: closed forms, known coverage, and verdicts that need the whole interval."""

import numpy as np
import pytest

from featcore.trust.statistics import mean_interval, paired, verdict


def test_equal_values_have_an_interval_without_width():
    assert mean_interval(np.full(20, 0.25)) == (0.25, 0.25, 0.25)


def test_what_is_not_defined_is_left_out_and_nothing_at_all_has_no_mean():
    assert mean_interval(np.array([1.0, np.nan, 1.0])) == (1, 1, 1)
    assert mean_interval(np.array([np.nan])) is None
    assert paired(np.array([1.0, np.nan]), np.array([np.nan, 1.0])) is None


def test_the_interval_is_that_of_the_normal_distribution_for_many_values():
    values = np.random.default_rng(0).normal(3, 2, 400)
    mean, low, high = mean_interval(values)
    half = 1.96 * values.std() / 20
    assert (mean, mean - low, high - mean) == pytest.approx((values.mean(), half, half), rel=0.1)


def test_pairs_see_a_small_difference_that_the_two_means_hide():
    inputs = np.random.default_rng(1).normal(0, 1, 50)
    one, other = inputs + 0.1, inputs
    assert paired(one, other) == pytest.approx((0.1, 0.1, 0.1))
    (_, low, _), (_, _, high) = mean_interval(one), mean_interval(other)
    assert low < high, "the intervals of the means overlap"


def test_a_verdict_needs_the_whole_interval_enough_inputs_and_the_right_side():
    assert verdict((0.1, 0.01, 0.2), 50, True) == "better"
    assert verdict((0.1, 0.01, 0.2), 50, False) == "worse"
    assert verdict((-0.1, -0.2, -0.01), 50, True) == "worse"
    assert verdict((0.1, -0.01, 0.2), 50, True) == "cannot tell"
    assert verdict((0.1, 0.01, 0.2), 9, True) == "cannot tell"
    assert verdict((0.0, 0.0, 0.0), 50, True) == "cannot tell"
    assert verdict(None, 50, True) == "cannot tell"


def test_two_floors_are_told_apart_about_one_time_in_twenty():
    rng = np.random.default_rng(2)
    said = [verdict(paired(*rng.random((2, 60)), seed=i), 60, True) != "cannot tell" for i in range(300)]
    assert 0.02 < np.mean(said) < 0.1
