"""A text as a picture: every word stands in cells of its own, and nothing is lost without being said."""

import numpy as np
import pytest

from featcore.errors import CutError
from featcore.inputs.page import CELL_PX, COLUMNS, ROWS, draw, lay_out, page, typeset


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


TEXTS = (
    "This movie is not good.",
    "a bb ccc dddd eeeee ffffff ggggggg hhhhhhhh",
    "x" * 31 + " y",
    "naïve 電影 “quoted”",
)


@pytest.mark.parametrize("text", TEXTS)
def test_the_layout_of_training_is_the_page_that_training_drew(text):
    found, laid = typeset(text), lay_out(text)
    assert np.array_equal(found.clip.frames, page(text).frames)
    assert found.words == laid.words
    for index, (y, x) in enumerate(found.boxes // CELL_PX):
        owned = np.zeros_like(laid.word, bool)
        owned[slice(*y), slice(*x)] = True
        assert np.array_equal(laid.word == index, owned)


@pytest.mark.parametrize(("size_px", "columns"), [(12, 16), (12, 5), (6, 4), (10, 7), (14, 9), (24, 16), (30, 16)])
def test_changing_a_word_changes_pixels_of_its_box_only_and_no_ink_lies_outside_of_boxes(size_px, columns):
    words = ["it", "is", "not", "bad"]
    before = typeset(" ".join(words), size_px, columns)
    for index, word in enumerate(words):
        after = typeset(" ".join([*words[:index], "#" * len(word), *words[index + 1 :]]), size_px, columns)
        changed = np.argwhere((before.clip.frames != after.clip.frames).any((0, 3)))
        (y0, y1), (x0, x1) = before.boxes[index]
        assert len(changed) > len(word)
        assert (changed >= (y0, x0)).all()
        assert (changed < (y1, x1)).all()
        assert np.array_equal(before.boxes, after.boxes)
    paper = before.clip.frames[0, ..., 0].copy()
    for (y0, y1), (x0, x1) in before.boxes:
        assert paper[y0:y1, x0:x1].min() < 128
        paper[y0:y1, x0:x1] = 255
    assert (paper == 255).all()
    assert (before.boxes % CELL_PX == 0).all()


def test_letters_twice_as_large_are_the_same_letters_in_blocks_of_four_pixels():
    small, large = (typeset("ab", size).clip.frames[0, ..., 0] for size in (12, 24))
    assert np.array_equal(large[:24, :24], small[:12, :12].repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("text", "size_px", "columns", "said"),
    [
        ("This movie is not good.", 48, 16, "2 of 5 words .* 'is' .* at most 36 px or a shorter text"),
        ("word " * 51, 12, 16, "50 of 51 words .* at most 8 px or a shorter text"),
        ("a " * 11, 12, 4, None),
        ("word " * 11, 12, 4, "10 of 11 words .* at most 8 px or lines of at least 6 cells or a shorter text"),
        ("x" * 32, 12, 16, "0 of 1 words .* at most 10 px"),
        ("a", 13, 16, "even, from 6 to 48 px"),
        ("a", 12, 17, "4 to 16 cells"),
    ],
)
def test_what_finds_no_room_is_refused_with_the_sizes_that_fit(text, size_px, columns, said):
    if said is None:
        assert len(typeset(text, size_px, columns).words) == 11
        return
    with pytest.raises(CutError, match=said):
        typeset(text, size_px, columns)
