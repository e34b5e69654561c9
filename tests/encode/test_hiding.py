"""Hiding units: rows of a baseline stand in for the unit's own, and the model sees the blanked input."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from featcore.encode.catalog import load
from featcore.errors import NotDefined
from tests import tiny

CLOSE = {"rtol": 0, "atol": 1e-5}
MEAN, STD = (np.array(row) for row in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))


def hidden_logits(case, kind):
    with torch.no_grad():
        return case.encoder.logits(case.sample, case.encoder.baseline(case.sample, kind))[0]


def test_hiding_every_token_is_a_text_of_mask_tokens(text_case):
    kind = "eos" if text_case.name in (*tiny.CAUSAL, *tiny.SPEAKERS) else "mask"
    ids = text_case.sample.tensors["input_ids"].clone()
    ids[0, text_case.sample.positions] = getattr(text_case.encoder.loader.tokenizer, f"{kind}_token_id")
    with torch.no_grad():
        bare = text_case.bare()(**{**text_case.sample.tensors, "input_ids": ids}).logits
    bare = bare[0, -1] if bare.ndim == 3 else bare[0]
    torch.testing.assert_close(hidden_logits(text_case, kind), bare, **CLOSE)
    torch.testing.assert_close(hidden_logits(text_case, "auto"), bare, **CLOSE)


@pytest.mark.parametrize("name", ["bert", "distilbert", "electra"])
def test_padding_tokens_as_baseline_stay_attended(cases, name):
    """RoBERTa left out: it counts positions from the ids, so blanked ids would move every position as well."""
    case = cases(name)
    ids = case.sample.tensors["input_ids"].clone()
    ids[0, 1:-1] = 0
    with torch.no_grad():
        bare = case.bare()(**{**case.sample.tensors, "input_ids": ids}).logits[0]
    torch.testing.assert_close(hidden_logits(case, "pad"), bare, **CLOSE)


def test_padding_as_baseline_leaves_the_positions_of_roberta_alone(cases):
    """The row of the padding token is zeros, so "pad" and "zero" agree where positions are not counted anew."""
    case = cases("roberta")
    table = case.encoder.model.get_input_embeddings().weight
    rows = case.encoder.baseline(case.sample, "pad")[0, case.sample.rows]
    assert (rows == table[1]).all()


@pytest.mark.parametrize("kind", ["mean", "black"])
def test_hiding_every_fragment_is_a_blank_picture(pixel_case, kind):
    blank = np.zeros(3) if kind == "mean" else -MEAN / STD
    pixels = torch.zeros_like(pixel_case.sample.tensors[pixel_case.encoder.layout.input_name])
    pixels += torch.tensor(blank, dtype=pixels.dtype).reshape(3, 1, 1)
    with torch.no_grad():
        bare = pixel_case.bare()(**{pixel_case.encoder.layout.input_name: pixels}).logits[0]
    torch.testing.assert_close(hidden_logits(pixel_case, kind), bare, **CLOSE)


def test_hiding_some_fragments_is_blanking_their_pixels(pixel_case):
    encoder, sample = pixel_case.encoder, pixel_case.sample
    shape, step = tiny.SHAPES[pixel_case.name]
    chosen = [0, len(sample.units) // 2]
    embedded, blank = encoder.embed(sample).clone(), encoder.baseline(sample, "mean")
    embedded[:, sample.rows[chosen]] = blank[:, sample.rows[chosen]]
    pixels = sample.tensors[encoder.layout.input_name].clone()
    frames = pixels if pixels.ndim == 5 else pixels[:, None]
    for unit in chosen:
        cell = np.unravel_index(unit, sample.units.grid)
        t, y, x = (slice(at * size, (at + 1) * size) for at, size in zip(cell, step, strict=True))
        frames[:, t, :, y, x] = 0
    assert pixels.shape[-2:] == shape[1:]
    with torch.no_grad():
        bare = pixel_case.bare()(**{encoder.layout.input_name: pixels}).logits
        torch.testing.assert_close(encoder.logits(sample, embedded), bare, **CLOSE)


def test_the_mean_colour_is_a_picture_of_that_colour(cases):
    """A picture painted with the processor's own mean embeds like the baseline, up to rounding to 8 bits."""
    case = cases("vit")
    painted = np.broadcast_to(np.round(MEAN * 255), (1, 24, 24, 3)).astype(np.uint8)
    embedded = case.encoder.embed(case.encoder.prepare(tiny.of_frames(painted)))
    assert (embedded - case.encoder.baseline(case.sample, "mean")).abs().max() < 0.05


def test_zero_is_a_row_of_zeros_and_special_rows_stay(case):
    if "zero" not in case.encoder.card.baselines:
        return  # its rows are pixels, where zero is the mean colour
    own, zero = case.encoder.embed(case.sample), case.encoder.baseline(case.sample, "zero")
    assert not zero[:, case.sample.rows].any()
    special = np.setdiff1d(np.arange(own.shape[1]), case.sample.rows)
    assert torch.equal(zero[:, special], own[:, special])


def test_every_baseline_kind_gives_rows_and_leaves_special_ones(case):
    own = case.encoder.embed(case.sample)
    special = np.setdiff1d(np.arange(own.shape[1]), case.sample.rows)
    for kind in case.encoder.card.baselines:
        rows = case.encoder.baseline(case.sample, kind)
        assert rows.shape == own.shape
        assert torch.isfinite(rows).all()
        assert torch.equal(rows[:, special], own[:, special])
        assert not torch.equal(rows, own)


def test_blur_of_a_plain_picture_is_the_picture(cases):
    case = cases("vit-wide")
    sample = case.encoder.prepare(tiny.of_frames(np.full((1, 24, 40, 3), 77, np.uint8)))
    torch.testing.assert_close(case.encoder.baseline(sample, "blur"), case.encoder.embed(sample), **CLOSE)


def test_blur_stays_inside_its_frame(cases):
    """A clip is blurred in the picture, not along time."""
    case = cases("videomae")
    frames = case.source.frames.copy()
    frames[:2] = 0
    other = case.encoder.prepare(tiny.of_frames(frames, still=False))
    before, after = (case.encoder.baseline(sample, "blur")[0] for sample in (case.sample, other))
    moved = torch.nonzero((before != after).any(-1))[:, 0].tolist()
    assert moved == [0, 1, 2, 3]


def test_an_unknown_baseline_is_refused_with_the_known_ones(case):
    with pytest.raises(NotDefined, match=f"no baseline 'grey'.*Known: .*{case.encoder.card.baselines[-1]}"):
        case.encoder.baseline(case.sample, "grey")


def test_a_tokenizer_without_mask_says_so_and_names_another_baseline(tmp_path):
    folder = tiny.build("bert", tmp_path / "maskless")
    settings = folder / "tokenizer_config.json"
    settings.write_text(settings.read_text().replace('"mask_token": "[MASK]"', '"mask_token": null'))
    encoder = load(str(folder), device="cpu")
    sample = encoder.prepare(tiny.text())
    assert "mask" not in encoder.card.baselines or _refuses(encoder, sample)
    assert encoder.baseline(sample, "zero").shape == encoder.embed(sample).shape


def _refuses(encoder, sample):
    with pytest.raises(NotDefined, match=r"no mask token.*'zero'"):
        encoder.baseline(sample, "mask")
    return True


def test_without_normalising_black_is_zero(tmp_path):
    folder = tiny.build("vit", tmp_path / "raw")
    tiny.save_processor(folder, "vit", (24, 24), do_normalize=False)
    encoder = load(str(folder), device="cpu")
    sample = encoder.prepare(tiny.clip())
    assert float(sample.tensors["pixel_values"].min()) >= 0
    black = encoder.embed(replace(sample, tensors={"pixel_values": torch.zeros(1, 3, 24, 24)}))
    assert torch.equal(encoder.baseline(sample, "black"), black)
