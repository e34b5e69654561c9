"""Grids of fragments: every pixel is in one fragment, and a picture is a clip of one frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featcore.errors import CutError
from featcore.types import Units
from featcore.units.grid import cut_grid, place_grid, uncovered

SMALL = st.integers(1, 6)
THREE = st.tuples(SMALL, SMALL, SMALL)


def coverage(units: Units, shape: tuple[int, int, int]) -> np.ndarray:
    """How many units hold each pixel."""
    count = np.zeros(shape, int)
    for (t0, t1), (y0, y1), (x0, x1) in units.extents:
        count[t0:t1, y0:y1, x0:x1] += 1
    return count


def assert_reading_order(units: Units) -> None:
    depth, height, width = units.grid
    starts = units.extents[..., 0].reshape(depth, height, width, 3)
    for axis in range(3):
        assert (np.diff(starts[..., axis], axis=axis) >= 0).all()


@given(step=THREE, cells=THREE)
@settings(deadline=None)
def test_units_tile_the_box_exactly_once(step, cells):
    shape = tuple(a * b for a, b in zip(step, cells, strict=True))
    units = cut_grid(shape, step)
    assert units.grid == cells
    assert (coverage(units, shape) == 1).all()
    assert uncovered(units, shape) == 0
    assert ((units.extents[..., 1] - units.extents[..., 0]) == step).all()
    assert_reading_order(units)


@given(shape=THREE, step=THREE, stride=st.none() | THREE)
@settings(deadline=None)
def test_a_dropped_rest_is_reported(shape, step, stride):
    if any(a > b for a, b in zip(step, shape, strict=True)):
        with pytest.raises(CutError, match=r"one fragment needs"):
            cut_grid(shape, step, stride, partial="drop")
        return
    units = cut_grid(shape, step, stride, partial="drop")
    hops = stride or step
    assert units.grid == tuple((n - p) // s + 1 for n, p, s in zip(shape, step, hops, strict=True))
    assert uncovered(units, shape) == pytest.approx((coverage(units, shape) == 0).mean())
    loose = Units(units.axes, units.extents, units.labels)
    assert uncovered(loose, shape) == pytest.approx(uncovered(units, shape))


def test_a_patch_is_a_tubelet_one_frame_deep():
    patches = cut_grid((1, 32, 48), (1, 16, 16))
    tubelets = cut_grid((4, 32, 48), (2, 16, 16))
    assert (patches.kind, tubelets.kind) == ("patch", "tubelet")
    assert (tubelets.extents[:6, 1:] == patches.extents[:, 1:]).all()
    assert patches.labels[5] == "y1 x2"
    assert tubelets.labels[5] == "t0 y1 x2"
    assert tubelets.labels[-1] == "t1 y1 x2"


@pytest.mark.parametrize(("frames", "tubelets"), [(16, 1568), (8, 784)])
def test_the_usual_cut_gives_the_usual_number(frames, tubelets):
    assert len(cut_grid((frames, 224, 224), (2, 16, 16))) == tubelets


def test_overlapping_fragments_keep_their_grid():
    units = cut_grid((1, 8, 8), (1, 4, 4), stride=(1, 2, 2))
    assert units.grid == (1, 3, 3)
    assert units.extents[4].tolist() == [[0, 1], [2, 6], [2, 6]]
    assert coverage(units, (1, 8, 8))[0, 3, 3] == 4


def test_a_clip_that_cannot_be_cut_is_explained_in_words():
    with pytest.raises(CutError, match=r"The clip has 15 frames; this cut needs a multiple of 2. Trim it to 14"):
        cut_grid((15, 16, 16), (2, 16, 16))
    with pytest.raises(CutError, match=r"31 columns; this cut needs 8 and a multiple of 4 more. Trim it to 28"):
        cut_grid((1, 32, 31), (1, 8, 8), stride=(1, 8, 4))
    with pytest.raises(CutError, match=r"The clip has 1 frame; one fragment needs 2"):
        cut_grid((1, 16, 16), (2, 16, 16))
    with pytest.raises(CutError, match=r"0 rows"):
        cut_grid((1, 16, 16), (1, 0, 16))


@given(data=st.data(), grid=THREE)
@settings(deadline=None)
def test_a_placed_grid_tiles_its_box_exactly(data, grid):
    shape = data.draw(st.tuples(*[st.integers(1, 12)] * 3))
    box = []
    for size in shape:
        start = data.draw(st.integers(0, size - 1))
        box.append((start, data.draw(st.integers(start + 1, size))))
    units = place_grid(shape, grid, tuple(box))
    expected = np.zeros(shape, int)
    expected[tuple(slice(*side) for side in box)] = 1
    assert (coverage(units, shape) == expected).all()
    assert units.grid == grid
    assert len(units) == np.prod(grid)
    assert_reading_order(units)
    sizes = units.extents[..., 1] - units.extents[..., 0]
    assert (np.ptp(sizes, axis=0) <= 1).all()


def test_a_placed_grid_that_fits_is_the_cut_itself():
    placed = place_grid((4, 32, 48), (2, 2, 3), ((0, 4), (0, 32), (0, 48)))
    cut = cut_grid((4, 32, 48), (2, 16, 16))
    assert (placed.extents == cut.extents).all()
    assert placed.labels == cut.labels


def test_a_source_smaller_than_the_grid_has_cells_without_width():
    units = place_grid((1, 1, 4), (1, 1, 8), ((0, 1), (0, 1), (0, 4)))
    widths = units.extents[:, 2, 1] - units.extents[:, 2, 0]
    assert sorted(widths.tolist()) == [0, 0, 0, 0, 1, 1, 1, 1]


def test_a_view_outside_the_source_is_explained_in_words():
    with pytest.raises(CutError, match=r"view 0 to 33 does not lie in the source's 32 rows"):
        place_grid((1, 32, 32), (1, 4, 4), ((0, 1), (0, 33), (0, 32)))
    with pytest.raises(CutError, match=r"0 fragments along the columns"):
        place_grid((1, 32, 32), (1, 4, 0), ((0, 1), (0, 32), (0, 32)))


def test_the_contrast_of_a_flat_fragment_is_0_and_of_a_half_black_one_half_the_range():
    from featcore.types import Clip
    from featcore.units.grid import contrast

    frames = np.zeros((1, 4, 8, 3), np.uint8)
    frames[0, :, 6:] = 200
    clip = Clip("k", frames, np.zeros(1), still=True)
    assert contrast(cut_grid((1, 4, 8), (1, 4, 4)), clip).tolist() == [0.0, 100.0]
