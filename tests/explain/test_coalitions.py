"""Methods that play the game of kept units, against all 512 sets of nine units and against plain solutions."""

from itertools import product
from math import comb

import numpy as np
import pytest
import torch

import featcore as fc
from featcore.errors import NotDefined
from featcore.explain import base


class Watched:
    """An encoder that keeps which units each pass kept, and what came out."""

    def __init__(self, case):
        self.case, self.kept, self.values = case, [], []
        self.whole, self.blank = case.encoder.embed(case.sample), case.encoder.baseline(case.sample)

    def __getattr__(self, name):
        return getattr(self.case.encoder, name)

    def logits(self, sample, embedded):
        found = self.case.encoder.logits(sample, embedded)
        near = (embedded - self.whole).abs().sum(-1) < (embedded - self.blank).abs().sum(-1)
        self.kept += near[:, sample.rows].int().tolist()
        self.values += found[:, 0].tolist()
        return found


def game(case, sets):
    """v of each set, by hand."""
    embedded, blank = case.encoder.embed(case.sample), case.encoder.baseline(case.sample)
    rows = []
    for kept in sets:
        rows.append(embedded.clone())
        for unit, stays in enumerate(kept):
            if not stays:
                rows[-1][:, case.sample.rows[unit]] = blank[:, case.sample.rows[unit]]
    with torch.no_grad():
        return case.encoder.logits(case.sample, torch.cat(rows))[:, 0].tolist()


@pytest.fixture(scope="module")
def exact(cases):
    """Case, Shapley and Banzhaf values from every set of units."""
    case = cases("vit")
    n = len(case.sample.units)
    assert n == 9
    sets = list(product((0, 1), repeat=n))
    value = dict(zip(sets, game(case, sets), strict=True))
    shapley, banzhaf = np.zeros(n), np.zeros(n)
    for kept, worth in value.items():
        for unit in range(n):
            if not kept[unit]:
                added = value[(*kept[:unit], 1, *kept[unit + 1 :])] - worth
                shapley[unit] += added / (n * comb(n - 1, sum(kept)))
                banzhaf[unit] += added / 2 ** (n - 1)
    assert shapley.sum() == pytest.approx(value[(1,) * n] - value[(0,) * n], abs=1e-4)
    return case, shapley, banzhaf


def off(scores, expected):
    """Largest distance, as a share of the largest value."""
    return np.abs(scores - expected).max() / np.abs(expected).max()


def test_kernel_shap_and_shapley_sampling_come_near_the_exact_shapley_values(exact):
    case, shapley, _ = exact
    for method, few, many in (("kernel_shap", {"sets": 64}, {"sets": 1024}), ("shapley_sampling", {}, {"orders": 100})):
        rough = fc.explain(case.encoder, case.sample, method, 0, **few)
        fine = fc.explain(case.encoder, case.sample, method, 0, **many)
        assert off(fine.scores, shapley) < 0.12
        assert off(fine.scores, shapley) < off(rough.scores, shapley) < 0.7
        assert rough.completeness_gap < 1e-3
        assert fine.completeness_gap < 1e-3


def test_random_masks_come_near_the_exact_banzhaf_values(exact):
    case, _, banzhaf = exact
    found = fc.explain(case.encoder, case.sample, "random_masks", 0, masks=2048)
    assert off(found.scores, banzhaf) < 0.15


def test_random_masks_are_the_difference_of_two_means_of_the_passes_that_ran(cases):
    case = cases("bert")
    watched = Watched(case)
    found = fc.explain(watched, case.sample, "random_masks", 0, masks=32)
    kept, values = np.array(watched.kept)[-34:-2], np.array(watched.values)[-34:-2]
    for unit, score in enumerate(found.scores):
        stays = kept[:, unit] == 1
        assert stays.sum() == 16
        assert score == pytest.approx(values[stays].mean() - values[~stays].mean(), abs=1e-4)


def test_lime_is_the_ridge_regression_of_the_passes_that_ran(cases):
    case = cases("bert")
    watched = Watched(case)
    found = fc.explain(watched, case.sample, "lime", 0, sets=64)
    kept, values = np.array(watched.kept, float)[-66:-2], np.array(watched.values)[-66:-2]
    n = kept.shape[1]
    weights = np.exp(-((1 - np.sqrt(kept.sum(1) / n)) ** 2) / (2 * 0.25**2))
    design = np.concatenate([kept, np.ones((64, 1))], axis=1)
    penalty = np.diag([1.0] * n + [0.0])  # the constant is free
    normal = design.T @ (weights[:, None] * design) + penalty
    expected = np.linalg.solve(normal, design.T @ (weights * values))[:-1]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_kernel_shap_solves_its_constrained_least_squares(cases):
    case = cases("bert")
    watched = Watched(case)
    found = fc.explain(watched, case.sample, "kernel_shap", 0, sets=128)
    kept, values = np.array(watched.kept, float)[-128:], np.array(watched.values)[-128:]
    n, (empty, whole) = kept.shape[1], values[:2]
    assert kept[0].sum() == 0
    assert kept[1].sum() == n
    inner, y = kept[2:], values[2:] - empty
    # The last coefficient is what the others leave of the whole.
    design = inner[:, :-1] - inner[:, -1:]
    first = np.linalg.lstsq(design, y - inner[:, -1] * (whole - empty), rcond=None)[0]
    expected = np.append(first, whole - empty - first.sum())
    np.testing.assert_allclose(found.scores, expected, rtol=0, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("method", ["random_masks", "lime", "kernel_shap", "shapley_sampling"])
def test_one_unit_carries_the_whole_difference(cases, method):
    from tests import tiny

    encoder = cases("gpt2").encoder
    sample = encoder.prepare(tiny.text("a"))
    assert len(sample.units) == 1
    found = fc.explain(encoder, sample, method, 0, **({"width": 25.0} if method == "lime" else {}))
    change = found.target_score - found.baseline_score
    # A wide kernel, so that the empty set counts; the ridge still pulls towards 0.
    assert found.scores[0] == pytest.approx(change, rel=0.1 if method == "lime" else 1e-3)


@pytest.mark.parametrize(
    ("method", "knobs"),
    [
        ("random_masks", {"masks": 11}),
        ("lime", {"sets": 9}),
        ("kernel_shap", {"sets": 40}),
        ("shapley_sampling", {"orders": 3}),
    ],
)
def test_passes_are_as_many_as_said_and_the_seed_alone_decides(cases, method, knobs):
    case = cases("videomae")
    told, state = [], torch.get_rng_state()
    one, again, other = (
        fc.explain(case.encoder, case.sample, method, 0, lambda *step: told.append(step), seed=seed, **knobs)
        for seed in (1, 1, 2)
    )
    assert one.passes == base.make(method, **knobs).passes(case.sample) == told[-1][0] == told[-1][1]
    assert np.array_equal(one.scores, again.scores)
    assert not np.array_equal(one.scores, other.scores)
    assert torch.equal(state, torch.get_rng_state())


def test_too_few_sets_for_a_regression_are_refused_in_words(cases):
    case = cases("vit")
    with pytest.raises(NotDefined, match=r"from 10 sets is not determined for 9 units.*sets of 11"):
        fc.explain(case.encoder, case.sample, "kernel_shap", 0, sets=10)
