"""Dear methods are judged with one knob turned down, as far as the passes ask and no further."""

from dataclasses import replace

import pytest

from featcore.explain.base import make
from featcore.trust.cheaper import AFFORDABLE, affordable, turned_down

# Passes: sets + 2 of LIME, sets of KernelSHAP, which holds both ends, 2 * (masks // 2) + 2, and the largest rule of
# 2^k + 1 points within the limit, + 2.
LOWERED = {
    "lime": ("sets", 256, 148),
    "kernel_shap": ("sets", 512, 150),
    "random_masks": ("masks", 256, 148),
    "adaptive_gradients": ("limit", 1025, 129),
}


@pytest.mark.parametrize("name", ["bert", "vit", "videomae"])
def test_every_dear_method_becomes_affordable_and_its_knob_is_named(cases, name):
    case = cases(name)
    run_now, left = affordable(case.encoder, case.sample)
    found = turned_down(case.encoder, case.sample, left)
    for method, (knob, default, value) in LOWERED.items():
        assert (found[method].knob, found[method].default, found[method].value) == (knob, default, value)
        assert found[method].title == f"{make(method).title} ({knob} {value})"
    for one in found.values():
        more = replace(one.method, **{one.knob: one.default})
        assert one.method.passes(case.sample) <= AFFORDABLE < more.passes(case.sample)
    assert not set(found) & {method.name for method in run_now}


def test_what_is_not_defined_for_an_encoder_is_not_turned_down(cases):
    case = cases("bert")
    assert turned_down(case.encoder, case.sample, ["cam", "coarse_occlusion"]) == {}
