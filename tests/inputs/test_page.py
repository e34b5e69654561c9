"""A text as a picture: every word stands in cells of its own, and nothing is lost without being said."""

import numpy as np
import pytest

from featcore.inputs.page import CELL_PX, COLUMNS, ROWS, draw, lay_out, page


def test_every_word_owns_the_cells_of_its_letters_and_one_empty_letter():
    laid = lay_out("not a film")
    assert laid.words == ("not", "a", "film")
    assert laid.word[0].tolist() == [0, 0, 1, 2, 2, 2, *[-1] * 10]
    assert bytes(laid.codes[0]).decode("latin-1") == "not a film".ljust(32)
    assert (laid.word[1:] == -1).all()


def test_words_wrap_and_what_finds_no_room_is_counted():
    laid = lay_out("abcdefghij klmnopqrst", columns=8, rows=1)
    assert laid.words == ("abcdefghij",)
    assert laid.left_out == 1
    both = lay_out("abcdefghij klmnopqrst", columns=8, rows=2)
    assert both.word[1].tolist() == [1] * 6 + [-1] * 2
    assert page("word " * 200).notes == (f"{200 - ROWS * (COLUMNS // 3)} words found no room on the page.",)


def test_a_word_longer_than_a_line_is_cut_and_letters_outside_latin_1_are_marked():
    laid = lay_out("x" * 50 + " 電影", columns=4, rows=2)
    assert bytes(laid.codes[0]).decode() == "x" * 7 + " "
    assert bytes(laid.codes[1]).decode().strip() == "??"


def test_a_cell_without_letters_is_white_and_equal_letters_are_equal_pictures():
    laid = lay_out("ab ab")
    pixels = laid.pixels
    assert pixels.shape == (ROWS * CELL_PX, COLUMNS * CELL_PX)
    tiles = pixels[:CELL_PX].reshape(CELL_PX, COLUMNS, CELL_PX).swapaxes(0, 1)
    assert np.array_equal(tiles[0], tiles[2])
    assert tiles[0].min() == 0
    assert (tiles[5:] == 255).all()


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_a_page_without_words_is_empty_paper(text):
    assert (lay_out(text).pixels == 255).all()
    assert draw(np.full((2, 3, 4), 32, np.uint8)).shape == (2, 3 * CELL_PX, 2 * CELL_PX)


def test_a_page_is_a_picture_with_three_equal_colours():
    clip = page("hello")
    assert clip.still
    assert clip.frames.shape == (1, ROWS * CELL_PX, COLUMNS * CELL_PX, 3)
    assert (clip.frames[..., 0] == clip.frames[..., 2]).all()
    assert page("hello").key == clip.key != page("hallo").key
