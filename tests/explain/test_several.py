"""Several methods over one input share what they ask the model in common, and change nothing of each other's maps."""

import gc
import weakref

import numpy as np
import pytest

import featcore as fc
from featcore.encode.base import Encoder
from featcore.errors import Cancelled, NotDefined, UnknownName
from featcore.explain.shared import Shared
from tests.explain.test_counts import batches as batches  # the fixture

ENDS = 2  # F(x) and F(baseline)


@pytest.fixture
def looks(monkeypatch):
    """How often a model was run for `encode`."""
    seen, original = [], Encoder.seen

    def counted(self, *asked, **more):
        seen.append(asked)
        return original(self, *asked, **more)

    monkeypatch.setattr(Encoder, "seen", counted)
    return seen


def of_batches(case, batches, methods, target=None, **more):
    """What the model sees of several methods, apart from measuring its own memory, which happens once."""
    case.encoder.activation_bytes(case.sample)
    batches.clear()
    return fc.explain_all(case.encoder, case.sample, methods, target, **more), list(batches)


def same(one, other):
    assert np.allclose(one.scores, other.scores, atol=1e-6, rtol=1e-5)
    assert (one.target, one.knobs, one.passes, one.baseline) == (
        other.target,
        other.knobs,
        other.passes,
        other.baseline,
    )
    assert one.provenance.attention == other.provenance.attention
    for name in ("target_score", "baseline_score", "convergence_delta", "special_share"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert mine == theirs or mine == pytest.approx(theirs, abs=1e-5), name


SHARING = {
    **{name: {} for name in ("saliency", "relevance", "attention", "grad_cam", "attention_rollout", "legrad", "cam")},
    **{name: {} for name in ("input_x_gradient", "attention_x_gradient", "deeplift", "occlusion", "random")},
    **{"integrated_gradients": {"steps": 4}, "gradient_shap": {"samples": 4}},
}


@pytest.mark.parametrize("name", ["bert", "vit", "swin", "resnet"])
def test_maps_are_those_of_single_calls(cases, name):
    case = cases(name)
    found = fc.explain_all(case.encoder, case.sample, SHARING)
    assert list(found) == list(SHARING)
    for method, one in found.items():
        if isinstance(one, NotDefined):
            with pytest.raises(NotDefined) as alone:
                fc.explain(case.encoder, case.sample, method, **SHARING[method])
            assert str(alone.value) == str(one)
        else:
            same(one, fc.explain(case.encoder, case.sample, method, **SHARING[method]))


def test_the_class_and_both_ends_are_found_once_for_all(cases, batches):
    case, n = cases("vit"), len(cases("vit").sample.units)
    asked = {"integrated_gradients": {"steps": 8}, "gradient_shap": {"samples": 8}, "occlusion": {}}
    found, seen = of_batches(case, batches, asked)
    assert seen == [1, 8 + 1, 8, n], "the class with F(x), F(baseline) beside the first steps, and no end again"
    assert [one.passes for one in found.values()] == [8 + ENDS, 8 + ENDS, n + ENDS]


def test_methods_that_take_the_same_gradient_share_one_pass(cases, batches):
    _, seen = of_batches(cases("bert"), batches, ("saliency", "input_x_gradient"), 0)
    assert seen == [1]


def test_methods_that_look_inside_share_one_pass_and_legrad_needs_one_for_each_other_layer(cases, batches):
    case = cases("bert")
    _, seen = of_batches(case, batches, ("relevance", "attention_x_gradient", "grad_cam", "legrad"), 0)
    assert seen == [1] * case.encoder.layers


def test_methods_that_read_attention_share_one_pass_whatever_they_look_at(cases, looks):
    case = cases("vit")
    asked = {"attention": {"layer": 0, "head": 1}, "attention_rollout": {}}
    found = fc.explain_all(case.encoder, case.sample, asked)
    assert len(looks) == 1
    for name, knobs in asked.items():
        same(found[name], fc.explain(case.encoder, case.sample, name, **knobs))


def test_seconds_count_a_pass_that_another_method_paid_for(cases, monkeypatch):
    case, clock = cases("bert"), iter(range(1000))
    for module in ("base", "shared"):
        monkeypatch.setattr(f"featcore.explain.{module}.perf_counter", lambda: float(next(clock)))
    found = fc.explain_all(case.encoder, case.sample, ("saliency", "input_x_gradient"), 0)
    # begin, begin of the pass, end of the pass, end; then begin, end, and the second between both ends of the pass
    assert [one.seconds for one in found.values()] == [3, 1 + 1]


def test_another_input_as_the_baseline_is_asked_once(cases, batches):
    case = cases("vit")
    asked = {"integrated_gradients": {"steps": 8}, "gradient_shap": {"samples": 8}}
    found, seen = of_batches(case, batches, asked, other=case.another())
    assert seen == [1, 8 + 1, 8]
    for name, knobs in asked.items():
        same(found[name], fc.explain(case.encoder, case.sample, name, other=case.another(), **knobs))


def test_a_method_that_is_not_defined_gives_its_reason_and_stops_no_other(cases):
    found = fc.explain_all(cases("bert").encoder, cases("bert").sample, ("cam", "saliency"), 0)
    assert isinstance(found["cam"], NotDefined)
    assert "CAM is not defined" in str(found["cam"])
    assert found["saliency"].scores.any()


def test_a_misspelt_method_or_knob_is_told_before_anything_is_computed(cases, batches):
    case = cases("bert")
    for asked in (("saliency", "ocluson"), {"saliency": {}, "occlusion": {"pace": 3}}):
        with pytest.raises(UnknownName):
            of_batches(case, batches, asked, 0)
        assert batches == []


def test_progress_rises_over_all_methods_and_can_stop_them(cases):
    case, told = cases("bert"), []
    fc.explain_all(case.encoder, case.sample, ("saliency", "occlusion", "random"), 0, lambda *at: told.append(at))
    assert told == sorted(told)
    assert told[-1] == (told[0][1],) * 2

    def stop(done, total):
        if done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        fc.explain_all(case.encoder, case.sample, ("saliency", "occlusion"), 0, stop)


def test_nothing_is_kept_when_the_call_is_over(cases, monkeypatch):
    made, original = [], Shared.__init__

    def noted(self, *given, **more):
        original(self, *given, **more)
        made.append(weakref.ref(self))

    monkeypatch.setattr(Shared, "__init__", noted)
    case = cases("bert")
    fc.explain_all(case.encoder, case.sample, ("saliency", "relevance", "integrated_gradients", "attention"))
    gc.collect()
    assert [one() for one in made] == [None]
