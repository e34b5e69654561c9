"""Adaptive integrated gradients: rules known on paper, a softplus in closed form, and the sums of what ships."""

import numpy as np
import pytest
import torch

import featcore as fc
from featcore.explain.adaptive import nodes, weights
from featcore.explain.remarks import remarks
from featcore.types import Target
from tests.explain.closed import OnPaper

NAME = "adaptive_gradients"
ANY = Target(0, "a")


@pytest.mark.parametrize("intervals", [8, 16, 64])
def test_a_rule_of_n_intervals_integrates_every_power_up_to_n(intervals):
    for power in range(intervals + 1):
        assert weights(intervals) @ nodes(intervals) ** power == pytest.approx(1 / (power + 1), abs=1e-12)


def test_every_second_point_of_a_finer_rule_is_a_point_of_the_coarser_one():
    assert np.allclose(nodes(32)[::2], nodes(16), atol=1e-15)


def softplus(case, sharp):
    """F = softplus(sharp <w, embedding>) / sharp, and its integrated gradients on paper.

    The gradient is w sigmoid(sharp z), so every score is its share of the way of z times the whole change of F.
    """
    embedded, blank = case.encoder.embed(case.sample), case.encoder.baseline(case.sample)
    weight = torch.randn(embedded.shape[1:], generator=torch.Generator().manual_seed(1))
    shares = (weight * (embedded - blank)[0]).sum(-1)
    bend = float((weight * (0.63 * blank + 0.37 * embedded)[0]).sum())

    def answer(rows):
        z = (rows * weight).sum((1, 2)) - bend  # in the middle of the line it would lie on a point of every rule
        return torch.nn.functional.softplus(z * sharp)[:, None] / sharp

    change = float(answer(embedded) - answer(blank))
    return OnPaper(case.encoder, answer), (shares / shares.sum() * change).numpy()[case.sample.rows]


@pytest.mark.parametrize("sharp", [0.1, 3.0, 1000.0])
def test_a_softplus_is_split_as_on_paper_and_a_sharper_one_takes_more_points(cases, sharp):
    model, expected = softplus(cases("bert"), sharp)
    found = fc.explain(model, cases("bert").sample, NAME, ANY, tolerance=0.001, limit=4097)
    assert np.abs(found.scores - expected).sum() < 0.002 * np.abs(expected).sum()
    assert found.completeness_gap <= 0.001
    assert (found.passes - 1) & (found.passes - 2) == 0, "points are a power of two and one more"
    assert (found.passes > 100) == (sharp == 1000)


def test_no_point_is_computed_twice_and_passes_are_counted(cases):
    case, seen = cases("vit"), []
    logits = case.encoder.logits

    def answer(rows):
        seen.extend(rows.detach().double().sum((1, 2)).tolist())
        return logits(case.sample, rows)

    told = []
    found = fc.explain(OnPaper(case.encoder, answer), case.sample, NAME, ANY, lambda *step: told.append(step))
    assert found.passes == len(seen) == told[-1][0] == told[-1][1]
    assert len(set(np.round(seen, 9))) == len(seen)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert found.passes <= fc.explain.METHODS[NAME]().passes(case.sample)


@pytest.mark.parametrize("name", ["gpt2", "videomae", "dinov2"])
def test_it_comes_to_what_many_steps_come_to(cases, name):
    case = cases(name)
    many = fc.explain(case.encoder, case.sample, "integrated_gradients", 0, steps=256).scores
    found = fc.explain(case.encoder, case.sample, NAME, 0, tolerance=0.001)
    assert np.abs(found.scores - many).sum() < 0.005 * np.abs(many).sum()
    assert not remarks(found)


def test_at_the_limit_it_stops_and_says_so(cases):
    model, _ = softplus(cases("bert"), 1000.0)
    found = fc.explain(model, cases("bert").sample, NAME, ANY, tolerance=0.0001, limit=40)
    assert found.passes == 33
    assert remarks(found) == ("It stopped at its limit of 33 points, so more of them might still move the map.",)


@pytest.mark.parametrize("name", [card.name for card in fc.encoders()])
def test_on_every_encoder_that_ships_the_scores_add_up_within_one_percent(name):
    encoder = fc.load(name)
    example = fc.samples(encoder.card.modality)[0]
    frames = {"frames": encoder.card.input_size[0]} if encoder.card.modality == "video" else {}
    sample = encoder.prepare(example.load(**frames))
    found = fc.explain(encoder, sample, NAME)
    assert found.completeness_gap <= 0.01
    fixed = fc.explain(encoder, sample, "integrated_gradients", steps=32)
    # Rectifiers and maximum pooling bend the line at many places: 32 points are too few there, whatever their rule.
    assert (fixed.completeness_gap > 0.01) == (name == "conv-mini")
    assert found.passes <= (300 if name == "conv-mini" else 131)
