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


def test_each_stage_begins_where_the_one_before_it_ended():
    # Medians of n samples: 10 + 0.05 (n - 1) ms.
    found = [latency("read", 11), latency("encode", 21), latency("attention", 41), latency("attribution:ig", 31)]
    figure = draw.stages({"a": [latency("total", 51), *found]})
    (bars,) = (trace for trace in figure.data if trace.type == "bar")
    assert list(bars.base) == pytest.approx([0, 10.5, 10.5, 21.5, 0]), "attention stands beside encode"
    assert list(bars.x) == pytest.approx([10.5, 11, 12, 11.5, 12.5])
    assert list(figure.data[1].text)[-1] == " 12.5 ms, sum 33"
    assert figure.layout.yaxis.ticktext[-1] == "<b>end to end</b>"
    assert figure.table["stage"] == ["read", "encode", "attention", "attribution:ig", "total"]
    assert figure.table["in_sum"] == [True, True, False, True, False]


def test_stages_say_their_conditions_and_what_too_few_samples_cannot_tell():
    each = {
        "<b>a</b>": [latency("cut"), latency("attribution:occlusion", disturbed="load <5>")],
        "b": [latency("cut", 3), latency("encode")],
    }
    figure = draw.stages(each)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert bars[0].x[0] == pytest.approx(1000 * np.median(latency().samples_s))
    assert list(bars[1].x) == [None, None], "where the second begins is not known"
    assert list(bars[0].marker.pattern.shape) == ["", "/"]
    assert "load &lt;5&gt;" in bars[0].hovertext[1]
    assert "float32" in bars[0].hovertext[0]
    assert "first (cold) call 50 ms" in bars[0].hovertext[0]
    assert figure.table["n"] == [20, 20, 3, 20]


def test_a_view_per_unit_is_in_microseconds_and_keeps_the_number_of_units():
    plain, each = draw.stages({"a": [latency()]}), draw.stages({"a": [latency()]}, per_unit=True)
    assert "µs a token or fragment" in each.layout.xaxis.title.text
    assert "ms" not in each.layout.xaxis.title.text
    assert each.table["units"] == plain.table["units"] == [16]
    assert each.table["median_us_per_unit"][0] == pytest.approx(1000 * plain.table["median_ms"][0] / 16)
    assert "median_ms" not in each.table
    assert "µs a unit" in each.data[0].hovertext[0]
    assert each.data[1].text[0].endswith(" µs")


def test_stages_without_names_take_the_encoder_of_their_provenance():
    figure = draw.stages([[latency(encoder="a")], [latency(encoder="a")], []])
    assert [trace.name for trace in figure.data if trace.type == "bar"] == ["a", "a (2)"]
    assert draw.stages({}).data == ()


def test_the_trace_is_in_run_order():
    figure = draw.trace(latency(n=4))
    assert list(figure.data[0].y) == pytest.approx([10, 10.1, 10.2, 10.3])
    assert figure.data[1].y[0] == 50


def test_percentiles_without_enough_samples_say_what_they_need():
    figure = draw.percentiles([latency(n=30)])
    bar, words = figure.data[2], figure.data[4].text
    assert words[1].endswith("ms")
    assert words[2] == " needs n ≥ 59, has 30"
    assert bar.x[2] == 0
    assert figure.table["ms"][2] is None


def test_percentiles_show_the_interval_of_the_median_single_calls_the_fastest_and_the_first():
    figure = draw.percentiles([latency(n=10)])  # 10.0 to 10.9 ms; the interval is the 2nd to the 9th
    dots, tick, bar, _, words = figure.data
    assert list(dots.x) == pytest.approx([10 + 0.1 * i for i in range(10)])
    assert len(set(dots.y)) == 10
    assert max(abs(y) for y in dots.y) < 0.5, "dots stay in their row"
    assert list(tick.x) == [10]
    assert bar.x[0] - bar.error_x.arrayminus[0] == pytest.approx(10.1)
    assert bar.x[0] + bar.error_x.array[0] == pytest.approx(10.8)
    assert not any(bar.error_x.array[1:]), "the interval is the median's"
    assert figure.layout.xaxis.range[1] < 50, "a first call far out is cut off and says so"
    assert words.text[-1] == " 50 ms →"
    assert figure.table["what"] == ["p50", "p90", "p95", "p99", "fastest", "first call"]
    assert (figure.table["low_ms"][0], figure.table["high_ms"][0]) == pytest.approx((10.1, 10.8))


def test_percentiles_of_many_samples_stay_small():
    figure = draw.percentiles([latency(n=5000)])
    assert len(figure.data[0].x) == 120
    assert len(figure.to_json(validate=False)) < 20_000


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
