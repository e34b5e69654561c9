"""Means with intervals as a ranking."""

import numpy as np
import pytest

from featcore import draw

MEANS = np.array([[0.6, 0.5, 0.7], [0.2, 0.1, 0.3], [np.nan, np.nan, np.nan]])


def test_bars_whiskers_chance_and_the_grey_of_floors_say_what_they_were_given():
    figure = draw.standing(["IG", "Random floor", "CAM"], MEANS, ("Random floor",), 0.2, "pointing game")
    bars = figure.data[0]
    assert list(bars.x) == [0.6, 0.2, 0]
    assert bars.error_x.array == pytest.approx((0.1, 0.1, 0))
    assert bars.error_x.arrayminus == pytest.approx((0.1, 0.1, 0))
    assert bars.marker.color[0] == bars.marker.color[2] != bars.marker.color[1]
    assert figure.layout.shapes[0].x0 == 0.2
    assert list(figure.data[1].text) == ["60%", "20%", "not defined"]
    assert "IG 60% (50% to 70%)" in figure.alt
    assert "chance is 20%" in figure.alt
    assert figure.table["mean"][:2] == [0.6, 0.2]


def test_numbers_that_are_no_shares_are_written_as_they_are_and_may_lie_below_zero():
    figure = draw.standing(["a"], np.array([[-0.123, -0.2, -0.05]]), share=False)
    assert figure.data[1].text[0] == "−0.123"
    assert figure.layout.xaxis.range[0] < -0.2
    assert not figure.layout.shapes


def test_names_are_escaped():
    figure = draw.standing(["<b>x</b>"], np.array([[0.5, 0.4, 0.6]]), verdicts=["<i>"])
    assert "<b>x</b></b>" not in figure.data[0].hovertext[0]
    assert "&lt;b&gt;" in figure.layout.yaxis.ticktext[0]


def test_a_frame_to_mark_takes_boxes_and_outlines_the_marked(red):
    from tests.draw.conftest import boxes

    units = boxes((1, 200, 300), (1, 2, 3))
    figure = draw.markable(red, units, selected=[1, 2], box=(1.0, 2.0, 5.5, 7.0))
    boxes = [each for each in figure.layout.shapes if each.line.dash == "dash"]
    assert [(each.x0, each.y0, each.x1, each.y1) for each in boxes] == [(1.0, 2.0, 5.5, 7.0)]
    assert not [each for each in draw.markable(red, units).layout.shapes if each.line.dash == "dash"]
    assert figure.layout.dragmode == "select"
    assert "2 of them are marked" in figure.alt
    assert len(figure.data) == len(draw.fragments(red, units, selected=[1, 2]).data)
