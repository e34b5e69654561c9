"""Chips: widths, lines, colours, escaping, sizes."""

import numpy as np
import pytest

from featcore import draw
from featcore.draw.scale import ACCENT, Scale
from featcore.draw.text import GAP, PAD, cells, lay_out
from tests.draw.conftest import NASTY, tokens


@pytest.mark.parametrize(("text", "wide"), [("abc", 3), ("中文", 4), ("e\u0301", 1), ("", 1), ("😀", 2)])
def test_cells_count_what_a_terminal_would(text, wide):
    assert cells(text) == wide


def test_bar_widths_add_up_to_letters_and_padding():
    labels = ["The", "cat", "中文"]
    bar = draw.strip(tokens(labels)).data[0]
    assert sum(bar.x) == pytest.approx(3 + 3 + 4 + 3 * PAD)
    assert bar.base[1] == pytest.approx(bar.x[0] + GAP)


def test_chips_never_leave_their_line():
    left, width, line = lay_out(["word"] * 40 + ["x" * 500], columns=30)
    assert (left + width <= 30 + 1e-9).all()
    assert (np.diff(line) >= 0).all()
    assert line.max() > 5


def test_a_line_break_starts_a_new_line():
    assert lay_out(["a", "↵", "b"], 64)[2].tolist() == [0, 0, 1]


def test_tokens_without_scores_are_tinted_by_word():
    units = tokens(["un", "do", "it"])
    units.extents[1, 0, 0] = units.extents[0, 0, 1]
    colours = draw.strip(units).data[0].marker.color
    assert len(set(colours)) == 3
    assert colours[0][:10] == colours[1][:10] != colours[2][:10]


def test_user_text_is_neither_mark_up_nor_template(nasty):
    figure = draw.strip(nasty, np.linspace(-1, 1, len(nasty)), name="<i>%{x}</i>")
    bar = figure.data[0]
    for shown in (*bar.hovertext, *[text.split(">", 1)[1].rsplit("</span>", 1)[0] for text in bar.text]):
        assert "<" not in shown
        assert "$" not in shown
    assert "%{x}" not in bar.hovertemplate
    assert "<i>" not in bar.hovertemplate
    assert bar.hovertext[3] == "&amp;amp;"
    assert figure.table["token"] == list(NASTY)


def test_the_selected_unit_has_an_outline():
    line = draw.strip(tokens(["a", "b", "c"]), selected=1).data[0].marker.line
    assert [colour == ACCENT for colour in line.color] == [False, True, False]


def test_special_tokens_are_shown_but_are_no_unit():
    units = tokens(["a", "b"])
    special = np.array([True, False, False, True])
    bar = draw.strip(units, np.array([0.0, 1.0]), None, 1, ["[CLS]", "a", "b", "[SEP]"], special).data[0]
    assert [row[0] for row in bar.customdata] == [-1, 0, 1, -1]
    assert "[CLS]" in bar.text[0]
    assert [colour == ACCENT for colour in bar.marker.line.color] == [False, False, True, False]


def test_arabic_runs_from_right_to_left():
    bar = draw.strip(tokens(["هذا", "النص", "عربي"])).data[0]
    assert bar.base[0] > bar.base[1] > bar.base[2]


def test_a_shared_scale_gives_equal_scores_equal_colours():
    scale = Scale(-2, 2)
    colours = [draw.strip(tokens(["a", "b"]), np.array([1.0, s]), scale).data[0].marker.color[0] for s in (0.1, -2)]
    assert colours[0] == colours[1]


@pytest.mark.parametrize("n", [1, 512])
def test_many_tokens_stay_small(n):
    labels = [NASTY[i % len(NASTY)] if i % 9 == 0 else "token" for i in range(n)]
    figure = draw.strip(tokens(labels), np.random.default_rng(0).normal(size=n))
    assert len(figure.data[0].x) == n
    assert len(figure.to_json()) < 150_000
    assert f"{n} token" in figure.alt


def test_scores_that_are_zero_or_no_number_are_drawn():
    assert draw.strip(tokens(["a", "b"]), np.zeros(2)).data
    assert draw.strip(tokens(["a", "b"]), np.array([np.nan, 1.0])).data
