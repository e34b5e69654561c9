"""Pixels may travel as bytes: coloured where they arrive, they are what the checkpoint's own processor gives."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from featcore.encode.device import sent

PIXELS = ["vit", "vit-wide", "deit", "dinov2", "clip_vision_model", "resnet", "convnext", "swin", "videomae", "vjepa2"]


@pytest.fixture
def sending(cases, request):
    """A case whose loader keeps bytes, as on CUDA, and the sample that it gives without."""
    case = cases(request.param)
    loader = case.encoder.loader
    whole = case.encoder.prepare(case.source)
    loader.bytes, loader._colours = True, None
    yield case, whole
    loader.bytes, loader._colours = False, None


@pytest.mark.parametrize("sending", PIXELS, indirect=True)
def test_bytes_coloured_on_arrival_are_the_processor_s_own_pixels(sending):
    case, whole = sending
    name = case.encoder.layout.input_name
    for _ in range(2):  # the first input also finds out whether they are
        kept = case.encoder.prepare(case.source)
        assert kept.tensors[name].dtype == torch.uint8
        arrived = case.encoder.tensors(kept)[name]
        assert arrived.dtype == torch.float32
        np.testing.assert_allclose(arrived, whole.tensors[name], rtol=0, atol=1e-6)
    assert kept.key == whole.key
    for kind in set(case.encoder.card.baselines) - {"zero"}:
        theirs, ours = (case.encoder.loader.blank(each, kind) for each in (whole, kept))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("sending", ["vit"], indirect=True)
def test_a_processor_that_colours_otherwise_gives_floats(sending, monkeypatch):
    case, whole = sending
    own = case.encoder.loader.processor

    def other(*args, **options):
        found = own(*args, **options)
        plain = options.get("do_normalize", True)
        return {name: each + 0.5 if plain else each for name, each in found.items()}

    monkeypatch.setattr(case.encoder.loader, "processor", Otherwise(other, own))
    for _ in range(2):
        found = case.encoder.prepare(case.source).tensors["pixel_values"]
        np.testing.assert_allclose(found, whole.tensors["pixel_values"] + 0.5, rtol=0, atol=1e-6)


class Otherwise(SimpleNamespace):
    """A processor with the settings of another and an answer of its own."""

    def __init__(self, call, own):
        super().__init__(
            **{name: getattr(own, name, None) for name in ("do_rescale", "rescale_factor", "do_normalize")}
        )
        self.image_mean, self.image_std, self.call = own.image_mean, own.image_std, call

    def __call__(self, *args, **options):
        return self.call(*args, **options)


def test_on_a_cpu_pixels_are_floats_as_ever_and_nothing_is_staged(cases):
    case = cases("vit")
    assert not case.encoder.loader.bytes
    assert case.encoder.prepare(case.source).tensors["pixel_values"].dtype == torch.float32
    value = torch.arange(3, dtype=torch.uint8)
    assert sent(value, torch.device("cpu")) is value
    floats = torch.ones(1, 3, 2, 2)
    assert case.encoder.loader.coloured(floats) is floats
    there = replace(case.sample, tensors=case.encoder.tensors(case.sample))
    assert case.encoder.tensors(there)["pixel_values"].dtype == torch.float32
