"""Pictures of another size than the checkpoint's: answered as transformers answers them, or refused in words."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

import featcore as fc
from featcore.encode.layouts import LAYOUTS
from featcore.encode.names import Asked, parse
from featcore.errors import CutError, FeatcoreError, LoadError
from featcore.runs import encoding_question
from tests import tiny
from tests.encode.test_layouts import (
    assert_every_unit_enters_at_its_position,
    assert_units_lie_where_they_are_drawn,
    changed_rows,
)

# Not square, and neither side is the checkpoint's.
ASKED = {
    "vit": (16, 40),
    "deit": (12, 20),
    "beit": (16, 40),
    "beit-first": (32, 16),
    "dinov2": (16, 40),
    "dinov2_with_registers": (32, 16),
    "clip_vision_model": (16, 40),
    "siglip_vision_model": (32, 16),
    "swin": (32, 96),
    "resnet": (16, 40),
    "regnet": (12, 20),
    "convnext": (16, 40),
    "torchvision": (96, 32),
    "torchvision_video": (96, 32),
    "vjepa2": (32, 32),
}
FIXED = ("vit-wide", "videomae", "vivit", "timesformer")
FLAG = ("vit", "deit", "beit", "beit-first", "clip_vision_model", "siglip_vision_model")


def name_at(case, size):
    return f"{case.folder}#{size[0]}x{size[1]}"


@pytest.fixture(scope="module", params=ASKED)
def resized(request, cases):
    """A family's case, and its encoder at another size."""
    case = cases(request.param)
    return case, fc.load(str(case.folder), "cpu", "float32", size=ASKED[request.param])


def test_the_answer_is_that_of_transformers_at_that_size(resized):
    case, encoder = resized
    sample = encoder.prepare(case.source)
    pixels = {name: value for name, value in sample.tensors.items() if isinstance(value, torch.Tensor)}
    assert pixels[encoder.layout.input_name].shape[-2:] == ASKED[case.name]
    bare = case.bare("eager")
    if case.name == "vjepa2":  # counts its positions by the size in its config
        bare = type(bare).from_pretrained(case.folder, crop_size=ASKED[case.name][0], dtype=torch.float32).eval()
    flag = {"interpolate_pos_encoding": True} if case.name in FLAG else {}
    with torch.no_grad():
        expected = bare(**pixels, **flag, output_hidden_states=True)
        own_rows = encoder.logits(sample, encoder.embed(sample))
    encoding = encoder.encode(sample)
    np.testing.assert_allclose(encoding.logits, expected.logits[0], rtol=0, atol=1e-4)
    np.testing.assert_allclose(own_rows[0], expected.logits[0], rtol=0, atol=1e-4)
    if not encoder.layout.cells:
        np.testing.assert_allclose(encoding.hidden[-1], expected.hidden_states[-1][0], rtol=0, atol=1e-4)
        np.testing.assert_allclose(encoding.attention.sum(-1), 1, atol=1e-5)


def test_painting_one_cube_moves_exactly_its_row(resized):
    case, encoder = resized
    sample, name = encoder.prepare(case.source), encoder.layout.input_name
    (frames, *_), step = tiny.SHAPES[case.name]
    grid = tuple(size // length for size, length in zip((frames, *ASKED[case.name]), step, strict=True))
    assert sample.units.grid == grid
    before = encoder.embed(sample)
    for unit, cell in enumerate(product(*map(range, grid))):
        pixels = sample.tensors[name].clone()
        t, y, x = (slice(at * length, (at + 1) * length) for at, length in zip(cell, step, strict=True))
        (pixels if pixels.ndim == 5 else pixels[:, None])[:, t, :, y, x] += 1
        after = encoder.embed(replace(sample, tensors={**sample.tensors, name: pixels}))
        assert changed_rows(before, after) == [sample.rows[unit]]


def test_the_position_of_a_unit_is_where_its_row_enters_the_sequence(resized):
    """On grids whose rows and columns differ: rows taken for columns would be noticed."""
    case, encoder = resized
    if encoder.layout.cells:
        return  # their first feature map is not cut as the last one is
    assert_every_unit_enters_at_its_position(encoder, encoder.prepare(case.source), tiny.SHAPES[case.name][1])


def test_units_lie_on_the_picture_as_it_was_given(resized):
    case, encoder = resized
    assert_units_lie_where_they_are_drawn(encoder, tiny.clip(tiny.SHAPES[case.name][0][0], 30, 91))


def test_a_processor_that_crops_shows_the_whole_picture_at_a_size_that_was_asked_for(tmp_path):
    folder = tiny.build("vit", tmp_path / "crop")
    tiny.crop_processor(folder, "vit", (24, 24), 32)
    encoder, source = fc.load(f"{folder}#16x40", device="cpu"), tiny.clip(1, 30, 91)
    assert_units_lie_where_they_are_drawn(encoder, source)
    assert encoder.prepare(source).units.extents[-1, 1:, 1].tolist() == [30, 91]


def test_methods_score_every_unit_at_another_size(resized):
    case, encoder = resized
    sample = encoder.prepare(case.source)
    for method in ("integrated_gradients", "occlusion"):
        found = fc.explain(encoder, sample, method)
        assert found.scores.shape == (len(sample.units),)
        assert np.isfinite(found.scores).all()
        assert found.scores.any()


def test_everything_that_is_kept_by_a_key_is_kept_apart(resized):
    case, encoder = resized
    sample = encoder.prepare(case.source)
    assert encoder.card.name == name_at(case, ASKED[case.name]) == encoder.encode(sample).provenance.encoder
    assert fc.load(encoder.card.checkpoint, device="cpu").prepare(case.source).key == sample.key
    assert sample.key != case.sample.key
    own = encoding_question(case.encoder.card, case.source)
    assert encoding_question(encoder.card, case.source) != own
    rows, columns = ASKED[case.name]
    own_rows, own_columns = tiny.SHAPES[case.name][0][1:]
    assert encoder.card.input_size[1:] == (rows, columns)
    [said] = [note for note in sample.notes if "own size" in note]
    assert f"own size is {own_columns}x{own_rows}" in said
    assert ("interpolated" in said) == (case.name in FLAG)


@pytest.mark.parametrize("family", LAYOUTS)
def test_every_family_reads_another_size_and_number_of_frames_or_says_why_not(cases, family):
    case = cases(family)
    asked = (96, 96) if case.encoder.layout.modality != "text" else (8, 8)
    try:
        encoder = fc.load(str(case.encoder.card.checkpoint) + "#96x96", device="cpu")
        assert encoder.prepare(case.source).tensors[encoder.layout.input_name].shape[-2:] == asked
        assert np.isfinite(encoder.encode(encoder.prepare(case.source)).logits).all()
    except LoadError as refused:
        assert family in FIXED or case.encoder.layout.modality == "text"
        assert "96x96" in str(refused)  # noqa: PT017
    if case.encoder.layout.modality == "text":
        return
    frames = case.encoder.card.input_size[0]
    with pytest.raises(CutError, match=rf"has {frames + 2} frames.*sees exactly {frames}\. (Choose|Read the clip)"):
        case.encoder.prepare(tiny.clip(frames + 2))


@pytest.mark.parametrize(
    ("family", "size", "words"),
    [
        ("vit", (30, 41), r"reads 24x24 pixels.*30x41.*multiple of 8.*Ask for 32x40"),
        ("vit", (3, 24), "Ask for 8x24"),
        ("vit-wide", (32, 32), r"reads 24x40 pixels.*square checkpoints only"),
        ("videomae", (32, 32), r"16x16 pixels.*32x32.*would stand elsewhere.*Leave the size out"),
        ("vivit", (32, 32), r"one picture, not of a clip"),
        ("timesformer", (32, 32), r"counts? the columns"),
        ("vjepa2", (32, 40), r"squares only. Ask for 32x32"),
        ("swin", (16, 32), r"windows need at least 32x32"),
        ("bert", (8, 8), r"reads text.*Leave out '#8x8'"),
        ("vit", (80000, 80000), r"reads 1x80000x80000.*at most"),
    ],
)
def test_a_size_that_cannot_be_read_is_refused_with_both_sizes(cases, family, size, words):
    with pytest.raises(FeatcoreError, match=words):
        fc.load(str(cases(family).folder), device="cpu", size=size)


def test_transformers_would_misplace_the_positions_of_a_wide_checkpoint_in_silence(tmp_path, monkeypatch):
    """Why those are refused: 2 x 8 positions are taken for 4 x 4, and nobody says so."""
    monkeypatch.setitem(tiny.SHAPES, "vit-wide", ((1, 16, 64), (1, 8, 8)))
    folder = tiny.build("vit-wide", tmp_path / "wide")
    model = fc.load(str(folder), device="cpu").model
    with torch.no_grad():
        answer = model(pixel_values=torch.zeros(1, 3, 16, 72), interpolate_pos_encoding=True)
    assert torch.isfinite(answer.logits).all()
    with pytest.raises(LoadError, match="square checkpoints only"):
        fc.load(f"{folder}#16x72", device="cpu")


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("a/b", Asked("a/b")),
        ("a/b#image", Asked("a/b", "image")),
        ("a/b#24x40", Asked("a/b", "", (24, 40))),
        ("a/b@main#image#24x40", Asked("a/b@main", "image", (24, 40))),
        ("c#d", Asked("c#d")),
        ("#image", Asked("#image")),
        ("c#0x4", Asked("c#0x4")),
    ],
)
def test_names_say_what_they_ask_for(name, asked):
    assert parse(name) == asked
    assert asked.checkpoint + asked.suffix == name


def test_a_size_behind_a_name_works_from_the_command_line(tmp_path):
    import json

    from PIL import Image
    from typer.testing import CliRunner

    from featcore.cli import app

    Image.fromarray(tiny.clip().frames[0]).save(tmp_path / "noise.png")
    asked = ["explain", "-e", "image-mini#16x48", "--image", str(tmp_path / "noise.png"), "-m", "occlusion"]
    answer = CliRunner().invoke(app, [*asked, "--json"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert len(found["scores"]) == (16 // 4) * (48 // 4)
    assert found["provenance"]["encoder"] == "image-mini#16x48"
