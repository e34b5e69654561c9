"""Classifiers of torchvision: kept as a folder, loaded like any other, answering as torchvision itself does."""

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

import featcore as fc
from featcore.encode.tv import keep
from featcore.errors import LoadError


@pytest.mark.parametrize("builder", ["resnet18", "convnext_tiny"])
def test_a_kept_classifier_answers_as_torchvision_does(builder, tmp_path):
    torch.manual_seed(0)
    folder = keep(builder, tmp_path / builder, weights=None)
    encoder = fc.load(str(folder), device="cpu", dtype="float32")
    assert encoder.card.labels[:2] == ("tench", "goldfish")
    assert len(encoder.card.labels) == 1000
    pixels = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    sample = encoder.prepare(fc.read_image(tmp_path / "noise.png"))
    assert sample.units.grid == (1, 7, 7)
    own = encoder.model.model
    with torch.no_grad():
        expected = own(sample.tensors["pixel_values"])[0]
    np.testing.assert_allclose(encoder.encode(sample).logits, expected, atol=1e-5)
    again = torchvision.models.get_model(builder, weights=None)
    again.load_state_dict({name.removeprefix("model."): value for name, value in encoder.model.state_dict().items()})


def test_its_processor_does_what_torchvisions_preset_does(tmp_path):
    folder = keep("resnet18", tmp_path / "resnet18", weights=None)
    smooth = np.linspace(0, 255, 300 * 400 * 3).reshape(300, 400, 3).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "slope.png")
    encoder = fc.load(str(folder), device="cpu")
    ours = encoder.prepare(fc.read_image(tmp_path / "slope.png")).tensors["pixel_values"][0]
    preset = torchvision.models.ResNet18_Weights.DEFAULT.transforms()
    theirs = preset(Image.fromarray(smooth))
    assert ours.shape == theirs.shape == (3, 224, 224)
    assert float((ours - theirs).abs().max()) < 0.05, "one grey level of 255 is 0.018 here; roundings differ"


def test_other_models_of_torchvision_are_refused_by_name(tmp_path):
    with pytest.raises(LoadError, match=r"'vgg11' is no ResNet or ConvNeXt of torchvision. Known: convnext_base"):
        keep("vgg11", tmp_path / "vgg11", weights=None)
    with pytest.raises(LoadError, match=r"has no weights 'V9'. Known: IMAGENET1K_V1"):
        keep("resnet18", tmp_path / "resnet18", weights="V9")
