"""What `featcore check` says of a checkpoint equals what PyTorch counts and what can be worked out by hand."""

import pytest
import torch

import featcore as fc
from featcore.errors import NotDefined
from featcore.measure.check import check
from tests import tiny


@pytest.mark.parametrize(
    "name",
    [
        "bert",
        "vit-wide",
        "dinov2_with_registers",
        "resnet",
        "torchvision",
        "torchvision_video",
        "timesformer",
        "gpt2-speaks",
    ],
)
def test_a_check_names_units_cost_and_what_is_not_defined(cases, name):
    case = cases(name)
    found = check(case.encoder, case.source)
    assert found["units"] == len(case.sample.units)
    assert found["positions"] == len(case.sample.sequence)
    bare = case.encoder.model if name in tiny.TORCHVISION else case.bare("eager")
    assert found["parameters"] == sum(weight.numel() for weight in bare.parameters())
    assert found["weight_bytes"] == 4 * found["parameters"]
    assert found["flop"] > 2 * found["parameters"] / 10
    assert found["activation_bytes"] > 0
    assert sum(block["parameters"] for block in found["blocks"]) == found["parameters"]
    assert sum(block["flop"] for block in found["blocks"]) == found["flop"]
    assert len({block["flop"] for block in found["blocks"][:-1]} - {0}) >= 1
    refused = {"resnet": {"attention", "attention_rollout"}, "timesformer": {"attention_rollout"}}
    assert set(found["not_defined"]) >= refused.get(name, set())
    for method, reason in found["not_defined"].items():
        with pytest.raises(NotDefined) as told:
            fc.explain(case.encoder, case.sample, method)
        assert str(told.value) == reason
    for method in ("occlusion", "integrated_gradients", "saliency"):
        assert method not in found["not_defined"]
    if name == "dinov2_with_registers":
        assert found["layout"]["before"] == ["[CLS]", "[REG0]", "[REG1]", "[REG2]"]
        assert found["layout"]["reads"] == ["[CLS]", *case.sample.units.labels]
    if name == "gpt2-speaks":
        assert len(found["layout"]["reads"]) == 1


def test_a_receptive_field_is_what_the_sizes_of_the_filters_give(tmp_path):
    """A stem of 7 at stride 2, a pooling of 3 at stride 2, two filters of 3: 1 + 6 + 2 * 2 + 4 * (2 + 2) = 27."""
    from transformers import ResNetConfig, ResNetForImageClassification

    from featcore.encode.catalog import load

    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic", num_labels=2)
    ResNetForImageClassification(config).save_pretrained(tmp_path)
    tiny.save_processor(tmp_path, "resnet", (64, 64))
    assert check(load(str(tmp_path), device="cpu"), tiny.clip(1, 64, 64))["receptive_field"] == (27, 27)


def test_a_receptive_field_of_a_clip_has_frames_too(tmp_path):
    """MC3 filters over three frames five times, in its stem and in the first two blocks: 1 + 5 * 2 = 11 frames."""
    from featcore.encode.catalog import load
    from featcore.encode.tv import keep

    folder = keep("mc3_18", tmp_path / "mc3", weights=None, frames=15)
    clip = tiny.clip(15, 32, 32)
    assert check(load(f"{folder}#32x32", device="cpu"), clip)["receptive_field"] == (11, 32, 32)
