"""Sampled attributions come closer to where they converge the more they sample, and say what that costs."""

import numpy as np
import pytest

from featcore.measure import convergence as measured
from featcore.measure.convergence import convergence, distance, sampled


def test_the_distance_is_a_share_of_the_goal():
    assert distance(np.array([1.0, -3]), np.array([1.0, -1])) == 1.0
    assert distance(np.zeros(2), np.zeros(2)) == 0.0
    assert distance(np.ones(2), np.zeros(2)) == 1.0


@pytest.fixture(scope="module")
def swept(cases):
    two = [("integrated_gradients", "steps"), ("random_masks", "masks")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measured, "sampled", lambda encoder: two)
        return list(convergence([cases("bert").encoder], 0.1))


def test_integrated_gradients_converge_and_their_gap_with_them(swept):
    mine = [record for record in swept if record["stage"] == "attribution:integrated_gradients"]
    assert [record["effort"] for record in mine] == [4, 8, 16, 32, 64]
    assert mine[-1]["error"] < 1e-3, "a tiny network is smooth: 64 points are as good as 256"
    assert mine[-1]["error"] <= mine[0]["error"]
    assert mine[-1]["completeness_gap"] < 1e-2
    assert [record["passes"] > record["effort"] for record in mine] == [True] * 5


def test_sampling_methods_come_closer_with_more_samples(swept):
    mine = [record for record in swept if record["stage"] == "attribution:random_masks"]
    assert mine[-1]["error"] < mine[0]["error"]
    assert mine[-1]["knob"] == "masks"


def test_work_is_counted_in_forward_passes_and_grows_with_the_knob(swept):
    for name in {record["stage"] for record in swept}:
        work = [record["forwards"] for record in swept if record["stage"] == name]
        assert work == sorted(work)
    mine = next(r for r in swept if r["stage"] == "attribution:integrated_gradients" and r["effort"] == 64)
    assert 2 * 64 <= mine["forwards"] <= 2.6 * 64, "forward and backward to the input cost 2 to 2.5 passes"
    assert all(record["forward_s"] > 0 for record in swept)


def test_only_methods_that_sample_are_swept(cases):
    found = dict(sampled(cases("bert").encoder))
    assert found["integrated_gradients"] == "steps"
    assert not {"occlusion", "saliency", "random"} & set(found)


def test_the_chart_draws_what_the_suite_measures(swept):
    from featcore import draw

    figure = draw.attribution_cost(swept)
    known = [record for record in swept if record["n"] >= 5]
    assert known
    assert len(figure.table["method"]) == len(known)
    assert sorted(figure.table["work"]) == pytest.approx(sorted(record["forwards"] for record in known))
