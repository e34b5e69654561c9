"""The same scores for larger parts: the sum stays, and the parts are those a person would name."""

import numpy as np
import pytest

import featcore as fc
from featcore.errors import CutError
from featcore.types import Clip, Text
from featcore.units.coarser import LEVELS, coarser, regrouped
from featcore.units.grid import cut_grid
from featcore.units.plain import cut_characters
from featcore.units.tokens import units_of


def quarters(side=32):
    """A picture of four flat colours, one a quarter."""
    frames = np.zeros((1, side, side, 3), np.uint8)
    half = side // 2
    frames[0, :half, half:], frames[0, half:, :half], frames[0, half:, half:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return Clip("q", frames, np.zeros(1), still=True)


@pytest.mark.parametrize("name", [card.name for card in fc.encoders()])
def test_the_sum_and_the_gap_stay_on_every_encoder_and_level(name):
    encoder = fc.load(name)
    modality = encoder.card.modality
    frames = {"frames": encoder.card.input_size[0]} if modality == "video" else {}
    source = fc.samples(modality)[0].load(**frames)
    sample = encoder.prepare(source)
    for method in ("integrated_gradients", "saliency"):
        fine = fc.explain(encoder, sample, method)
        counts = []
        for level in LEVELS[modality]:
            units, groups = coarser(sample.units, source, level)
            found = regrouped(fine, units, groups)
            assert found.scores.sum() == pytest.approx(fine.scores.sum(), rel=1e-9)
            assert len(found.units) == len(found.scores) == len(groups)
            assert found.units.kind == (sample.units.kind if level == LEVELS[modality][0] else level)
            assert found.completeness_gap == fine.completeness_gap
            assert fine.signed or found.scores.min() >= 0
            counts.append(len(units))
        assert counts == sorted(counts, reverse=True)
        assert counts[0] == len(sample.units)


def test_every_unit_is_in_one_part_and_its_score_with_it():
    clip = quarters()
    units = cut_grid((1, 32, 32), (1, 4, 4))
    coarse, groups = coarser(units, clip, "region")
    assert np.array_equal(np.sort(np.concatenate(groups)), np.arange(64))
    assert coarse.regions is not None
    for index, group in enumerate(groups):
        for unit in group:
            (_, (y0, y1), (x0, x1)) = units.extents[unit]
            assert (coarse.regions[0, y0:y1, x0:x1] == index).all()


def test_regions_follow_the_colours_of_a_picture():
    """Four flat quarters asked for as four regions are the quarters: no part holds two colours."""
    clip = quarters()
    coarse, groups = coarser(cut_grid((1, 32, 32), (1, 4, 4)), clip, "region")
    for index in range(len(groups)):
        assert len(np.unique(clip.frames[coarse.regions == index], axis=0)) == 1
    assert coarse.labels[0] == "region 0"


def test_a_large_picture_is_searched_on_fewer_pixels_and_keeps_its_own_places():
    clip = quarters(1024)
    units = cut_grid((1, 1024, 1024), (1, 128, 128))
    coarse, groups = coarser(units, clip, "region")
    assert coarse.regions.shape == (1, 1024, 1024)
    assert (coarse.regions >= 0).all()
    assert sum(map(len, groups)) == 64


def test_tokens_become_words_and_sentences_and_tubelets_frames_and_a_clip():
    text = Text("t", "So good. Not bad!")
    units, _ = units_of(cut_characters(text))
    words, groups = coarser(units, text, "word")
    assert [label for label in words.labels if label != "␣"] == ["So", "good.", "Not", "bad!"]
    assert words.kind == "word"
    assert len(coarser(units, text, "sentence")[1]) == 2
    clip = Clip("c", np.zeros((4, 8, 8, 3), np.uint8), np.arange(4.0))
    tubelets = cut_grid((4, 8, 8), (2, 4, 4))
    frames, groups = coarser(tubelets, clip, "frame")
    assert [len(group) for group in groups] == [4, 4]
    assert frames.labels == ("frames 0-1", "frames 2-3")
    whole, groups = coarser(tubelets, clip, "clip")
    assert whole.extents.tolist() == [[[0, 4], [0, 8], [0, 8]]]
    assert [len(group) for group in groups] == [8]


def test_a_level_of_another_kind_of_input_is_refused_in_words():
    with pytest.raises(CutError, match="Known: patch, superpixel, region"):
        coarser(cut_grid((1, 32, 32), (1, 4, 4)), quarters(), "word")


@pytest.mark.parametrize("level", ["superpixel", "region"])
def test_larger_parts_are_drawn_by_the_same_function(level):
    from featcore import draw

    clip = quarters()
    coarse, groups = coarser(cut_grid((1, 32, 32), (1, 4, 4)), clip, level)
    picture = draw.on_source(clip, coarse, np.arange(len(groups)) - 1.5)
    assert f"cut into {len(groups)} {level}" in picture.alt
    assert level in picture.table
