"""SmoothGrad against the gradient of a linear model, Captum's own, and its limits."""

import numpy as np
import pytest
import torch
from captum.attr import NoiseTunnel, Saliency

import featcore as fc
from featcore.types import Target
from tests.explain.closed import OnPaper


def linear(case, seed=0):
    """An encoder whose one class score is <w, embedding>, and w of the units, Float[n d]."""
    embedded = case.encoder.embed(case.sample)
    weight = torch.randn(embedded.shape[1:], generator=torch.Generator().manual_seed(seed))
    model = OnPaper(case.encoder, lambda rows: (rows * weight).sum((1, 2))[:, None])
    return model, weight[case.sample.rows].numpy(), embedded[0, case.sample.rows].numpy()


@pytest.mark.parametrize("name", ["bert", "vit", "videomae", "resnet"])
def test_of_a_linear_model_noise_changes_nothing(cases, name):
    model, weight, rows = linear(cases(name))
    target = Target(0, "a")
    for average in ("mean", "square"):
        found = fc.explain(model, cases(name).sample, "smoothgrad", target, samples=5, average=average, noise=2.0)
        assert np.allclose(found.scores, np.linalg.norm(weight, axis=1), rtol=1e-4)
    signed = fc.explain(model, cases(name).sample, "smooth_input_x_gradient", target, samples=5, noise=2.0)
    assert np.allclose(signed.scores, (weight * rows).sum(1), rtol=1e-3, atol=1e-4)


def test_the_mean_gradient_of_a_parabola_is_its_gradient_and_the_mean_square_is_larger_by_the_noise(cases):
    """F = sum x^2 / 2 has gradient x: noise of deviation s leaves the mean and adds d s^2 to the mean square."""
    case = cases("bert")
    model = OnPaper(case.encoder, lambda rows: rows.square().sum((1, 2))[:, None] / 2)
    rows = case.encoder.embed(case.sample)[0, case.sample.rows].numpy()
    asked = {"samples": 512, "noise": 0.5}
    mean = fc.explain(model, case.sample, "smoothgrad", Target(0, "a"), **asked).scores
    square = fc.explain(model, case.sample, "smoothgrad", Target(0, "a"), average="square", **asked).scores
    added = rows.shape[1] * (0.5 * rows.std()) ** 2
    assert np.allclose(mean, np.linalg.norm(rows, axis=1), rtol=0.05)
    assert np.allclose(square**2, (rows**2).sum(1) + added, rtol=0.05)


@pytest.mark.parametrize("name", ["vit", "gpt2", "resnet"])
def test_without_noise_it_is_the_gradient(cases, name):
    case = cases(name)
    plain = fc.explain(case.encoder, case.sample, "saliency", 1).scores
    times = fc.explain(case.encoder, case.sample, "input_x_gradient", 1).scores
    for average in ("mean", "square"):
        found = fc.explain(case.encoder, case.sample, "smoothgrad", 1, samples=3, noise=0.0, average=average)
        assert np.allclose(found.scores, plain, rtol=1e-4, atol=1e-7)
    found = fc.explain(case.encoder, case.sample, "smooth_input_x_gradient", 1, samples=3, noise=0.0)
    assert np.allclose(found.scores, times, rtol=1e-4, atol=1e-6)


def test_it_comes_near_captums_noise_tunnel_with_many_copies(cases):
    case = cases("vit")
    embedded = case.encoder.embed(case.sample).requires_grad_()
    deviation = 0.25 * float(embedded.detach()[:, case.sample.rows].std(correction=0))
    tunnel = NoiseTunnel(Saliency(lambda rows: case.encoder.logits(case.sample, rows)[:, 0]))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = tunnel.attribute(embedded, nt_samples=256, stdevs=deviation, nt_type="smoothgrad", abs=False)
    found = fc.explain(case.encoder, case.sample, "smoothgrad", 0, samples=256)
    assert np.allclose(found.scores, expected[0].norm(dim=-1).detach().numpy()[case.sample.rows], rtol=0.05)


@pytest.mark.parametrize("method", ["smoothgrad", "smooth_input_x_gradient"])
def test_noise_depends_on_the_seed_alone_and_leaves_the_generators_alone(cases, monkeypatch, method):
    case, state = cases("bert"), torch.get_rng_state()
    one = fc.explain(case.encoder, case.sample, method, 0, samples=5, seed=3)
    monkeypatch.setattr("featcore.explain.smooth.chunk_size", lambda *_, **__: 2)
    two = fc.explain(case.encoder, case.sample, method, 0, samples=5, seed=3)
    other = fc.explain(case.encoder, case.sample, method, 0, samples=5, seed=4)
    assert np.allclose(one.scores, two.scores, rtol=1e-4, atol=1e-6)
    assert not np.allclose(one.scores, other.scores, rtol=1e-3)
    assert torch.equal(state, torch.get_rng_state())
    assert one.passes == two.passes == 6
    assert one.provenance.seed == 3
