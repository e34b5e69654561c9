"""Statistics of attention, on attention whose answer is known beforehand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featcore.compare.attention import head_statistics, joined, unit_distances
from featcore.errors import NotDefined
from featcore.types import Units
from featcore.units.grid import cut_grid


def tokens(n: int) -> Units:
    extents = np.stack([np.arange(n), np.arange(1, n + 1)], axis=1)[:, None, :]
    return Units(("char",), extents, tuple("x" * n))


CASES = {"text": tokens(9), "image": cut_grid((1, 6, 8), (1, 2, 2)), "video": cut_grid((6, 4, 6), (2, 2, 2))}


def uniform(s: int) -> np.ndarray:
    return np.full((2, 3, s, s), 1 / s, np.float32)


def identity(s: int) -> np.ndarray:
    return np.broadcast_to(np.eye(s, dtype=np.float32), (2, 3, s, s))


@pytest.mark.parametrize("prefix", [0, 1, 5])
@pytest.mark.parametrize("name", CASES)
def test_uniform_attention_is_fully_spread_and_global(name, prefix):
    units = CASES[name]
    n = len(units)
    found = head_statistics(uniform(n + prefix), np.arange(n) + prefix, units)
    assert found.entropy == pytest.approx(np.ones((2, 3)))
    assert found.distance_share == pytest.approx(np.ones((2, 3)), rel=1e-5)
    assert found.special == pytest.approx(np.full((2, 3), prefix / (n + prefix)))
    assert found.top_share == pytest.approx(np.full((2, 3), 1 / n), rel=1e-5)
    assert found.diagonal == pytest.approx(np.full((2, 3), 1 / (n + prefix)))
    if name == "video":
        assert found.time_share == pytest.approx(np.ones((2, 3)), rel=1e-5)
    else:
        assert found.time_share is None
        assert found.time_distance is None


@pytest.mark.parametrize("name", CASES)
def test_identity_attention_is_narrow_and_local(name):
    units = CASES[name]
    n = len(units)
    found = head_statistics(identity(n + 1), np.arange(n) + 1, units)
    assert (found.entropy == 0).all()
    assert (found.distance == 0).all()
    assert (found.distance_share == 0).all()
    assert (found.diagonal == 1).all()
    assert found.special == pytest.approx(np.full((2, 3), 1 / (n + 1)))


def test_distance_is_counted_in_the_units_own_measure():
    previous = np.zeros((1, 1, 4, 4))
    previous[0, 0, [0, 1, 2, 3], [1, 0, 1, 2]] = 1
    found = head_statistics(previous, np.arange(4), tokens(4))
    assert found.distance.item() == 1
    assert found.measure == "token steps"
    assert found.distance_share.item() == pytest.approx(1 / (20 / 16))


def test_space_and_time_are_apart_for_tubelets():
    units = cut_grid((4, 6, 4), (2, 2, 2))
    space, time, measure = unit_distances(units, np.arange(12))
    assert measure == "fragments"
    assert space[0, 11] == pytest.approx(np.hypot(2, 1))
    assert time[0, 11] == 1
    same_place = np.zeros((1, 1, 12, 12))
    same_place[0, 0, np.arange(12), (np.arange(12) + 6) % 12] = 1
    found = head_statistics(same_place, np.arange(12), units)
    assert found.distance.item() == 0
    assert found.time_distance.item() == 1
    assert found.time_share.item() == 2


def test_the_share_of_special_positions_does_not_shorten_the_distance():
    rng = np.random.default_rng(0)
    among = rng.dirichlet(np.ones(9), (2, 3, 9))
    alone = head_statistics(among, np.arange(9), tokens(9))
    drained = np.zeros((2, 3, 10, 10))
    drained[..., 1:, 1:] = among * 0.1
    drained[..., 0] = 1 - drained.sum(axis=-1)
    found = head_statistics(drained, np.arange(9) + 1, tokens(9))
    assert found.distance == pytest.approx(alone.distance)
    assert found.top_share == pytest.approx(alone.top_share)
    assert found.special == pytest.approx(np.full((2, 3), (1 + 9 * 0.9) / 10))


def test_a_head_that_gives_units_nothing_has_no_distance():
    sink = np.zeros((1, 1, 5, 5))
    sink[..., 0] = 1
    found = head_statistics(sink, np.arange(4) + 1, tokens(4))
    assert np.isnan(found.distance).all()
    assert np.isnan(found.top_share).all()
    assert found.special.item() == 1
    assert found.entropy.item() == 0


def test_one_artefact_fragment_is_seen_in_the_top_share():
    sink = np.zeros((1, 1, 120, 120))
    sink[..., 7] = 1
    found = head_statistics(sink, np.arange(120), cut_grid((1, 10, 12), (1, 1, 1)))
    assert found.top_share.item() == 1
    assert found.diagonal.item() == pytest.approx(1 / 120)


def test_one_unit_alone_has_no_spread_and_no_distance_to_compare():
    found = head_statistics(np.ones((1, 1, 1, 1)), np.arange(1), tokens(1))
    assert np.isnan(found.entropy).all()
    assert np.isnan(found.distance_share).all()
    assert found.diagonal.item() == 1


@given(seed=st.integers(0, 10**6), n=st.integers(2, 10), prefix=st.integers(0, 2))
@settings(deadline=None, max_examples=30)
def test_shares_stay_between_0_and_1(seed, n, prefix):
    attention = np.random.default_rng(seed).dirichlet(np.full(n + prefix, 0.3), (1, 2, n + prefix))
    found = head_statistics(attention, np.arange(n) + prefix, tokens(n))
    for part in (found.entropy, found.special, found.top_share, found.diagonal):
        assert ((part >= -1e-12) & (part <= 1 + 1e-12)).all()


def test_regions_are_measured_in_pixels():
    extents = np.array([[[0, 1], [0, 2], [0, 2]], [[0, 1], [3, 5], [4, 6]]])
    regions = Units(("t", "y", "x"), extents, ("region 0", "region 1"), regions=np.zeros((1, 5, 6), int))
    space, time, measure = unit_distances(regions, np.arange(2))
    assert (space[0, 1], time, measure) == (5.0, None, "pixels")


def test_attention_of_another_input_is_refused_in_words():
    with pytest.raises(NotDefined, match="4 positions for 4 units do not fit attention over 3"):
        head_statistics(np.ones((1, 1, 3, 3)), np.arange(4), tokens(4))


def test_statistics_of_groups_of_layers_join_to_those_of_all():
    maps = np.random.default_rng(0).dirichlet(np.ones(5), (3, 2, 5))
    parts = [head_statistics(maps[group], np.arange(4) + 1, tokens(4)) for group in ([0], [1, 2])]
    found, whole = joined(parts), head_statistics(maps, np.arange(4) + 1, tokens(4))
    for name in ("entropy", "distance", "distance_share", "special", "top_share", "diagonal"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert found.time_share is None
    assert found.measure == whole.measure
