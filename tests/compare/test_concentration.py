"""How few units carry how much: one unit, all units, and everything between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featcore.compare.concentration import concentration, gini, units_for
from featcore.errors import NotDefined

SCORES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40).map(np.array)


@given(scores=SCORES)
@settings(deadline=None)
def test_the_curve_rises_from_0_to_1_above_the_diagonal(scores):
    x, y = concentration(scores)
    assert len(x) == len(y) == len(scores) + 1
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert (np.diff(y) >= 0).all()
    assert (y >= x - 1e-12).all()
    assert 0 <= gini(scores) <= (len(scores) - 1) / len(scores) + 1e-12


@given(scores=SCORES, share=st.floats(0, 1))
@settings(deadline=None)
def test_units_for_is_the_first_point_that_reaches_the_share(scores, share):
    n = units_for(scores, share)
    _, y = concentration(scores)
    assert y[n] >= share - 1e-9
    assert n == 0 or y[n - 1] < share


def test_equal_scores_give_the_diagonal_whatever_their_sign():
    x, y = concentration(np.array([2.0, -2.0, 2.0, -2.0]))
    assert y == pytest.approx(x)
    assert gini(np.array([2.0, -2.0])) == 0
    assert units_for(np.array([2.0, -2.0, 2.0, -2.0])) == 2


def test_one_unit_that_carries_all_is_as_unequal_as_n_units_can_be():
    scores = np.array([0.0, -3.0, 0.0, 0.0])
    assert gini(scores) == pytest.approx(3 / 4)
    assert units_for(scores, 1.0) == 1


def test_scores_that_are_all_zero_count_as_equal():
    x, y = concentration(np.zeros(4))
    assert y == pytest.approx(x)
    assert gini(np.zeros(4)) == 0
    assert units_for(np.zeros(4), 0.5) == 2


def test_tiny_and_huge_scores_do_not_vanish_or_overflow():
    assert gini(np.array([0.0, 5e-324])) == pytest.approx(0.5)
    assert gini(np.array([1e308, 1e308, 1e308])) == pytest.approx(0)


def test_scores_that_cannot_be_shared_are_refused_in_words():
    with pytest.raises(NotDefined, match="There is no score"):
        concentration(np.zeros(0))
    with pytest.raises(NotDefined, match="1 of 2 scores are not finite"):
        gini(np.array([1.0, np.nan]))
