"""Charts: numbers where they belong, nothing invented where samples are missing."""

import numpy as np
import pytest

from featcore import draw
from featcore.draw.scale import ACCENT
from featcore.types import median_interval
from tests.draw.conftest import NASTY, latency


def test_predictions_are_sorted_and_escaped():
    bar = draw.prediction(["no", "<b>yes</b>"], np.array([0.2, 0.8]), np.array([0.0, 1.4])).data[0]
    assert list(bar.x) == [0.8, 0.2]
    assert [row[0] for row in bar.customdata] == [1, 0]
    assert "<b>yes" not in bar.hovertext[0]


def test_rankings_keep_their_order_and_equal_names():
    figure = draw.bars(["the", "the"], np.array([0.5, -0.5]), index=[7, 3])
    assert list(figure.data[0].y) == [0, 1]
    assert [row[0] for row in figure.data[0].customdata] == [7, 3]
    assert figure.data[0].marker.color[0] != figure.data[0].marker.color[1]


def test_concentration_has_the_even_diagonal():
    figure = draw.concentration({"<i>a": (np.array([0, 1.0]), np.array([0, 1.0]))})
    assert figure.data[0].name == "evenly spread"
    assert figure.data[1].name == "&lt;i&gt;a"
    assert "10 %" in figure.alt


def test_heads_are_clickable_squares_by_layer_and_head():
    marks = draw.heads(np.arange(6.0).reshape(2, 3), "entropy", selected=(1, 2), low=0, high=10).data[0]
    assert marks.customdata[5] == [1, 2]
    assert (marks.x[5], marks.y[5]) == (3, 2), "people count from 1"
    assert [colour == ACCENT for colour in marks.marker.line.color] == [False] * 5 + [True]
    assert marks.marker.symbol == "square"


def test_attention_rows_are_queries():
    weights = np.eye(len(NASTY), dtype=np.float32)
    weights[0, 1] = 2.0
    figure = draw.attention_map(weights, NASTY, selected=0)
    heat = figure.data[0]
    assert heat.z[0, 1] == 2.0
    assert len(set(heat.x)) == len(NASTY)
    assert not any("<" in name for name in heat.x)
    assert figure.layout.xaxis.title.text == "to (key)"
    assert figure.layout.yaxis.title.text == "from (query)"
    assert figure.table["from"][0] == NASTY[0]
    assert figure.table["to"][0] == NASTY[1]


def test_long_attention_is_pooled_and_says_so():
    weights = np.zeros((1300, 1300), np.float32)
    weights[1299, 4] = 1.0
    figure = draw.attention_map(weights, [str(i) for i in range(1300)])
    assert figure.data[0].z.shape == (434, 434)
    assert figure.data[0].z[433, 1] == 1.0
    assert "3 × 3" in figure.layout.xaxis.title.text
    assert draw.attention_map((255 * weights).astype(np.uint8), ["a"] * 1300).data[0].z.dtype == np.uint8


def test_the_interval_of_the_median_is_the_sign_tests():
    # n = 10: orders 2 and 9 cover 97.9 %; n = 6: the extremes cover 96.9 %; n = 5 cannot reach 95 %.
    assert median_interval(np.arange(1.0, 11)) == (2, 9)
    assert median_interval(np.arange(1.0, 7)) == (1, 6)
    assert median_interval(np.arange(5.0)) is None


def test_stages_show_medians_samples_and_cold_calls():
    each = {
        "<b>a</b>": [latency("cut"), latency("attribution:occlusion", disturbed="load <5>")],
        "b": [latency("cut", 3)],
    }
    figure = draw.stages(each, log=True)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert bars[0].x[0] == pytest.approx(1000 * np.median(latency().samples_s))
    assert bars[1].x[0] is None
    assert list(bars[0].marker.pattern.shape) == ["", "/"]
    assert "load &lt;5&gt;" in bars[0].hovertext[1]
    assert "float32" in bars[0].hovertext[0]
    assert sum(trace.marker.symbol == "diamond-open" for trace in figure.data if trace.type == "scatter") == 2
    assert "ms" in figure.layout.xaxis.title.text
    assert figure.table["n"] == [20, 20, 3]


def test_stages_without_names_take_the_encoder_of_their_provenance():
    figure = draw.stages([[latency(encoder="a")], [latency(encoder="a")], []])
    assert [trace.name for trace in figure.data if trace.type == "bar"] == ["a", "a (2)"]
    assert draw.stages({}).data == ()


def test_the_trace_is_in_run_order():
    figure = draw.trace(latency(n=4))
    assert list(figure.data[0].y) == pytest.approx([10, 10.1, 10.2, 10.3])
    assert figure.data[1].y[0] == 50


def test_percentiles_without_enough_samples_say_what_they_need():
    bar = draw.percentiles([latency(n=30)]).data[0]
    assert bar.text[1].endswith("ms")
    assert bar.text[2] == "needs n ≥ 59, has 30"
    assert bar.x[2] == 0
    assert draw.percentiles([latency(n=30)]).table["ms"][2] is None


def test_a_ladder_names_every_step_with_its_accuracy_and_interval():
    from featcore import draw

    picture = draw.ladder(["low", "<b>high"], [0.5, 0.8], [(0.45, 0.56), (0.78, 0.81)], ["first", "one & more"])
    assert picture.alt == "low 50.0%, then <b>high 80.0%."
    bars = picture.data[0]
    assert list(bars.x) == [0.5, 0.8]
    assert bars.y[1] == "&lt;b&gt;high"
    assert list(bars.error_x.array) == pytest.approx([0.06, 0.01])
    assert list(bars.error_x.arrayminus) == pytest.approx([0.05, 0.02])


def test_a_sequence_shows_where_units_stand_and_what_is_read():
    figure = draw.sequence(["[CLS]", "<b>", "x"], np.array([1, 2]), np.array([1.0, 0, 0]))
    special, units, numbers = figure.data
    assert (list(special.x), list(units.x)) == ([0], [1, 2])
    assert list(numbers.text) == ["0"]
    assert (list(special.marker.line.width), list(units.marker.line.width)) == ([2], [0, 0])
    assert "&lt;b&gt;" in units.hovertext[0]
    assert "3 positions, 2 of them units; the classifier reads 1" in figure.alt
    assert "Special positions: 0 [CLS]." in figure.alt


def test_special_positions_of_one_name_side_by_side_are_named_once():
    figure = draw.sequence(["[CLS]", "x", "[PAD]", "[PAD]", "[PAD]"], np.array([1]), np.ones(5) / 5)
    assert figure.alt.endswith("Special positions: 0 [CLS], 2 to 4 [PAD].")


def written(figure):
    """What stands in each cell that is a unit or a special position, by column and row."""
    ground, words = figure.data
    said = {(round(x), round(y)): text for x, y, text in zip(words.x, words.y, words.text, strict=True)}
    return {(x, y): said[x, y] for y, row in enumerate(ground.z) for x, value in enumerate(row) if not np.isnan(value)}


def test_every_cell_of_the_grid_shows_its_position_and_special_ones_stand_above():
    """Two rows, three columns behind a class position: x runs along a row."""
    figure = draw.places((1, 2, 3), np.arange(1, 7), ["[CLS]", *(f"y{y} x{x}" for y in range(2) for x in range(3))])
    cells = written(figure)
    assert [cells[at] for at in sorted(cells, key=lambda at: at[::-1])] == list("0123456")
    assert {"[CLS]", "x 0", "x 2", "y 0", "y 1"} <= set(figure.data[1].text)
    assert "x runs fastest, then y. The first cell is position 1, the last 6." in figure.alt
    assert figure.table["y"] == [0, 0, 0, 1, 1, 1]


def test_time_as_the_fastest_axis_is_said_and_shown():
    index = np.arange(2 * 3 * 4).reshape(3, 4, 2).transpose(2, 0, 1) + 1
    figure = draw.places((2, 3, 4), index.ravel(), ["[CLS]", *["unit"] * 24])
    assert "t runs fastest, then x, then y" in figure.alt
    assert set(written(figure).values()) == {str(at) for at in range(25)}
    assert {"t 0", "t 1"} <= set(figure.data[1].text)


def test_of_a_long_clip_the_first_times_and_the_last_are_drawn():
    figure = draw.places((9, 2, 2), np.arange(36), ["unit"] * 36)
    assert "Of the times 0, 1, 2, 8 are drawn." in figure.alt
    assert set(written(figure).values()) == {str(at) for at in (*range(12), *range(32, 36))}
    assert len(figure.table["position"]) == 36
