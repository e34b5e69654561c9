"""Gradient methods against Captum itself, completeness, and what they leave behind."""

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients

import featcore as fc
from featcore.errors import Cancelled, NotDefined, UnknownName
from featcore.explain import base
from featcore.types import Target
from tests.explain.closed import OnPaper

FAMILIES = ("bert", "vit", "videomae")


def plain(case, target):
    """Embedded units in, one logit out, written without featcore's wrapper."""
    return lambda embedded: case.encoder.logits(case.sample, embedded)[:, target]


@pytest.mark.parametrize("name", FAMILIES)
def test_integrated_gradients_equal_captums_own_in_one_plain_call(cases, name):
    case = cases(name)
    found = fc.explain(case.encoder, case.sample, "integrated_gradients", 1, steps=16)
    embedded = case.encoder.embed(case.sample).requires_grad_()
    blank = case.encoder.baseline(case.sample)
    expected = IntegratedGradients(plain(case, 1)).attribute(embedded, blank, n_steps=16, method="gausslegendre")
    expected = expected.sum(-1)[0].detach().numpy()[case.sample.rows]
    assert np.allclose(found.scores, expected, atol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_integrated_gradients_add_up_to_the_score_difference(cases, name):
    case = cases(name)
    found = fc.explain(case.encoder, case.sample, "integrated_gradients", 0, steps=256)
    assert found.convergence_delta == pytest.approx(
        found.scores.sum() - (found.target_score - found.baseline_score), abs=1e-4
    )
    assert abs(found.convergence_delta) < 0.02 * max(1.0, abs(found.target_score - found.baseline_score))


@pytest.mark.parametrize("name", FAMILIES)
def test_input_x_gradient_equals_captums(cases, name):
    case = cases(name)
    found = fc.explain(case.encoder, case.sample, "input_x_gradient", 0)
    embedded = case.encoder.embed(case.sample).requires_grad_()
    expected = InputXGradient(plain(case, 0)).attribute(embedded).sum(-1)[0].detach().numpy()
    assert np.allclose(found.scores, expected[case.sample.rows], atol=1e-5)


@pytest.mark.parametrize("chunk", [1, 3, 64])
@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_the_size_of_a_chunk_changes_no_score(cases, monkeypatch, method, chunk):
    case = cases("vit")
    whole = fc.explain(case.encoder, case.sample, method, 0)
    for module in ("gradient", "perturbation"):
        monkeypatch.setattr(f"featcore.explain.{module}.chunk_size", lambda *_, **__: chunk)
    assert np.allclose(fc.explain(case.encoder, case.sample, method, 0).scores, whole.scores, atol=1e-5)


def test_gradient_shap_is_repeatable_and_leaves_the_random_generators_alone(cases):
    case = cases("bert")
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    one = fc.explain(case.encoder, case.sample, "gradient_shap", 0, samples=8, seed=3)
    two = fc.explain(case.encoder, case.sample, "gradient_shap", 0, samples=8, seed=3)
    other = fc.explain(case.encoder, case.sample, "gradient_shap", 0, samples=8, seed=4)
    assert np.array_equal(one.scores, two.scores)
    assert not np.allclose(one.scores, other.scores)
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])


def test_noise_of_gradient_shap_falls_on_units_and_leaves_special_rows_as_they_are(cases):
    case = cases("bert")
    whole = case.encoder.embed(case.sample)
    special = np.setdiff1d(np.arange(whole.shape[1]), case.sample.rows)
    assert len(special)
    seen = []

    def answer(embedded):
        seen.append(embedded.detach())
        return embedded.sin().sum((1, 2))[:, None]

    found = fc.explain(
        OnPaper(case.encoder, answer), case.sample, "gradient_shap", Target(0, "a"), samples=8, noise=0.5
    )
    points = torch.cat(seen)
    assert torch.equal(points[:, special], whole[:, special].expand(len(points), -1, -1))
    assert found.special_share == 0
    quiet = fc.explain(OnPaper(case.encoder, answer), case.sample, "gradient_shap", Target(0, "a"), samples=8)
    assert not np.allclose(found.scores, quiet.scores)


def test_gradient_shap_comes_near_integrated_gradients_with_many_samples(cases):
    case = cases("bert")
    exact = fc.explain(case.encoder, case.sample, "integrated_gradients", 0, steps=128).scores
    sampled = fc.explain(case.encoder, case.sample, "gradient_shap", 0, samples=512).scores
    assert np.corrcoef(exact, sampled)[0, 1] > 0.98


def test_explaining_leaves_no_gradients_no_hooks_and_no_exchanged_embedding(cases):
    case = cases("bert")

    def stop(done: int, total: int) -> None:
        if done > 4:
            raise Cancelled("enough")

    def hooks() -> int:
        return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())

    model = case.encoder.model
    case.encoder.encode(case.sample)  # transformers itself hooks a model once it is asked for its attention
    before = hooks()
    fc.explain(case.encoder, case.sample, "integrated_gradients", 0, steps=4)
    base_scores = fc.explain(case.encoder, case.sample, "occlusion", 0).scores
    with pytest.raises(Cancelled):
        fc.explain(case.encoder, case.sample, "integrated_gradients", 0, progress=stop, steps=512)
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.parameters())
    assert hooks() == before
    assert "forward" not in vars(model.get_input_embeddings())
    assert np.array_equal(fc.explain(case.encoder, case.sample, "occlusion", 0).scores, base_scores)


@pytest.mark.parametrize("method", ["saliency", "integrated_gradients", "gradient_shap", "occlusion"])
def test_progress_rises_to_the_total_and_passes_are_counted(cases, method):
    case = cases("videomae")
    told, forwarded = [], []
    logits = case.encoder.logits

    class Counting:
        def __getattr__(self, name):
            return getattr(case.encoder, name)

        def logits(self, sample, embedded):
            forwarded.append(len(embedded))
            return logits(sample, embedded)

    found = fc.explain(Counting(), case.sample, method, Target(0, "a"), lambda *step: told.append(step))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1] == base.make(method).passes(case.sample)
    assert found.passes == sum(forwarded) == told[-1][1]


def test_targets_are_the_outputs_they_are_called(cases):
    case = cases("vit")
    logits = case.encoder.encode(case.sample).logits
    order = np.argsort(-logits)
    softmax = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()

    def score(target):
        return fc.explain(case.encoder, case.sample, "saliency", target).target_score

    assert score(None) == pytest.approx(logits[order[0]], abs=1e-4)
    assert score("difference") == pytest.approx(logits[order[0]] - logits[order[1]], abs=1e-4)
    assert score("probability") == pytest.approx(softmax[order[0]], abs=1e-4)
    assert score(int(order[-1])) == pytest.approx(logits[order[-1]], abs=1e-4)
    assert score(case.encoder.card.labels[1]) == pytest.approx(logits[1], abs=1e-4)


def test_what_does_not_exist_is_refused_in_words(cases):
    case = cases("vit")
    for target in (99, "no such class"):
        with pytest.raises(UnknownName, match="Known"):
            fc.explain(case.encoder, case.sample, "saliency", target)
    with pytest.raises(UnknownName, match="integrated_gradients"):
        fc.explain(case.encoder, case.sample, "ocluson")
    with pytest.raises(UnknownName, match="outside 2 to 512"):
        fc.explain(case.encoder, case.sample, "integrated_gradients", steps=1)
    with pytest.raises(UnknownName, match="no knob 'stepz'"):
        fc.explain(case.encoder, case.sample, "integrated_gradients", stepz=4)
    with pytest.raises(NotDefined, match="Known: mean, black, blur, zero"):
        fc.explain(case.encoder, case.sample, "occlusion", baseline="mask")


@pytest.mark.parametrize("name", FAMILIES)
def test_every_baseline_of_a_card_works(cases, name):
    case = cases(name)
    for kind in case.encoder.card.baselines:
        assert fc.explain(case.encoder, case.sample, "occlusion", 0, baseline=kind).baseline == kind
