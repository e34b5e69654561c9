"""A method leads only where it beats everything that knows nothing."""

import numpy as np

from featcore.compare.agreement import gate
from featcore.compare.floors import beats, leader
from featcore.units.grid import cut_grid


def test_the_best_method_is_named_only_where_it_beats_every_map_of_the_floor():
    values = {"one": 0.2, "two": 0.4, "three": None}
    assert leader(values, [0.3, 0.5], "lower") == "one"
    assert leader(values, [0.1, 0.5], "lower") is None
    assert leader(values, [0.3, 0.1], "higher") == "two"
    assert leader(values, [0.3, 0.4], "higher") is None
    assert leader(values, [0.3, 0.35], "higher", margin=0.04) == "two"
    assert leader(values, [0.3, 0.35], "higher", margin=0.06) is None
    assert leader(values, [0.25, 0.5], "lower", margin=0.06) is None


def test_a_tie_nothing_known_and_no_floor_have_no_leader():
    assert leader({"one": 0.2, "two": 0.2}, [0.5], "lower") is None
    assert leader({"one": None}, [0.5], "lower") is None
    assert leader({}, [0.5], "lower") is None
    assert not beats(0.1, [], "lower")
    assert not beats(0.1, [None], "lower")


def test_one_random_map_in_twenty_beats_nineteen_others():
    drawn = np.random.default_rng(0).normal(size=20)
    for better in ("lower", "higher"):
        assert sum(beats(drawn[i], np.delete(drawn, i), better) for i in range(20)) == 1


def test_the_gate_is_failed_by_a_map_that_stays_and_passed_by_one_that_goes():
    units = cut_grid((1, 8, 8), (1, 1, 1))
    rng = np.random.default_rng(0)
    real = rng.normal(size=64)
    assert gate(units, real, real[None]) == "fails"
    assert gate(units, real, -real[None]) == "fails"
    assert gate(units, real, real + 0.1 * rng.normal(size=(1, 64))) == "fails"
    passed = [gate(units, real, rng.normal(size=(1, 64))) for _ in range(40)]
    assert passed.count("passes") >= 35
    assert gate(units, real, np.zeros((1, 64))) == "cannot tell"


def test_several_draws_show_a_likeness_that_one_of_them_hides_and_constant_draws_are_left_out():
    units = cut_grid((1, 8, 8), (1, 1, 1))
    rng = np.random.default_rng(3)
    real = rng.exponential(size=64)
    faint = [0.3 * real + rng.exponential(size=64) for _ in range(20)]
    alone = [gate(units, real, each[None]) for each in faint]
    assert alone.count("passes") >= 3
    assert gate(units, real, np.stack(faint)) == "fails"
    others = rng.exponential(size=(20, 64))
    assert gate(units, real, others) == gate(units, real, np.concatenate([others, np.ones((3, 64))])) == "passes"


def test_the_gate_cannot_tell_with_few_units_unless_nothing_moved():
    units = cut_grid((1, 2, 2), (1, 1, 1))
    assert gate(units, np.arange(4.0), np.arange(4.0)[None, ::-1]) == "cannot tell"
    assert gate(units, np.arange(4.0), np.arange(4.0)[None]) == "fails"
