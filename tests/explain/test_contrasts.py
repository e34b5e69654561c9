"""This class rather than that one, this input instead of that one, and a probability that hardly moves."""

import numpy as np
import pytest
import torch

import featcore as fc
from featcore.errors import NotDefined, UnknownName
from featcore.explain.base import rather_than, resolve_target
from featcore.explain.remarks import remarks
from featcore.types import Target
from tests.explain.closed import OnPaper


@pytest.mark.parametrize("method", ["occlusion", "input_x_gradient", "integrated_gradients"])
def test_one_class_rather_than_another_is_the_difference_of_both_maps(cases, method):
    case = cases("vit")
    labels = case.encoder.card.labels
    found = fc.explain(case.encoder, case.sample, method, f"{labels[1]}>{labels[0]}")
    first, second = (fc.explain(case.encoder, case.sample, method, index) for index in (1, 0))
    assert np.allclose(found.scores, first.scores - second.scores, atol=1e-5)
    assert found.target_score == pytest.approx(first.target_score - second.target_score, abs=1e-5)
    assert str(found.target) == f"difference of '{labels[1]} less {labels[0]}'"
    by_number = fc.explain(case.encoder, case.sample, method, "1 > 0")
    assert np.array_equal(by_number.scores, found.scores)


def test_the_runner_up_is_named(cases):
    case = cases("vit")
    order = np.argsort(-case.encoder.encode(case.sample).logits)
    labels = case.encoder.card.labels
    target = resolve_target(case.encoder, case.sample, "difference")
    assert target == Target(order[0], f"{labels[order[0]]} less {labels[order[1]]}", "difference", order[1])


def test_labels_may_hold_the_sign_that_parts_them():
    assert rather_than(("a>b", "b", "c"), "a>b>c") == (0, 2)
    assert rather_than(("1", "0"), "1>0") == (0, 1), "a label comes before a number"
    assert rather_than(("a", "b"), "a>z") is None


def test_a_contrast_that_means_nothing_is_refused_in_words(cases):
    case = cases("vit")
    with pytest.raises(NotDefined, match="rather than itself is 0"):
        resolve_target(case.encoder, case.sample, "1>1")
    with pytest.raises(UnknownName, match="'a>b' for class a rather than class b"):
        resolve_target(case.encoder, case.sample, "1>nothing")
    with pytest.raises(NotDefined, match="a second input, and none was given"):
        resolve_target(case.encoder, case.sample, "similarity")


@pytest.mark.parametrize("name", ["vit", "videomae", "resnet", "bert"])
def test_one_input_instead_of_another_adds_up_to_the_difference_of_their_answers(cases, name):
    case = cases(name)
    other = case.another()
    if name == "bert":  # two texts of as many tokens
        other = case.encoder.prepare(fc.read_text(" ".join(reversed(case.source.text.split()))))
    assert len(other.units) == len(case.sample.units)
    found = fc.explain(case.encoder, case.sample, "integrated_gradients", 0, other=other, steps=256)
    answers = [float(case.encoder.encode(one).logits[0]) for one in (case.sample, other)]
    assert found.target_score == pytest.approx(answers[0], abs=1e-4)
    assert found.baseline_score == pytest.approx(answers[1], abs=1e-4)
    assert found.scores.sum() == pytest.approx(answers[0] - answers[1], abs=2e-3)
    assert found.baseline == f"the input '{other.source.name}'"
    back = fc.explain(case.encoder, other, "integrated_gradients", 0, other=case.sample, steps=256)
    assert np.allclose(back.scores, -found.scores, atol=1e-3), "the same line, walked the other way"


def test_deeplift_takes_another_input_too(cases):
    case = cases("resnet")
    found = fc.explain(case.encoder, case.sample, "deeplift", 0, other=case.another())
    assert abs(found.convergence_delta) < 1e-4
    assert found.scores.any()


def test_the_same_input_instead_of_itself_has_no_scores(cases):
    case = cases("vit")
    found = fc.explain(case.encoder, case.sample, "occlusion", 0, other=case.sample)
    assert np.abs(found.scores).max() < 1e-5


def test_where_no_unit_can_stand_in_for_another_it_is_refused_in_words(cases):
    case = cases("bert")
    shorter = case.encoder.prepare(fc.read_text(case.source.text.split()[0]))
    with pytest.raises(NotDefined, match="Take inputs of as many units"):
        fc.explain(case.encoder, case.sample, "occlusion", 0, other=shorter)
    with pytest.raises(NotDefined, match="Saliency has no baseline"):
        fc.explain(case.encoder, case.sample, "saliency", 0, other=case.sample)


def test_similarity_asks_for_the_second_input_by_name(cases):
    case = cases("vit")
    found = fc.explain(case.encoder, case.sample, "occlusion", "similarity", other=case.another())
    assert str(found.target) == f"similarity to '{case.another().source.name}'"
    assert -1 <= found.target_score < 1


@pytest.mark.parametrize(("logit", "said"), [(8.0, "above 0.99"), (-8.0, "below 0.01"), (1.0, "")])
def test_a_saturated_probability_says_by_how_much_its_gradient_has_shrunk(cases, logit, said):
    """Of two classes, one at z and one at 0, p = sigmoid(z) and dp/dz = p (1 - p)."""
    case = cases("bert")
    width = case.encoder.embed(case.sample).numel()

    def answer(rows):
        z = logit + (rows - case.encoder.embed(case.sample)).sum((1, 2)) / width
        return torch.stack([z, torch.zeros_like(z)], 1)

    found = fc.explain(OnPaper(case.encoder, answer), case.sample, "input_x_gradient", Target(0, "a", "probability"))
    remark = " ".join(remarks(found))
    assert (said in remark) if said else (remark == "")
    if said:
        p = 1 / (1 + np.exp(-logit))
        assert f"{p:.4g}" in remark
        assert f"by {p * (1 - p):.1g} of that change" in remark
        raw = fc.explain(OnPaper(case.encoder, answer), case.sample, "input_x_gradient", Target(0, "a"))
        assert np.allclose(found.scores, raw.scores * p * (1 - p), rtol=1e-2)
