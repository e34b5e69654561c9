"""Curves, areas and infidelity on a model that is linear in its units, where every number is known on paper."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import featcore as fc
from featcore.errors import NotDefined
from featcore.explain.base import similarity
from featcore.measure.curves import evenly, falling
from featcore.measure.faithfulness import infidelity, judge, max_sensitivity, passes_of
from featcore.measure.hiding import read_as
from featcore.measure.infidelity import hidden_sets
from featcore.types import Target

LOGIT = Target(0, "bad")


class Linear:
    """A case's encoder whose first logit is `bias` and the worth of every unit that is there; the others are 0."""

    def __init__(self, case, worth, bias=0.0):
        self.case, self.worth, self.bias = case, torch.tensor(worth, dtype=torch.float64), bias
        rows = case.sample.rows
        self.rows = {"embed": case.encoder.embed(case.sample), "baseline": case.encoder.baseline(case.sample)}
        self.blank = self.rows["baseline"][:, rows].double()
        self.apart = self.rows["embed"][:, rows].double() - self.blank
        self.batches = []

    def __getattr__(self, name):
        return getattr(self.case.encoder, name)

    def embed(self, sample):
        return self.rows["embed"]

    def baseline(self, sample, kind):
        return self.rows["baseline"]

    def logits(self, sample, embedded):
        self.batches.append(len(embedded))
        there = ((embedded[:, sample.rows].double() - self.blank) * self.apart).sum(-1) / (self.apart**2).sum(-1)
        first = there @ self.worth + self.bias
        return torch.stack([first, torch.zeros_like(first), torch.zeros_like(first)], 1)


def scored(case, scores, target=LOGIT):
    """An attribution of these scores, as a method would hand it out."""
    random = fc.explain(case.encoder, case.sample, "random")
    return replace(random, scores=np.asarray(scores, float), target=target)


@pytest.fixture
def vit(cases):
    case = cases("vit")
    assert len(case.sample.units) == 9
    return case


WORTH = [3.0, -1.0, 0.5, 2.0, 0.0, 4.0, -2.0, 1.0, 0.25]


def test_curves_and_areas_of_a_linear_model_are_partial_sums(vit):
    encoder = Linear(vit, WORTH, bias=0.5)
    found = judge(encoder, vit.sample, scored(vit, WORTH), scale="logit")
    ranked = np.sort(WORTH)[::-1]
    deletion = 0.5 + sum(WORTH) - np.concatenate([[0], ranked.cumsum()])
    lerf = 0.5 + sum(WORTH) - np.concatenate([[0], ranked[::-1].cumsum()])
    insertion = 0.5 + np.concatenate([[0], ranked.cumsum()])
    share = np.arange(10) / 9
    for kind, expected in (("deletion", deletion), ("lerf", lerf), ("insertion", insertion)):
        assert np.allclose(found.curve(kind).share, share)
        assert np.allclose(found.curve(kind).values, expected, atol=1e-5)
    assert found.deletion == pytest.approx(np.trapezoid(deletion, share), abs=1e-5)
    assert found.insertion == pytest.approx(np.trapezoid(insertion, share), abs=1e-5)
    assert found.morf == pytest.approx((deletion[0] - deletion).mean(), abs=1e-5)
    assert found.lerf == pytest.approx((lerf[0] - lerf).mean(), abs=1e-5)
    assert found.abpc == pytest.approx((lerf - deletion).mean(), abs=1e-5)
    assert found.abpc > 0
    assert str(found.target) == "logit of 'bad'"


def test_the_best_possible_order_of_a_linear_model_is_that_of_its_exact_scores(vit):
    encoder = Linear(vit, WORTH)
    best = judge(encoder, vit.sample, scored(vit, WORTH), scale="logit")
    worst = judge(encoder, vit.sample, scored(vit, [-each for each in WORTH]), scale="logit")
    rng = np.random.default_rng(0)
    others = [judge(encoder, vit.sample, scored(vit, rng.permutation(WORTH)), scale="logit") for _ in range(20)]
    assert all(worst.abpc - 1e-6 <= one.abpc <= best.abpc + 1e-6 for one in others)
    assert all(best.deletion - 1e-6 <= one.deletion <= worst.deletion + 1e-6 for one in others)
    assert worst.abpc == pytest.approx(-best.abpc, abs=1e-5)


def test_abpc_of_a_random_map_is_nothing_on_average(vit):
    encoder = Linear(vit, WORTH)
    maps = [fc.explain(vit.encoder, vit.sample, "random", seed=seed) for seed in range(200)]
    found = np.array([judge(encoder, vit.sample, one, scale="logit", target=0).abpc for one in maps])
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found))
    assert found.std() > 0.3


def test_probability_is_read_as_the_softmax_of_the_same_model(vit):
    found = judge(Linear(vit, WORTH), vit.sample, scored(vit, WORTH))
    logit = judge(Linear(vit, WORTH), vit.sample, scored(vit, WORTH), scale="logit")
    expected = np.exp(logit.curve("deletion").values) / (np.exp(logit.curve("deletion").values) + 2)
    assert np.allclose(found.curve("deletion").values, expected, atol=1e-6)
    assert str(found.target) == "probability of 'bad'"


def test_insertion_is_least_relevant_first_read_backwards_and_costs_no_pass(vit):
    encoder = Linear(vit, WORTH)
    found = judge(encoder, vit.sample, scored(vit, WORTH), steps=4)
    assert np.array_equal(found.curve("insertion").values, found.curve("lerf").values[::-1])
    assert found.passes == sum(encoder.batches) == passes_of(9, 4) == 8
    assert found.curve("lerf").share.tolist() == [0, 2 / 9, 4 / 9, 7 / 9, 1]


def test_a_real_model_gives_what_a_loop_by_hand_gives(cases):
    for name in ("bert", "videomae"):
        case = cases(name)
        attribution = fc.explain(case.encoder, case.sample, "occlusion", 1)
        found = judge(case.encoder, case.sample, attribution, steps=5, scale="logit")
        order = np.argsort(-attribution.scores)
        n = len(order)
        hidden = {"deletion": lambda k, o=order: o[:k], "lerf": lambda k, o=order, n=n: o[n - k :]}
        hidden["insertion"] = lambda k, o=order: o[k:]
        for kind, units_of in hidden.items():
            curve = found.curve(kind)
            expected = [by_hand(case, units_of(round(share * n))) for share in curve.share]
            assert np.allclose(curve.values, expected, atol=1e-4)


def by_hand(case, hidden):
    """The second logit with some units replaced by the baseline's rows."""
    embedded = case.encoder.embed(case.sample).clone()
    rows = case.sample.rows[hidden]
    embedded[:, rows] = case.encoder.baseline(case.sample)[:, rows]
    with torch.no_grad():
        return float(case.encoder.logits(case.sample, embedded)[0, 1])


# --- maps that rank nothing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_a_constant_map_is_a_random_one_and_says_so(vit, level):
    encoder = Linear(vit, [9.0, 8, 7, 6, 5, 4, 3, 2, 1])  # in the order of the units, it would be the best map there is
    flat = scored(vit, [level] * 9)
    found = [judge(encoder, vit.sample, flat, scale="logit", seed=seed) for seed in range(100)]
    spread = np.array([one.abpc for one in found])
    assert abs(spread.mean()) < 3 * spread.std() / np.sqrt(len(spread))
    assert "All scores are equal" in found[0].notes[0]
    again = judge(encoder, vit.sample, flat, scale="logit", seed=0)
    assert again.abpc == found[0].abpc


def test_ties_are_broken_by_the_seed_and_never_by_the_place(vit):
    ties = np.array([1.0, 0.0, 0.0, 0.0, 2.0, 0.0])
    orders = [falling(ties, seed).tolist() for seed in range(50)]
    assert all(order[:2] == [4, 0] for order in orders)
    assert len({tuple(order) for order in orders}) > 10
    assert {order[2] for order in orders} == {1, 2, 3, 5}
    assert falling(ties, 3).tolist() == falling(ties, 3).tolist()


def test_one_unit_has_two_points_and_no_area_between_its_curves(cases):
    case = cases("bert")
    sample = case.encoder.prepare(fc.read_text("bad"))
    one = replace(sample, units=_first(sample.units), positions=sample.positions[:1], rows=sample.rows[:1])
    attribution = fc.explain(case.encoder, one, "occlusion")
    found = judge(case.encoder, one, attribution)
    assert found.curve("deletion").share.tolist() == [0, 1]
    assert found.abpc == 0
    assert found.deletion == pytest.approx(found.insertion)
    assert found.deletion == pytest.approx(found.curve("deletion").values.mean())
    assert infidelity(case.encoder, one, attribution, draws=4).raw == pytest.approx(0, abs=1e-8)
    assert found.notes == ()


def _first(units):
    return replace(units, extents=units.extents[:1], labels=units.labels[:1], grid=None)


def test_scores_of_other_units_and_scores_that_are_no_numbers_are_refused_in_words(vit):
    with pytest.raises(NotDefined, match="scores 3 units and this sample has 9"):
        judge(vit.encoder, vit.sample, scored(vit, [1, 2, 3]))
    with pytest.raises(NotDefined, match="1 of 9 scores are not finite"):
        judge(vit.encoder, vit.sample, scored(vit, [np.nan] + [1] * 8))


def test_no_steps_and_no_draws_measure_nothing(vit):
    for call in (
        lambda: judge(vit.encoder, vit.sample, scored(vit, WORTH), steps=0),
        lambda: infidelity(vit.encoder, vit.sample, scored(vit, WORTH), draws=0),
        lambda: max_sensitivity(vit.encoder, vit.sample, "saliency", draws=0),
    ):
        with pytest.raises(NotDefined, match=r"0 (steps|draws) measure nothing\. Choose 1 or more"):
            call()


def test_a_target_is_read_as_asked_and_keeps_what_has_no_other_scale():
    difference = Target(1, "good", "difference", against=0)
    norm = Target(0, "the pooled vector", "norm")
    assert str(read_as(difference, "probability")) == "probability of 'good'"
    assert read_as(difference, "logit") == difference
    assert read_as(Target(1, "good", "probability"), "logit") == Target(1, "good")
    assert read_as(norm, "probability") == norm


def test_a_gap_that_nobody_promised_is_missing_with_a_reason(vit):
    promised = judge(vit.encoder, vit.sample, fc.explain(vit.encoder, vit.sample, "integrated_gradients", steps=4))
    assert promised.completeness is not None
    assert promised.undefined == ()
    silent = judge(vit.encoder, vit.sample, fc.explain(vit.encoder, vit.sample, "saliency"))
    assert silent.completeness is None
    assert "does not promise" in dict(silent.undefined)["completeness"]


def test_an_encoder_without_classes_is_judged_on_its_own_number(headless):
    for target in (None, similarity(headless.encoder, headless.sample)):
        attribution = fc.explain(headless.encoder, headless.sample, "occlusion", target)
        found = judge(headless.encoder, headless.sample, attribution)
        assert found.target.of_vector
        assert np.isfinite(found.abpc)


def test_points_lie_evenly_and_never_twice():
    assert evenly(4, 20).tolist() == [0, 1, 2, 3, 4]
    assert evenly(100, 4).tolist() == [0, 25, 50, 75, 100]
    assert evenly(1, 20).tolist() == [0, 1]


def test_judging_can_be_stopped_and_says_how_far_it_is(vit):
    class Stop(Exception):
        pass

    seen = []

    def progress(done, total):
        seen.append((done, total))

    judge(vit.encoder, vit.sample, scored(vit, WORTH), progress=progress)
    assert seen[0] == (0, 18)
    assert seen[-1] == (18, 18)

    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        judge(vit.encoder, vit.sample, scored(vit, WORTH), progress=stop)


# --- infidelity -------------------------------------------------------------------------------------------------------


def test_infidelity_of_the_exact_scores_of_a_linear_model_is_nothing(vit):
    found = infidelity(Linear(vit, WORTH, bias=2.0), vit.sample, scored(vit, WORTH), draws=64)
    assert found.raw == pytest.approx(0, abs=1e-8)
    assert found.scaled == pytest.approx(0, abs=1e-8)
    assert found.scale == pytest.approx(1, abs=1e-5)
    assert found.changes > 1


def test_a_factor_on_the_scores_changes_the_raw_number_and_not_the_scaled_one(vit):
    found = infidelity(Linear(vit, WORTH), vit.sample, scored(vit, 3 * np.array(WORTH)), draws=64)
    assert found.raw > 1
    assert found.scaled == pytest.approx(0, abs=1e-8)
    assert found.scale == pytest.approx(1 / 3, abs=1e-6)


def test_infidelity_is_captums(vit):
    """Captum draws one mask a call of the perturbation; here it is given ours, one after the other."""
    from captum.metrics import infidelity as of_captum

    scores = np.random.default_rng(1).normal(size=9)
    found = infidelity(vit.encoder, vit.sample, scored(vit, scores), draws=32, seed=5)
    embedded = vit.encoder.embed(vit.sample)
    blank = vit.encoder.baseline(vit.sample)
    masks = iter(hidden_sets(9, 32, 5))
    phi = torch.zeros_like(embedded)
    phi[0, vit.sample.rows, 0] = torch.from_numpy(scores).float()

    def perturb(inputs):
        hidden = torch.zeros(inputs.shape[1], dtype=torch.bool)
        hidden[vit.sample.rows[next(masks)]] = True
        moved = torch.where(hidden[:, None], blank, embedded)
        return hidden[:, None].expand_as(embedded[0])[None].float(), moved

    def forward(rows):
        with torch.no_grad():
            return vit.encoder.logits(vit.sample, rows)[:, 0]

    for normalize, expected in ((False, found.raw), (True, found.scaled)):
        masks = iter(hidden_sets(9, 32, 5))
        value = of_captum(
            forward, perturb, embedded, phi, n_perturb_samples=32, max_examples_per_batch=1, normalize=normalize
        )
        assert float(value) == pytest.approx(expected, rel=1e-3)


def test_a_map_of_zeros_foretells_nothing_and_equal_scores_foretell_by_number(vit):
    encoder = Linear(vit, WORTH)
    nothing = infidelity(encoder, vit.sample, scored(vit, [0] * 9), draws=64)
    assert nothing.scale == 0
    assert nothing.raw == nothing.scaled == nothing.changes
    assert nothing.share == 1
    equal = infidelity(encoder, vit.sample, scored(vit, [1] * 9), draws=64)
    assert 0 < equal.share < 1
    still = infidelity(Linear(vit, [0.0] * 9), vit.sample, scored(vit, WORTH), draws=8)
    assert still.share is None


def test_no_set_is_empty_every_size_is_drawn_and_draws_are_not_nested():
    hidden = hidden_sets(5, 400, 0)
    sizes = hidden.sum(1)
    assert sizes.min() == 1
    assert sizes.max() == 5
    assert all(60 < (sizes == size).sum() < 100 for size in range(1, 6))
    assert not (hidden[:-1] <= hidden[1:]).all(1).all()
    assert np.allclose(hidden.mean(0), 0.6, atol=0.06)
