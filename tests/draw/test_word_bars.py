"""Words of several encoders stand in one row each, on scales that say what they are."""

import numpy as np
import pytest

from featcore import draw
from featcore.inputs.page import typeset
from featcore.units.grid import cut_grid


@pytest.fixture
def scores():
    return {"A": np.array([1.0, -2.0, 0.0]), "B": np.array([10.0, 0.0, -30.0])}


def test_each_encoder_has_its_own_axis_and_colours_and_a_common_one_when_asked(scores):
    own = draw.word_bars(["x", "y", "y"], scores)
    first, second = own.data
    assert (first.xaxis, second.xaxis) == ("x", "x2")
    assert own.layout.xaxis.range != own.layout.xaxis2.range
    assert first.marker.color[1] == second.marker.color[2], "the strongest of each has the full colour"
    both = draw.word_bars(["x", "y", "y"], scores, common=True)
    assert both.layout.xaxis.range == both.layout.xaxis2.range
    assert both.data[0].marker.color[1] != both.data[1].marker.color[2]
    assert own.table == {"word": ["x", "y", "y"], "A": [1.0, -2.0, 0.0], "B": [10.0, 0.0, -30.0]}
    assert "A: 'y' −2" in own.alt
    assert "B: 'y' −30" in own.alt


def test_words_of_a_stranger_stay_text(scores):
    picture = draw.word_bars(["<b>x</b>", "$y$", "z"], scores)
    assert "<b>x" not in str(picture.layout.yaxis.ticktext)
    assert "&lt;b&gt;x" in picture.data[0].hovertext[0]


def test_a_page_is_drawn_down_to_its_last_line_with_the_index_and_scale_of_all_patches():
    page = typeset("ab cd")
    units = cut_grid((1, 120, 192), (1, 12, 12))
    scores = np.zeros(160)
    scores[[1, 159]] = 0.5, -2.0
    picture = draw.written(page.clip, units, scores, selected=[1, 159], rows=24)
    heat = next(trace for trace in picture.data if trace.type == "heatmap")
    assert heat.z.shape == (2, 16)
    assert (heat.zmin, heat.zmax) == (-2, 2), "patches below count for the scale"
    assert len(picture.table["unit"]) == 32
    assert draw.written(page.clip, units, scores).layout.yaxis.range[0] == 120


def test_a_marked_word_is_marked_across_all_encoders(scores):
    (shape,) = draw.word_bars(["x", "y", "z"], scores, selected=1).layout.shapes
    assert (shape.xref, shape.x0, shape.x1) == ("paper", 0, 1)
    assert (shape.y0, shape.y1) == (0.5, 1.5)
    assert not draw.word_bars(["x", "y", "z"], scores, selected=3).layout.shapes, "a word that is not there"
