"""How many samples the model sees: F(x) and F(baseline) once each, in the passes that a method makes anyway."""

import numpy as np
import pytest

import featcore as fc
from featcore.encode.base import Encoder
from featcore.explain.base import Explained, silent
from featcore.types import Target

ENDS = 2  # F(x) and F(baseline)


@pytest.fixture
def batches(monkeypatch):
    """The batch of every pass through any model."""
    seen = []

    def counting(name):
        original = getattr(Encoder, name)

        def counted(self, sample, embedded, *more, **asked):
            seen.append(len(embedded))
            return original(self, sample, embedded, *more, **asked)

        monkeypatch.setattr(Encoder, name, counted)

    counting("_run")
    counting("_shorter")
    return seen


def of_batches(case, batches, method, target, **knobs):
    """What the model sees of one explanation, apart from measuring its own memory, which happens once."""
    case.encoder.activation_bytes(case.sample)
    batches.clear()
    found = fc.explain(case.encoder, case.sample, method, target, **knobs)
    return found, list(batches)


GIVEN = [  # the batches with a class given, n units
    ("integrated_gradients", {"steps": 8}, lambda n: [8 + ENDS]),
    ("gradient_shap", {"samples": 8}, lambda n: [8 + ENDS]),
    ("adaptive_gradients", {"tolerance": 0.5, "limit": 17}, lambda n: [17]),
    ("occlusion", {}, lambda n: [1, n + 1]),
    ("random_masks", {"masks": 16}, lambda n: [16 + ENDS]),
    ("lime", {"sets": 16}, lambda n: [16 + ENDS]),
    ("kernel_shap", {"sets": 16}, lambda n: [16]),
    ("shapley_sampling", {"orders": 2}, lambda n: [1, 2 * n]),
    ("smoothgrad", {"samples": 8}, lambda n: [8 + 1]),
    ("smooth_input_x_gradient", {"samples": 8}, lambda n: [8 + 1]),
    ("saliency", {}, lambda n: [1]),
    ("input_x_gradient", {}, lambda n: [1]),
    ("grad_cam", {}, lambda n: [1]),
    ("relevance", {}, lambda n: [1]),
    ("attention_x_gradient", {}, lambda n: [1]),
]


@pytest.mark.parametrize(("method", "knobs", "expected"), GIVEN, ids=[method for method, _, _ in GIVEN])
def test_the_model_sees_no_sample_twice(cases, batches, method, knobs, expected):
    case = cases("bert")
    found, seen = of_batches(case, batches, method, 0, **knobs)
    assert sum(seen) == found.passes == sum(expected(len(case.sample.units)))
    if method != "shapley_sampling":  # Captum cuts its orders into passes of its own
        assert seen == expected(len(case.sample.units))


@pytest.mark.parametrize(("method", "n"), [("integrated_gradients", 8), ("gradient_shap", 8)])
def test_the_pass_that_finds_the_predicted_class_gives_its_score_too(cases, batches, method, n):
    case, size = cases("vit"), "steps" if method == "integrated_gradients" else "samples"
    found, seen = of_batches(case, batches, method, None, **{size: n})
    assert seen == [1, n + 1]
    assert found.passes == n + ENDS


def test_the_pass_that_finds_the_predicted_class_is_the_one_that_occlusion_falls_from(cases, batches):
    case = cases("vit")
    _, seen = of_batches(case, batches, "occlusion", None)
    assert seen == [1, len(case.sample.units) + 1]


def test_ends_do_not_lengthen_a_pass_by_more_than_a_quarter(cases, batches):
    assert of_batches(cases("vit"), batches, "integrated_gradients", 0, steps=7)[1] == [7, ENDS]


def test_left_out_units_need_no_pass_beyond_their_sets(cases, batches):
    found, seen = of_batches(cases("bert"), batches, "kernel_shap", 0, sets=16, hiding="left out")
    assert sum(seen) == found.passes == 16


@pytest.mark.parametrize("name", ["bert", "vit", "videomae"])
def test_scores_at_the_ends_are_those_of_passes_of_their_own(cases, name):
    case, target = cases(name), Target(1, "b")
    ends = {"input": case.encoder.embed(case.sample), "baseline": case.encoder.baseline(case.sample)}
    alone = [float(case.encoder.logits(case.sample, end)[0, 1]) for end in ends.values()]
    apart = Explained(case.encoder, case.sample, target, silent, 2, ends=ends)
    assert np.allclose(apart.at_ends(), alone, atol=1e-6)
    for method in ("integrated_gradients", "adaptive_gradients", "occlusion", "random_masks", "shapley_sampling"):
        found = fc.explain(case.encoder, case.sample, method, target)
        assert np.allclose([found.target_score, found.baseline_score], alone, atol=1e-6), method


@pytest.mark.parametrize("method", ["saliency", "grad_cam", "kernel_shap"])
def test_a_method_that_meets_the_input_anyway_counts_its_own_passes_alone(cases, batches, method):
    case = cases("bert")
    found, seen = of_batches(case, batches, method, None)
    assert found.passes == fc.explain(case.encoder, case.sample, method, 0).passes == sum(seen) - 1
