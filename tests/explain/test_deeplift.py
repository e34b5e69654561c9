"""DeepLIFT against paper, Captum's own hooks on a private model, and the sum that it promises."""

import numpy as np
import pytest
import torch
from captum.attr import DeepLift
from torch import nn

import featcore as fc
from featcore.errors import NotDefined
from featcore.explain.deeplift import ruled
from featcore.types import Target


def multipliers(net, value, baseline):
    both = torch.stack([value, baseline]).requires_grad_()
    return torch.autograd.grad(net(both)[0].sum(), both)[0][0]


def test_a_rectifier_that_was_off_passes_on_the_quotient_of_the_differences():
    """From -1 to 3 the output rises by 3, the input by 4: 3/4, where the gradient is 1 here and 0 at the baseline."""
    found = multipliers(ruled(nn.ReLU()), torch.tensor([3.0, -2.0, 5.0]), torch.tensor([-1.0, -1.0, 2.0]))
    assert found.tolist() == [0.75, 0.0, 1.0]


def test_a_maximum_gives_its_change_to_the_place_of_the_larger_maximum():
    """From (0, 2) to (4, 1) the maximum rises by 2, the place that holds the 4 by 4; back again the 2 falls."""
    pool, high, low = ruled(nn.MaxPool2d((1, 2))), torch.tensor([[[4.0, 1.0]]]), torch.tensor([[[0.0, 2.0]]])
    assert multipliers(pool, high, low).tolist() == [[[0.5, 0.0]]]
    assert multipliers(pool, low, high).tolist() == [[[0.5, 0.0]]]


@pytest.mark.parametrize("pool", [False, True])
def test_the_scores_add_up_where_windows_overlap(pool):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1) if pool else nn.Identity(), nn.ReLU())
    value, baseline = torch.randn(2, 3, 9, 9)
    changed = nn.Sequential(*(ruled(part) if isinstance(part, nn.ReLU | nn.MaxPool2d) else part for part in net))
    scores = multipliers(changed, value, baseline) * (value - baseline)
    with torch.no_grad():
        first, second = net(torch.stack([value, baseline])).flatten(1).sum(1).tolist()
    assert scores.sum().item() == pytest.approx(first - second, rel=1e-4)


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
def test_it_equals_captums_on_a_model_whose_steps_are_used_once(cases):
    """Captum's rule for maximum pooling loses overlapping windows, so its model keeps none: the pool becomes a mean."""
    case = cases("resnet")
    model = case.bare()
    model.resnet.embedder.pooler = nn.AvgPool2d(3, 2, 1)

    class Logit(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, pixels):
            return self.model(pixels).logits[:, 1]

    pixels = case.sample.tensors["pixel_values"]
    blank = case.encoder.loader.blank(case.sample, case.encoder.card.baselines[0])
    expected = DeepLift(Logit()).attribute(pixels.clone().requires_grad_(), blank.clone().requires_grad_()).detach()
    expected = case.encoder.stem.embed(expected).sum(-1)[0].numpy()
    pooler = case.encoder.model.resnet.embedder.pooler
    case.encoder.model.resnet.embedder.pooler = nn.AvgPool2d(3, 2, 1)
    try:
        found = fc.explain(case.encoder, case.sample, "deeplift", 1)
    finally:
        case.encoder.model.resnet.embedder.pooler = pooler
    assert np.allclose(found.scores, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["resnet", "torchvision"])
def test_the_scores_add_up_to_the_difference_and_the_shared_model_is_untouched(cases, name):
    case = cases(name)
    before = {id(part): type(part) for part in case.encoder.model.modules()}
    whole = case.encoder.encode(case.sample).logits
    for target in (0, Target(1, "b", "difference", 0)):
        found = fc.explain(case.encoder, case.sample, "deeplift", target)
        change = found.target_score - found.baseline_score
        assert abs(found.convergence_delta) < 1e-4 * max(1e-3, abs(change))
    assert {id(part): type(part) for part in case.encoder.model.modules()} == before
    assert all(not part._forward_hooks and not part._backward_hooks for part in case.encoder.model.modules())
    assert np.array_equal(case.encoder.encode(case.sample).logits, whole)


def test_every_picture_that_ships_adds_up_on_the_embedded_network():
    encoder = fc.load("conv-mini")
    for example in fc.samples("image"):
        assert fc.explain(encoder, encoder.prepare(example.load()), "deeplift").completeness_gap < 1e-4


def test_where_no_rule_keeps_the_sum_it_is_refused_in_words(cases):
    for name in ("vit", "bert", "convnext"):
        case = cases(name)
        assert "deeplift" not in [method.name for method in fc.methods(case.encoder.card)]
        with pytest.raises(NotDefined, match="where its rule does not keep the sum"):
            fc.explain(case.encoder, case.sample, "deeplift", 0)
    case = cases("resnet")
    with pytest.raises(NotDefined, match="DeepLIFT of a probability is not defined"):
        fc.explain(case.encoder, case.sample, "deeplift", "probability")


def test_a_step_that_is_no_module_is_found_by_the_sum(cases, monkeypatch):
    case = cases("resnet")
    scores = type(case.encoder)._scores
    monkeypatch.setattr(type(case.encoder), "_scores", lambda self, output: (scores(self, output) * 9).exp())
    with pytest.raises(NotDefined, match="a step that its rules do not see"):
        fc.explain(case.encoder, case.sample, "deeplift", 0)
