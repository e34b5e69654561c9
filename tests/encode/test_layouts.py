"""Where the units stand, proved by painting: change one unit's place in the input, find the one row that moved."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from featcore.encode.catalog import load
from tests import tiny


def changed_rows(before: torch.Tensor, after: torch.Tensor) -> list[int]:
    """Rows of the unit embedding that are not the same."""
    return torch.nonzero((before != after).any(-1)[0])[:, 0].tolist()


def test_painting_one_cube_of_the_models_pixels_moves_exactly_its_row(pixel_case):
    encoder, sample = pixel_case.encoder, pixel_case.sample
    shape, step = tiny.SHAPES[pixel_case.name]
    grid = tuple(size // length for size, length in zip(shape, step, strict=True))
    assert sample.units.grid == grid
    before = encoder.embed(sample)
    for unit, (t, y, x) in enumerate(product(*map(range, grid))):
        pixels = sample.tensors[encoder.layout.input_name].clone()
        cube = [slice(at * size, (at + 1) * size) for at, size in zip((t, y, x), step, strict=True)]
        frames = pixels if pixels.ndim == 5 else pixels[:, None]
        frames[:, cube[0], :, cube[1], cube[2]] += 1
        after = encoder.embed(replace(sample, tensors={encoder.layout.input_name: pixels}))
        assert changed_rows(before, after) == [sample.rows[unit]]
        assert sample.units.labels[unit] == (f"t{t} y{y} x{x}" if grid[0] > 1 else f"y{y} x{x}")


def assert_every_unit_enters_at_its_position(encoder, sample, step=None):
    """The first hidden state is the embedding with positions added: painting a unit moves exactly its position.

    All of them go through the model at once, the untouched input in front.

    Args:
        step: frames, rows and columns of a unit, of pixels.
    """
    name, units = "input_ids" if step is None else encoder.layout.input_name, len(sample.units)
    painted = sample.tensors[name].repeat(units + 1, *[1] * (sample.tensors[name].ndim - 1))
    for unit in range(units):
        if step is None:
            row = painted[unit + 1]
            row[sample.rows[unit]] = 7 if row[sample.rows[unit]] != 7 else 8
            continue
        cell = np.unravel_index(unit, sample.units.grid)
        t, y, x = (slice(at * size, (at + 1) * size) for at, size in zip(cell, step, strict=True))
        (painted if painted.ndim == 5 else painted[:, None])[unit + 1][t, :, y, x] += 1
    beside = {
        key: value.expand(units + 1, *value.shape[1:]) if isinstance(value, torch.Tensor) else value
        for key, value in sample.tensors.items()
    }
    with torch.no_grad():
        first = encoder.model(**beside | {name: painted}, output_hidden_states=True).hidden_states[0]
    moved = (first[1:] - first[:1]).abs().amax(-1) > 1e-4
    assert moved.nonzero().tolist() == [[unit, position] for unit, position in enumerate(sample.positions)]


def test_the_position_of_a_unit_is_where_its_row_enters_the_sequence(case):
    step = None if case.name in tiny.TEXT else tiny.SHAPES[case.name][1]
    assert_every_unit_enters_at_its_position(case.encoder, case.sample, step)


def test_changing_one_token_moves_exactly_its_row(text_case):
    encoder, sample = text_case.encoder, text_case.sample
    before = encoder.embed(sample)
    for row in sample.rows:
        ids = sample.tensors["input_ids"].clone()
        ids[0, row] = 7 if ids[0, row] != 7 else 8
        after = encoder.embed(replace(sample, tensors={**sample.tensors, "input_ids": ids}))
        assert changed_rows(before, after) == [row]


def test_tokens_are_the_slices_of_the_text_that_they_stand_for(text_case):
    sample, words = text_case.sample, text_case.source.text
    ids = sample.tensors["input_ids"][0, sample.positions].tolist()
    strings = text_case.encoder.loader.tokenizer.convert_ids_to_tokens(ids)
    for (start, stop), string in zip(sample.units.extents[:, 0], strings, strict=True):
        if string.isascii() and string not in ("[UNK]", "<unk>"):
            assert words[start:stop].lower().strip() == string.removeprefix("##").lower()
    assert sample.units.extents[0, 0, 0] == 0
    assert sample.units.extents[-1, 0, 1] == len(words)


def assert_units_lie_where_they_are_drawn(encoder, source):
    """Painting a unit's extents in the source moves its own row most, and every unit has an extent to paint."""
    sample = encoder.prepare(source)
    flat = tiny.of_frames(np.full_like(source.frames, 90), still=source.still)
    before = encoder.embed(encoder.prepare(flat))
    for unit, ((t0, t1), (y0, y1), (x0, x1)) in enumerate(sample.units.extents):
        frames = flat.frames.copy()
        frames[t0:t1, y0:y1, x0:x1] = (255, 0, 255)
        after = encoder.embed(encoder.prepare(tiny.of_frames(frames, still=source.still)))
        moved = (after - before)[0].norm(dim=-1)
        assert int(moved.argmax()) == sample.rows[unit]
        others = np.delete(moved.numpy(), sample.rows[unit])
        assert others.max() < 0.35 * moved.max(), "the painted place belongs to other units as well"


SIZES = [(30, 50), (97, 61), (24, 40), (12, 10)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("name", ["vit-wide", "deit", "videomae-wide"])
def test_units_lie_on_the_original_when_it_is_squashed(cases, name, height, width):
    encoder = cases(name).encoder
    assert_units_lie_where_they_are_drawn(encoder, tiny.clip(tiny.SHAPES[name][0][0], height, width))


@pytest.mark.parametrize(("height", "width"), [(60, 100), (97, 61), (32, 32), (30, 91)])
@pytest.mark.parametrize(("name", "shortest"), [("vit", 24), ("vit", 32), ("videomae-wide", 28)])
def test_units_lie_on_the_original_when_its_centre_is_cropped(tmp_path, name, shortest, height, width):
    folder = tiny.build(name, tmp_path / "crop")
    shape, _ = tiny.SHAPES[name]
    tiny.crop_processor(folder, tiny.family_of(name), shape[1:], shortest)
    encoder = load(str(folder), device="cpu")
    source = tiny.clip(shape[0], height, width)
    assert_units_lie_where_they_are_drawn(encoder, source)
    extents = encoder.prepare(source).units.extents
    seen = [(int(extents[:, axis, 0].min()), int(extents[:, axis, 1].max())) for axis in (1, 2)]
    scale = shortest / min(height, width)
    for (start, stop), size, kept in zip(seen, (height, width), shape[1:], strict=True):
        assert stop - start == pytest.approx(kept / scale, abs=2)
        assert start == pytest.approx(size - stop, abs=1)
    cropped = (int(height * scale), int(width * scale)) != shape[1:]
    assert any("outside the centre crop" in note for note in encoder.prepare(source).notes) == cropped


def test_a_square_processor_with_an_old_style_size_still_places_units(tmp_path):
    """Old checkpoints give the size as one number."""
    folder = tiny.build("vit", tmp_path / "old")
    tiny.save_processor(folder, "vit", (24, 24), size=24)
    assert_units_lie_where_they_are_drawn(load(str(folder), device="cpu"), tiny.clip(1, 30, 50))


@pytest.mark.parametrize(("height", "width"), [(3, 40), (1, 40), (40, 3), (3, 3), (4, 17)])
def test_a_picture_of_few_rows_is_not_taken_for_channels(cases, height, width):
    """Three rows of pixels look like three colours to a processor that guesses."""
    case = cases("vit-wide")
    frames = np.zeros((1, height, width, 3), np.uint8)
    frames[..., 0] = 200  # red all over: the normalised pixels are one constant a channel
    sample = case.encoder.prepare(tiny.of_frames(frames))
    pixels = sample.tensors["pixel_values"][0]
    assert pixels.std(dim=(1, 2)).max() < 1e-5
    assert pixels[0].mean() > pixels[1].mean()
    assert len(sample.units) == 15


def test_a_frame_of_a_clip_reaches_its_own_time(cases):
    """Only the tubelets of the painted frame move, and their extents hold that frame."""
    case = cases("videomae")
    before = case.encoder.embed(case.sample)
    for frame in range(6):
        frames = case.source.frames.copy()
        frames[frame] = 255 - frames[frame]
        moved = changed_rows(before, case.encoder.embed(case.encoder.prepare(tiny.of_frames(frames, still=False))))
        holds = [row for row, ((start, stop), *_) in enumerate(case.sample.units.extents) if start <= frame < stop]
        assert moved == holds


def test_kinds_of_units_have_their_names(cases):
    kinds = {name: cases(name).sample.units.kind for name in ("bert", "vit", "videomae", "convnext", "swin")}
    assert kinds == {"bert": "token", "vit": "patch", "videomae": "tubelet", "convnext": "cell", "swin": "cell"}


@pytest.mark.parametrize("name", ["deit", "vit"])
def test_prefix_positions_are_named(cases, name):
    sequence = cases(name).sample.sequence
    assert sequence[:2] == (("[CLS]", "[DIST]") if name == "deit" else ("[CLS]", "y0 x0"))
