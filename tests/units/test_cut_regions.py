"""Regions of like colour: every pixel in one, in reading order."""

import numpy as np
import pytest

from featcore.errors import CutError
from featcore.types import Clip
from featcore.units.grid import uncovered
from featcore.units.regions import cut_regions


def clip(frames: np.ndarray) -> Clip:
    return Clip("", frames, np.arange(len(frames)) / 25.0, still=len(frames) == 1)


def quarters(t: int = 1, side: int = 32) -> Clip:
    """Four squares of one colour each."""
    frames = np.zeros((t, side, side, 3), np.uint8)
    half = side // 2
    frames[:, :half, half:] = 255, 0, 0
    frames[:, half:, :half] = 0, 255, 0
    frames[:, half:, half:] = 0, 0, 255
    return clip(frames)


@pytest.mark.parametrize("t", [1, 4])
def test_every_pixel_is_in_one_region_inside_its_box(t):
    noisy = clip(np.random.default_rng(0).integers(0, 255, (t, 24, 30, 3), dtype=np.uint8))
    for source in (quarters(t), noisy):
        units = cut_regions(source, 12, 10.0)
        shape = source.frames.shape[:3]
        assert units.kind == "region"
        assert units.regions.shape == shape
        assert np.unique(units.regions).tolist() == list(range(len(units)))
        assert uncovered(units, shape) == 0
        for i, extent in enumerate(units.extents):
            places = np.argwhere(units.regions == i)
            assert extent.tolist() == np.stack([places.min(0), places.max(0) + 1], axis=1).tolist()


def test_regions_follow_the_edges_of_four_squares_in_reading_order():
    units = cut_regions(quarters(), 4, 1.0)
    assert len(units) == 4
    assert units.extents[:, 1:, 0].tolist() == [[0, 0], [0, 16], [16, 0], [16, 16]]
    assert units.labels == ("region 0", "region 1", "region 2", "region 3")


def test_a_plain_picture_is_cut_like_a_lattice_read_by_line():
    units = cut_regions(clip(np.zeros((1, 32, 32, 3), np.uint8)), 16, 10.0)
    assert len(units) == 16
    centres = units.extents.mean(axis=-1).reshape(4, 4, 3)
    assert (np.diff(centres[..., 2], axis=1) > 0).all()
    assert (np.diff(centres[..., 1], axis=0) > 0).all()


def test_one_pixel_is_one_region():
    assert len(cut_regions(clip(np.zeros((1, 1, 1, 3), np.uint8)), 1, 10.0)) == 1


def test_impossible_cuts_are_explained_in_words():
    with pytest.raises(CutError, match=r"0 regions .* 1024 pixels .* Choose 1 to 1024"):
        cut_regions(quarters(), 0, 10.0)
    with pytest.raises(CutError, match=r"compactness is 0.0"):
        cut_regions(quarters(), 4, 0.0)
