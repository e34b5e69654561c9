"""Agreement of maps against SciPy, sets counted out, and maps that can only agree by accident."""

from itertools import combinations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from featcore.compare.agreement import agreement, chance, correlation, ranks
from featcore.errors import NotDefined
from featcore.types import Units
from featcore.units.grid import cut_grid

GRID = cut_grid((1, 14, 14), (1, 1, 1))


def text(n):
    return Units(("char",), np.stack([np.arange(n), np.arange(n) + 1], -1)[:, None], tuple("x" * n))


def test_rho_is_scipys_also_with_ties():
    rng = np.random.default_rng(0)
    for _ in range(10):
        one, other = rng.integers(0, 6, 40).astype(float), rng.normal(size=40)
        assert agreement(text(40), one, other).rho == pytest.approx(spearmanr(one, other).statistic)
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1, 3.5, 2]


def test_a_map_agrees_with_itself_clearly_and_with_its_opposite_as_clearly():
    one = np.random.default_rng(1).normal(size=196)
    same, opposite = agreement(GRID, one, one), agreement(GRID, one, -one)
    assert same.rho == pytest.approx(1)
    assert opposite.rho == pytest.approx(-1)
    assert same.clear
    assert opposite.clear
    assert same.overlap == 1
    assert opposite.overlap == 0
    assert same.share == pytest.approx(1 / 196)


def test_the_null_holds_every_circular_shift_along_every_axis():
    units = cut_grid((2, 3, 4), (1, 1, 1))
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=24), rng.normal(size=24)
    found = agreement(units, one, other)
    expected = []
    for t in range(2):
        for y in range(3):
            for x in range(4):
                moved = np.empty((2, 3, 4))
                for at in np.ndindex(2, 3, 4):
                    moved[(at[0] + t) % 2, (at[1] + y) % 3, (at[2] + x) % 4] = other.reshape(2, 3, 4)[at]
                expected.append(spearmanr(one, moved.ravel()).statistic)
    assert found.rho == pytest.approx(expected[0])
    assert np.allclose(found.null, expected[1:])
    assert found.low == pytest.approx(np.quantile(expected[1:], 0.025))


def test_the_null_of_smooth_maps_is_wider_and_independent_maps_are_rarely_called_clear():
    rng = np.random.default_rng(3)
    noise = [agreement(GRID, rng.normal(size=196), rng.normal(size=196)) for _ in range(60)]

    def smooth():
        return gaussian_filter(rng.normal(size=(14, 14)), 2, mode="wrap").ravel()

    blurred = [agreement(GRID, smooth(), smooth()) for _ in range(60)]
    assert np.mean([each.high for each in noise]) == pytest.approx(0.14, abs=0.02)
    assert np.mean([each.high for each in blurred]) > 0.35
    assert sum(each.clear for each in blurred) < 12
    assert sum(each.clear for each in noise) < 12


@pytest.mark.parametrize("flat", [np.zeros(9), np.full(9, 0.3)])
def test_a_constant_map_agrees_with_nothing_and_says_why(flat):
    units, other = cut_grid((1, 3, 3), (1, 1, 1)), np.arange(9.0)
    for found, said in ((agreement(units, flat, other), "One map is"), (agreement(units, flat, flat), "Both maps are")):
        assert found.rho is None
        assert found.overlap is None
        assert found.clear is None
        assert found.why.startswith(said)


def test_a_short_text_has_too_few_shifts_to_call_anything_clear():
    one = np.arange(6.0)
    found = agreement(text(6), one, one)
    assert found.rho == pytest.approx(1)
    assert found.clear is None
    assert found.share == pytest.approx(1 / 6)
    assert agreement(text(20), np.arange(20.0) ** 2, np.arange(20.0)).clear


def test_one_unit_has_no_order_and_other_units_are_refused():
    assert agreement(text(1), np.ones(1), np.ones(1)).rho is None
    with pytest.raises(NotDefined, match="score 3 and 4 units, the input has 4"):
        agreement(text(4), np.ones(3), np.ones(4))


def test_chance_is_the_mean_over_all_pairs_of_sets():
    for units, top in ((5, 2), (6, 4), (4, 4)):
        sets = [set(each) for each in combinations(range(units), top)]
        counted = np.mean([len(a & b) / len(a | b) for a in sets for b in sets])
        assert chance(units, top) == pytest.approx(counted)
    assert chance(196, 20) == pytest.approx(0.1 / 1.9, abs=0.003)


def test_a_clip_of_many_places_has_some_shifts_drawn_and_the_same_ones_again():
    units = cut_grid((16, 14, 14), (1, 1, 1))
    one, other = np.random.default_rng(4).normal(size=(2, 16 * 196))
    first, again = agreement(units, one, other), agreement(units, one, other)
    assert len(first.null) == 2000
    assert np.array_equal(first.null, again.null)
    assert correlation(one, one) == pytest.approx(1)
