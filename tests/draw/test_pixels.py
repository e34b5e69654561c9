"""Frames: the right pixels, the right places, one scale, small files."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from featcore import draw
from featcore.draw.pixels import jpeg, lattice
from featcore.draw.scale import ACCENT, Scale
from featcore.types import Clip, Timeline, Units
from tests.draw.conftest import boxes


def decoded(source: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))).convert("RGB"))


def heats(figure):
    return [trace for trace in figure.data if trace.type == "heatmap"]


def test_a_red_picture_stays_red(red):
    pixels = decoded(jpeg(red.frames[0]))
    assert np.abs(pixels.reshape(-1, 3).mean(0) - [220, 0, 0]).max() < 6


def test_large_pictures_shrink_and_tiny_ones_become_blocks():
    assert max(decoded(jpeg(np.zeros((700, 1400, 3), np.uint8))).shape) == 640
    tiny = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)
    assert {tuple(c) for c in decoded(jpeg(tiny)).reshape(-1, 3).tolist()} == {(255, 0, 0), (0, 0, 255)}


def test_the_heat_map_holds_the_scores_on_the_grid(red):
    units, scores = boxes((1, 200, 300), (1, 4, 6)), np.arange(24.0) - 5
    (heat,) = heats(draw.fragments(red, units, scores))
    assert np.array_equal(heat.z, scores.reshape(4, 6))
    assert heat.x.tolist() == list(range(0, 301, 50))
    assert heat.y.tolist() == list(range(0, 201, 50))
    assert heat.zmin == -heat.zmax == -18
    assert heat.zsmooth is False


def test_units_in_any_order_find_their_cell():
    units = boxes((1, 4, 4), (1, 2, 2))
    order = np.array([3, 0, 2, 1])
    mixed = Units(units.axes, units.extents[order], units.labels)
    assert lattice(mixed, np.arange(4))[2].tolist() == [[1, 3], [2, 0]]


def test_every_fragment_can_be_clicked(red):
    units = boxes((1, 200, 300), (1, 2, 3))
    figure = draw.fragments(red, units, selected=[4])
    marks = next(trace for trace in figure.data if trace.customdata is not None)
    assert [row[0] for row in marks.customdata] == list(range(6))
    assert (marks.x[4], marks.y[4]) == (150, 150)
    assert figure.layout.hoverdistance == -1
    assert sum(trace.line.color == ACCENT for trace in figure.data if trace.type == "scatter") == 1


def test_regions_have_outlines_and_clickable_places(red):
    owner = np.zeros((1, 200, 300), int)
    owner[:, :, 150:] = 1
    extents = np.array([[[0, 1], [0, 200], [0, 150]], [[0, 1], [0, 200], [150, 300]]])
    units = Units(("t", "y", "x"), extents, ("<b>left</b>", "right"), None, owner)
    figure = draw.fragments(red, units, np.array([-1.0, 1.0]), selected=1)
    marks = next(trace for trace in figure.data if trace.customdata is not None)
    assert all((x > 150) == (unit[0] == 1) for x, unit in zip(marks.x, marks.customdata, strict=True))
    assert not any("<b>left" in text for text in marks.hovertext)
    assert "region" in figure.alt


def test_exported_pixels_blend_in_rgb(red):
    units = boxes((1, 200, 300), (1, 1, 2))
    out = draw.overlay_pixels(red.frames[0], units, np.array([0.0, 1.0]), Scale(-1, 1), 1.0)
    assert out.dtype == np.uint8
    assert out.shape == (200, 300, 3)
    assert tuple(out[0, 0]) == (220, 0, 0)
    assert tuple(out[0, 299]) == (220, 88, 0)


def test_a_picture_with_patches_stays_small(photo):
    units = boxes((1, 476, 630), (1, 14, 14))
    scores = np.random.default_rng(0).normal(size=196)
    assert len(draw.fragments(photo, units, scores).to_json()) < 250_000


def test_a_film_has_one_scale_and_repeats_the_map_of_a_tubelet(clip):
    units, scores = boxes((16, 480, 640), (8, 6, 8)), np.random.default_rng(0).normal(size=384)
    figure = draw.film(clip, units, scores, selected=[0])
    maps = [next(d for d in frame.data if d.type == "heatmap") for frame in figure.frames]
    assert len(maps) == 16
    assert {(heat.zmin, heat.zmax) for heat in maps} == {(-np.abs(scores).max(), np.abs(scores).max())}
    for frame, heat in enumerate(maps):
        assert np.allclose(heat.z, scores.reshape(8, 6, 8)[frame // 2])
    assert "frames 2, 3 · slot 1 · 0.30 s" in figure.frames[3].data[1].text
    assert figure.frames[3].data[3].x[0] is None
    assert [point[0] for point in figure.frames[3].data[4].customdata] == list(range(48, 96))
    assert len({frame.layout.images[0].source for frame in figure.frames}) == 16
    assert len(figure.to_json()) < 1_500_000


def test_a_film_without_scores_and_a_film_of_regions_play(clip):
    short = Clip("s", clip.frames[:2], clip.times_s[:2])
    assert len(draw.film(short, boxes((2, 480, 640), (1, 2, 2))).frames) == 2
    owner = np.zeros((2, 480, 640), int)
    units = Units(("t", "y", "x"), np.array([[[0, 2], [0, 480], [0, 640]]]), ("all",), None, owner)
    assert len(draw.film(short, units, np.ones(1)).frames) == 2
    assert draw.filmstrip(short, units, np.ones(1)).data


def test_a_filmstrip_shows_every_slot_on_one_scale(clip):
    units, scores = boxes((16, 480, 640), (8, 6, 8)), np.random.default_rng(0).normal(size=384)
    figure = draw.filmstrip(clip, units, scores, selected=5)
    assert len(heats(figure)) == 8
    assert len({(heat.zmin, heat.zmax) for heat in heats(figure)}) == 1
    marks = next(trace for trace in figure.data if trace.customdata is not None)
    assert [row[0] for row in marks.customdata] == list(range(384))


def test_the_profile_adds_up_the_scores_of_a_slot():
    units, scores = boxes((4, 4, 4), (2, 2, 2)), np.array([1.0, 1, 1, 1, -2, 0, 0, 0])
    assert list(draw.profile(units, scores).data[0].y) == [4, -2]


def test_the_timeline_tells_used_from_repeated_frames():
    line = Timeline(np.arange(5) / 5, np.array([0, 2, 4, 4]), "evenly", padded=1)
    ticks, used, again = draw.timeline(line).data
    assert len(ticks.x) == 5
    assert list(used.x) == pytest.approx([0, 0.4, 0.8])
    assert again.marker.symbol == "circle-open"
    assert again.y[0] > used.y[-1]
    assert draw.timeline(line).layout.height == 110
