"""Every method on every family: it scores every unit, or says in words why it does not."""

import numpy as np
import pytest

import featcore as fc
from featcore.encode.layouts import LAYOUTS
from featcore.errors import NotDefined
from featcore.explain import METHODS, knobs

TEXT, IMAGE = ({name for name, row in LAYOUTS.items() if row.modality == kind} for kind in ("text", "image"))
CONV = {"resnet", "regnet", "convnext", "torchvision", "torchvision_video"}  # Video Swin gives none of its weights
READS_ONE = {"vit", "deit", "vivit", "timesformer"}  # one position each, or one by each of two classifiers
READS_BOTH = {"dinov2", "dinov2_with_registers"}
NORMED = {"beit", "siglip_vision_model", "swin", "convnext", "videomae"}  # a norm stands behind the last vectors
HEADLESS = {"clip_text_model", "siglip_text_model"}

NO_MAPS = dict.fromkeys(CONV, "it needs attention, which this encoder does not provide")
NO_PRODUCT = NO_MAPS | {"swin": "its attention is windowed", "timesformer": "its attention is spatial"}
# What a family is not defined for, and words of the reason; whatever else is refused is a fault.
REFUSED: dict[str, dict[str, str]] = {
    "attention": NO_MAPS,
    "attention_rollout": NO_PRODUCT,
    "attention_x_gradient": NO_PRODUCT,
    "legrad": NO_PRODUCT,
    "relevance": NO_PRODUCT | {"vjepa2": "a learned query reads its units"},
    "cam": dict.fromkeys(TEXT | READS_ONE | READS_BOTH | {"vjepa2"}, "does not read the mean of its units")
    | dict.fromkeys(NORMED, "not linear in the mean of its last vectors"),
    "coarse_occlusion": dict.fromkeys(TEXT, "reads text. Take Occlusion")
    | dict.fromkeys(IMAGE, "reads image. Take Occlusion"),
    "deeplift": dict.fromkeys(
        LAYOUTS.keys() - CONV - HEADLESS | {"convnext"}, "models with attention, LayerNorm or GELU"
    )
    | dict.fromkeys(HEADLESS, "it needs logits")
    | {"regnet": "this model has Sigmoid", "torchvision_video": "this model has GELU, LayerNorm, StochasticDepth"},
}


def test_what_is_refused_is_refused_of_a_method_and_a_family_that_exist():
    assert REFUSED.keys() <= set(METHODS)
    for families in REFUSED.values():
        assert families.keys() < LAYOUTS.keys(), "each method works on some family"


@pytest.mark.parametrize("family", LAYOUTS)
@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_scores_every_unit(cases, family, method):
    case = cases(family)
    fewer = {"steps": 4, "samples": 4, "limit": 17, "sets": 64, "masks": 32}
    few = {name: few for name, few in fewer.items() if name in knobs(METHODS[method])}
    if reason := REFUSED.get(method, {}).get(family):
        with pytest.raises(NotDefined, match=reason):
            fc.explain(case.encoder, case.sample, method, **few)
        return
    found = fc.explain(case.encoder, case.sample, method, **few)
    assert found.scores.shape == (len(case.sample.units),)
    assert found.scores.dtype == np.float64
    assert np.isfinite(found.scores).all()
    assert found.signed or found.scores.min() >= 0
    assert found.signed == METHODS[method].signed
    assert 0 <= found.special_share <= 1
    made = found.provenance
    assert made.encoder
    assert made.weights_sha256
    assert made.device == "cpu"
    assert made.dtype == "float32"
    assert {"torch", "transformers", "captum", "featcore"} == {name for name, _ in made.versions}


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_says_what_it_is(method):
    entry = METHODS[method]
    assert entry.name == method
    assert entry.title
    assert entry.__doc__
    assert method == "random" or "Source:" in entry.__doc__
    assert all(knob["help"] for knob in knobs(entry).values())
