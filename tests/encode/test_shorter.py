"""Positions that are left out of a sequence: the others answer as if those were masked, or the family refuses."""

import numpy as np
import pytest
import torch

import featcore as fc
from featcore.encode.layouts import LAYOUTS
from featcore.errors import NotDefined
from featcore.types import Target

SHORTENS = sorted(name for name, layout in LAYOUTS.items() if layout.shortens)
TEXTS = [name for name in SHORTENS if LAYOUTS[name].modality == "text"]


def stays_without(case, units):
    """Positions of the sequence other than those of the units."""
    gone = case.sample.positions[list(units)]
    return torch.tensor([[at for at in range(len(case.sample.sequence)) if at not in gone]])


def answer(case, stays=None, embedded=None):
    with torch.no_grad():
        return case.encoder.logits(
            case.sample, case.encoder.embed(case.sample) if embedded is None else embedded, stays
        )


@pytest.mark.parametrize("name", SHORTENS)
def test_with_every_position_the_answer_is_that_of_the_whole_input(cases, name):
    case = cases(name)
    assert torch.allclose(answer(case, stays_without(case, ())), answer(case), atol=1e-5)


@pytest.mark.parametrize("name", SHORTENS)
def test_a_unit_that_is_left_out_has_no_effect_and_the_others_have(cases, name):
    case = cases(name)
    stays, gone, kept = stays_without(case, (1,)), case.sample.rows[1], case.sample.rows[0]
    for row, matters in ((gone, False), (kept, True)):
        changed = case.encoder.embed(case.sample).clone()
        changed[:, row] += 3 * torch.randn(changed.shape[-1], generator=torch.Generator().manual_seed(0))
        apart = (answer(case, stays, changed) - answer(case, stays)).abs().max()
        assert apart > 1e-4 if matters else apart == 0
    assert (answer(case, stays) - answer(case)).abs().max() > 1e-5


@pytest.mark.parametrize("name", TEXTS)
def test_left_out_tokens_are_what_transformers_masks(cases, name):
    """Softmax gives a masked position exactly nothing, so plain transformers on the whole text must agree."""
    case = cases(name)
    mask = case.sample.tensors["attention_mask"].clone()
    mask[:, case.sample.positions[[0, 2]]] = 0
    with torch.no_grad():
        expected = case.bare()(**{**case.sample.tensors, "attention_mask": mask}).logits
    assert torch.allclose(answer(case, stays_without(case, (0, 2))), expected, atol=1e-5)


@pytest.mark.parametrize("name", TEXTS)
def test_sequences_of_different_lengths_share_a_pass_and_answer_as_alone(cases, name):
    case = cases(name)
    long, short = (stays_without(case, units)[0] for units in ((1,), (0, 2, 3)))
    filled = torch.cat([short, -torch.ones(len(long) - len(short), dtype=torch.long)])
    together = answer(case, torch.stack([long, filled]), case.encoder.embed(case.sample).expand(2, -1, -1))
    assert torch.allclose(together, torch.cat([answer(case, each[None]) for each in (long, short)]), atol=1e-5)


def test_left_out_tubelets_are_what_videomae_itself_leaves_out(cases):
    """VideoMAE was trained by leaving tubelets out; its own way takes a mask of them."""
    case = cases("videomae")
    model, gone = case.bare(), torch.zeros(1, len(case.sample.sequence), dtype=torch.bool)
    gone[:, case.sample.positions[[0, 3]]] = True
    with torch.no_grad():
        rows = model.videomae(case.sample.tensors["pixel_values"], bool_masked_pos=gone).last_hidden_state
        expected = model.classifier(model.fc_norm(rows.mean(1)) if model.fc_norm is not None else rows[:, 0])
    assert torch.allclose(answer(case, stays_without(case, (0, 3))), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["deberta-v2", "mpnet", "gpt2", "beit", "swin", "resnet", "timesformer"])
def test_families_whose_layers_read_the_whole_sequence_refuse_in_words(cases, name):
    case = cases(name)
    with pytest.raises(NotDefined, match="cannot be left out"):
        answer(case, torch.tensor([[0]]))
    assert not case.encoder.layout.shortens


def test_nothing_stays_behind_on_the_model_after_an_error(cases):
    case = cases("vit")
    before = answer(case)
    with pytest.raises(RuntimeError):
        answer(case, torch.tensor([[0, 999]]))
    assert (answer(case) == before).all()
    assert not case.encoder.model.base_model.embeddings._forward_hooks


@pytest.mark.parametrize("name", ["bert", "vit"])
def test_kernel_shap_by_leaving_out_adds_up_to_the_whole_less_no_unit_at_all(cases, name):
    case = cases(name)
    sample = case.sample
    n = len(sample.units)
    found = fc.explain(case.encoder, sample, "kernel_shap", 0, sets=128, hiding="left out")
    whole = answer(case)[0, 0].item()
    nothing = answer(case, stays_without(case, range(n)))[0, 0].item()
    assert found.baseline == "left out"
    assert (found.target_score, found.baseline_score) == pytest.approx((whole, nothing), abs=1e-5)
    assert found.scores.sum() == pytest.approx(whole - nothing, abs=1e-3)
    assert abs(found.convergence_delta) < 1e-3
    assert found.passes == dict(found.knobs)["sets"]


def test_kernel_shap_by_leaving_out_gives_a_linear_game_its_own_weights(cases):
    """Scores of single units added up, so each unit's Shapley value is its own term."""
    case = cases("bert")
    n = len(case.sample.units)
    terms = np.linspace(-1, 1, n)
    encoder = Linear(case, terms)
    found = fc.explain(encoder, case.sample, "kernel_shap", 0, sets=4 * n, hiding="left out")
    assert found.scores == pytest.approx(terms, abs=1e-4)


class Linear:
    """An encoder whose logit is the sum of a term for each unit that is there."""

    def __init__(self, case, terms):
        self.case, self.terms = case, terms

    def __getattr__(self, name):
        return getattr(self.case.encoder, name)

    def logits(self, sample, embedded, stays=None):
        length = len(sample.sequence)
        there = torch.zeros(len(embedded), length + 1)  # the last column gathers what fills rows up
        there.scatter_(
            1, torch.arange(length).expand(len(embedded), -1) if stays is None else stays % (length + 1), 1.0
        )
        return (there[:, sample.positions] @ torch.from_numpy(self.terms).float())[:, None].expand(-1, 2)


def test_a_sequence_of_units_alone_has_nothing_left_to_begin_from(cases):
    with pytest.raises(NotDefined, match="there is no sequence"):
        fc.explain(cases("videomae").encoder, cases("videomae").sample, "kernel_shap", 0, hiding="left out")


def test_the_length_of_a_vector_is_not_explained_by_leaving_out(cases):
    case = cases("vit")
    target = Target(0, "the pooled vector", "norm")
    with pytest.raises(NotDefined, match="explain a class"):
        fc.explain(case.encoder, case.sample, "kernel_shap", target, sets=64, hiding="left out")
