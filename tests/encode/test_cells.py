"""Convolutions, Swin, Video Swin: units are cells of the last feature map, their rows are the pixels under them."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

import featcore as fc
from featcore.errors import NotDefined
from tests import tiny
from tests.encode.test_layouts import assert_units_lie_where_they_are_drawn


@pytest.fixture(params=tiny.CONV)
def conv(request, cases):
    return cases(request.param)


@pytest.fixture(params=tiny.CELLS)
def celled(request, cases):
    return cases(request.param)


def test_the_answer_is_the_bare_classes_and_its_last_map_is_the_hidden_state(celled):
    conv = celled
    with torch.no_grad():
        bare = conv.bare("eager")(**conv.sample.tensors, output_hidden_states=True)
    encoding = conv.encoder.encode(conv.sample)
    assert np.allclose(encoding.logits, bare.logits[0], atol=1e-4)
    last = getattr(bare, "reshaped_hidden_states", bare.hidden_states)[-1][0]
    last = last if last.ndim == 4 else last[:, None]
    assert conv.sample.units.grid == last.shape[1:]
    for unit, (t, y, x) in enumerate(product(*map(range, last.shape[1:]))):
        assert np.allclose(encoding.hidden[-1, unit], last[:, t, y, x], atol=1e-4)
    assert encoding.readout is None


def test_painting_a_cell_moves_exactly_its_row(celled):
    encoder, sample = celled.encoder, celled.sample
    before = encoder.embed(sample)
    step = tiny.SHAPES[celled.name][1]
    for unit, cell in enumerate(product(*map(range, sample.units.grid))):
        pixels = sample.tensors["pixel_values"].clone()
        t, y, x = (slice(at * size, (at + 1) * size) for at, size in zip(cell, step, strict=True))
        (pixels if pixels.ndim == 5 else pixels[:, None])[:, t, :, y, x] += 1
        after = encoder.embed(replace(sample, tensors={"pixel_values": pixels}))
        assert torch.nonzero((before != after).any(-1)[0])[:, 0].tolist() == [unit]


def test_rows_of_pixels_give_the_plain_answer_and_gradients_reach_every_cell(celled):
    encoder, sample = celled.encoder, celled.sample
    embedded = encoder.embed(sample).requires_grad_()
    logits = encoder.logits(sample, embedded)
    assert np.allclose(logits.detach()[0], encoder.encode(sample).logits, atol=1e-5)
    logits[0].square().sum().backward()
    assert (embedded.grad[0].norm(dim=-1) > 0).all()


@pytest.mark.parametrize("kind", ["mean", "black", "blur"])
def test_hiding_every_cell_is_a_blank_picture(celled, kind):
    encoder, sample = celled.encoder, celled.sample
    blank = encoder.loader.blank(sample, kind)
    with torch.no_grad():
        expected = celled.bare("eager")(pixel_values=blank).logits
        found = encoder.logits(sample, encoder.baseline(sample, kind))
    assert torch.allclose(found, expected, atol=1e-4)


def test_there_is_no_attention_and_the_reason_is_said(conv):
    encoding = conv.encoder.encode(conv.sample)
    assert encoding.attention is None
    assert "convolutional network" in encoding.why_no_attention
    assert encoding.provenance.attention == "no"
    for method in ("attention", "attention_rollout"):
        with pytest.raises(NotDefined, match="needs attention"):
            fc.explain(conv.encoder, conv.sample, method)
    assert "attention" not in {one.stage for one in fc.latency(conv.encoder, conv.source, budget_s=0.05)}


def stitched(case):
    """Swin's windows put together cell by cell, one map a stage at the stage's own resolution, then pooled on units."""
    with torch.no_grad():
        bare = case.bare("eager")(**case.sample.tensors, output_attentions=True)
    (rows, columns), window, found = (32, 16), 4, []
    units = case.sample.units.grid[1:]
    for stage, attention in enumerate(bare.attentions):
        moved = 2 if stage < 2 else 0  # the second of two layers, unless one window is as wide as the stage
        cells, across = (rows >> stage, columns >> stage), (columns >> stage) // window
        unit = lambda y, x, c=cells: y // (c[0] // units[0]) * units[1] + x // (c[1] // units[1])  # noqa: E731
        whole = np.zeros((units[0] * units[1],) * 2)
        for w, weights in enumerate(attention.mean(1).numpy()):
            place = [
                ((w // across * window + y + moved) % cells[0], (w % across * window + x + moved) % cells[1])
                for y, x in product(range(window), repeat=2)
            ]
            for i, asks in enumerate(place):
                for j, seen in enumerate(place):
                    whole[unit(*asks), unit(*seen)] += weights[i, j]
        found.append(whole / whole.sum(1, keepdims=True))
    return np.stack(found)


def test_windows_of_swin_are_put_back_where_they_were_cut(cases):
    case = cases("swin")
    encoding = case.encoder.encode(case.sample)
    assert encoding.attention.shape == (3, 1, 32, 32)
    np.testing.assert_allclose(encoding.attention.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(encoding.attention[:, 0], stitched(case), atol=1e-6)
    assert not np.allclose(encoding.attention[0], np.roll(encoding.attention[0], 1, axis=-1), atol=1e-3)
    with pytest.raises(NotDefined, match="its attention is windowed"):
        fc.explain(case.encoder, case.sample, "attention_rollout")


def test_windows_that_reach_beyond_the_picture_give_no_map_and_the_reason(cases):
    case = cases("swin-padded")
    encoding = case.encoder.encode(case.sample)
    assert encoding.attention is None
    assert "reach beyond its picture" in encoding.why_no_attention
    with torch.no_grad():
        assert np.allclose(encoding.logits, case.bare()(**case.sample.tensors).logits[0], atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(30, 50), (97, 61), (24, 24)])
@pytest.mark.parametrize("name", ["regnet", "convnext"])
def test_cells_lie_on_the_original_under_either_processor(cases, name, height, width):
    assert_units_lie_where_they_are_drawn(cases(name).encoder, tiny.clip(1, height, width))


@pytest.mark.parametrize(
    "method", ["integrated_gradients", "occlusion", "saliency", "input_x_gradient", "gradient_shap"]
)
def test_methods_that_need_no_attention_score_every_cell(celled, method):
    conv = celled
    found = fc.explain(conv.encoder, conv.sample, method)
    assert len(found.scores) == len(conv.sample.units)
    assert np.isfinite(found.scores).all()
    assert found.scores.any()
    if method == "occlusion":
        cell, encoder = len(found.scores) // 2, conv.encoder
        hidden = encoder.embed(conv.sample).clone()
        hidden[:, cell] = encoder.baseline(conv.sample)[:, cell]
        with torch.no_grad():
            fall = found.target_score - float(encoder.logits(conv.sample, hidden)[0, found.target.index])
        assert found.scores[cell] == pytest.approx(fall, abs=1e-4)


def test_a_folder_whose_processor_states_no_size_is_refused(tmp_path):
    folder = tiny.build("resnet", tmp_path / "resnet")
    (folder / "preprocessor_config.json").write_text("{}")
    with pytest.raises(fc.errors.LoadError, match="states the size of its pictures"):
        fc.load(str(folder))
