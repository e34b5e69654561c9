"""Classifiers of torchvision: kept as a folder, loaded like any other, answering as torchvision itself does."""

import shutil

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file

import featcore as fc
from featcore.encode.catalog import card_of
from featcore.encode.tv import keep
from featcore.errors import LoadError
from tests import tiny


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


def clip_of(frames):
    rng = np.random.default_rng(0)
    return tiny.of_frames(rng.integers(0, 255, (frames, 70, 90, 3)).astype(np.uint8), still=False)


@pytest.mark.parametrize(
    ("builder", "frames", "grid"),
    [
        *(("r3d_18", 16, (2, 7, 7)), ("mc3_18", 2, (2, 7, 7)), ("r2plus1d_18", 8, (1, 7, 7))),
        ("swin3d_t", 4, (2, 7, 7)),
    ],
)
def test_a_kept_network_for_video_answers_as_torchvision_does(builder, frames, grid, tmp_path):
    torch.manual_seed(0)
    folder = keep(builder, tmp_path / builder, weights=None, frames=frames)
    encoder, source = fc.load(str(folder), device="cpu", dtype="float32"), clip_of(frames)
    assert encoder.card.modality == "video"
    assert len(encoder.card.labels) == 400
    assert encoder.card.labels[0] == "abseiling"
    sample = encoder.prepare(source)
    assert sample.units.grid == grid
    assert sample.units.kind == "cell"
    own = torchvision.models.get_model(builder).eval()
    weights = load_file(folder / "model.safetensors")
    own.load_state_dict({name.removeprefix("model."): value for name, value in weights.items()})
    clip = sample.tensors["pixel_values"].transpose(1, 2)
    with torch.no_grad():
        np.testing.assert_allclose(encoder.encode(sample).logits, own(clip)[0], atol=1e-4)
        read = encoder.pooled(sample, encoder.embed(sample))
        linear = own.head if builder.startswith("swin3d") else own.fc
        np.testing.assert_allclose(linear(read)[0], own(clip)[0], atol=1e-4, err_msg="the mean of the cells is read")
    assert encoder.card.parameters == sum(weight.numel() for weight in own.parameters())


@pytest.mark.parametrize(("builder", "frames"), [("r3d_18", 24), ("mc3_18", 5), ("r2plus1d_18", 24), ("swin3d_t", 6)])
def test_what_a_cell_reads_has_its_middle_at_most_half_a_cell_from_the_unit_it_stands_for(builder, frames, tmp_path):
    """Half a cell: filters of odd sizes that move by two have their middle at a corner of what they make smaller."""
    torch.manual_seed(0)
    folder = keep(builder, tmp_path / builder, weights=None, frames=frames)
    encoder = fc.load(f"{folder}#96x96", device="cpu", dtype="float32")
    sample = encoder.prepare(clip_of(frames))
    step, pixels = encoder.loader.step, sample.tensors["pixel_values"].clone().requires_grad_()
    last = encoder.model(pixel_values=pixels, output_hidden_states=True).hidden_states[-1][0]
    assert tuple(last.shape[1:]) == sample.units.grid
    cell = [side // 2 for side in sample.units.grid]
    (slope,) = torch.autograd.grad(last[(slice(None), *cell)].square().sum(), pixels)
    weight = slope[0].square().sum(1)
    for axis, (at, size) in enumerate(zip(cell, step, strict=True)):
        along = weight.movedim(axis, 0).flatten(1).sum(1)
        middle = float(along @ (torch.arange(len(along)) + 0.5) / along.sum()) / size
        assert abs(middle - (at + 0.5)) < 0.6


@pytest.mark.parametrize("builder", ["r3d_18", "swin3d_t"])
def test_its_processor_scales_and_crops_a_clip_as_torchvisions_preset_does(builder, tmp_path):
    """On a clip that is not made smaller: there torchvision's preset skips pixels."""
    folder = keep(builder, tmp_path / builder, weights=None, frames=8)
    slope = np.linspace(0, 255, 8 * 90 * 110 * 3).reshape(8, 90, 110, 3).astype(np.uint8)
    ours = fc.load(str(folder), device="cpu").prepare(tiny.of_frames(slope, still=False)).tensors["pixel_values"][0]
    preset = torchvision.models.get_model_weights(builder).DEFAULT.transforms()
    theirs = preset(torch.from_numpy(slope.copy()).permute(0, 3, 1, 2)).transpose(0, 1)
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max()) < 0.05, "one grey level of 255 is 0.018 here; roundings differ"


def test_a_folder_states_the_frames_that_torchvision_measured_its_accuracy_with(tmp_path):
    for builder in ("r3d_18", "swin3d_t"):
        stated = torchvision.models.get_model_weights(builder).DEFAULT.meta["_docs"]
        folder = keep(builder, tmp_path / builder, weights=None)
        assert f"`clip_len={card_of(folder).input_size[0]}`" in stated


def test_convolutions_over_time_have_the_reason_and_the_rules_of_convolutions(tmp_path):
    encoder = fc.load(f"{keep('mc3_18', tmp_path / 'mc3', None, 2)}#32x48", "cpu", "float32")
    sample = encoder.prepare(clip_of(2))
    assert "convolutional network" in encoder.encode(sample).why_no_attention
    found = fc.explain(encoder, sample, "deeplift", 0)
    assert abs(found.convergence_delta) < 1e-4 * abs(found.target_score - found.baseline_score)
    cam = fc.explain(encoder, sample, "cam", 0)
    assert cam.scores.sum() == pytest.approx(cam.target_score - float(encoder.model.model.fc.bias[0]), abs=1e-4)


def test_video_swin_attends_but_gives_no_weights_and_says_so(cases):
    case = cases("torchvision_video")
    said = case.encoder.encode(case.sample).why_no_attention
    assert "attends within windows of space and time" in said
    assert "none of their weights" in said
    assert "convolutional" not in said
    assert "attention" not in case.encoder.card.provides


def test_other_models_of_torchvision_are_refused_by_name(tmp_path):
    with pytest.raises(LoadError, match=r"'vgg11' is no ResNet or ConvNeXt.* of torchvision. Known: convnext_base"):
        keep("vgg11", tmp_path / "vgg11", weights=None)
    with pytest.raises(LoadError, match=r"has no weights 'V9'. Known: IMAGENET1K_V1"):
        keep("resnet18", tmp_path / "resnet18", weights="V9")
    with pytest.raises(LoadError, match=r"'resnet18' reads pictures, which have no frames"):
        keep("resnet18", tmp_path / "resnet18", weights=None, frames=8)
    for frames in (0, -8, 12):
        with pytest.raises(LoadError, match=rf"cannot read {frames} frames: they must be a multiple of 8"):
            keep("r3d_18", tmp_path / "r3d", weights=None, frames=frames)


SPECIAL = {
    "mvit_v1_b": "one class position that goes along in front of the cells",
    "mvit_v2_s": "the cells become fewer from layer to layer",
    "s3d": "windows of 2x7x7 cells that overlap",
}


@pytest.mark.parametrize("builder", SPECIAL)
def test_networks_for_video_without_a_mean_of_cells_are_refused_with_the_reason(cases, builder, tmp_path):
    with pytest.raises(LoadError, match=f"'{builder}' of torchvision is not supported: .*{SPECIAL[builder]}"):
        keep(builder, tmp_path / builder, weights=None)
    shutil.copytree(cases("torchvision_video").folder, tmp_path / "folder")
    tiny.edit_config(tmp_path / "folder", builder=builder)
    with pytest.raises(LoadError, match=f"'{builder}' of torchvision is not supported: .*{SPECIAL[builder]}"):
        fc.load(str(tmp_path / "folder"))


def test_the_reasons_against_mvit_and_s3d_are_true():
    """What the refusals say, seen in torchvision's own models; if it changes, they may be supported."""
    mvit, seen = torchvision.models.get_model("mvit_v2_s").eval(), []
    clip = torch.zeros(1, 3, 16, 224, 224)
    mvit.conv_proj.register_forward_hook(lambda *args: seen.append(args[-1].flatten(2).shape[-1]))
    for block in mvit.blocks:
        block.register_forward_hook(lambda *args: seen.append(args[-1][0].shape[1] - 1))
    read = []
    mvit.head.register_forward_pre_hook(lambda _, args: read.append(args[0]))
    mvit.norm.register_forward_hook(lambda *args: read.append(args[-1][:, 0]))
    s3d = torchvision.models.get_model("s3d").eval()
    with torch.no_grad():
        mvit(clip)
        window = s3d.avgpool(torch.eye(3)[:, None, :, None, None].expand(3, 1, 3, 7, 7)).mean((1, 2, 3, 4))
    assert sorted(set(seen), reverse=True) == [25088, 6272, 1568, 392]
    assert torch.equal(*read)
    assert window.tolist() == [0.25, 0.5, 0.25], "of three slots of time the middle one counts twice"
    with pytest.raises(RuntimeError, match="smaller than"), torch.no_grad():
        s3d(torch.zeros(1, 3, 8, 224, 224))


def test_a_config_whose_sizes_are_no_whole_cells_is_refused_with_both(cases, tmp_path):
    shutil.copytree(cases("torchvision_video").folder, tmp_path / "odd")
    tiny.edit_config(tmp_path / "odd", num_frames=5)
    with pytest.raises(LoadError, match=r"said to see 5x64x96 .*stands for 2x32x32 of them"):
        fc.load(str(tmp_path / "odd"))
    tiny.edit_config(tmp_path / "odd", num_frames=4, builder="resnet18")
    with pytest.raises(
        LoadError, match=r"'resnet18' is no network of torchvision for video.*swin3d, r3d, r2plus1d, mc3"
    ):
        fc.load(str(tmp_path / "odd"))
    tiny.edit_config(tmp_path / "odd", model_type="torchvision", builder="r3d_18")
    with pytest.raises(LoadError, match=r"'r3d_18' is no ResNet or ConvNeXt"):
        fc.load(str(tmp_path / "odd"))
