"""Places in a raw text: words, sentences, graphemes and bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featcore.errors import CutError
from featcore.units.spans import (
    byte_starts,
    grapheme_spans,
    index_of,
    sentence_spans,
    visible,
    word_spans,
)


@given(text=st.text())
@settings(deadline=None)
def test_byte_starts_are_those_of_utf8(text):
    assert byte_starts(text).tolist() == [len(text[:i].encode()) for i in range(len(text) + 1)]


@given(text=st.text())
@settings(deadline=None)
def test_graphemes_and_sentences_tile_the_text(text):
    for spans in (grapheme_spans(text), sentence_spans(text)):
        assert "".join(text[start:stop] for start, stop in spans) == text
        assert all(stop > start for start, stop in spans)


@given(text=st.text())
@settings(deadline=None)
def test_words_are_those_of_split(text):
    assert [text[start:stop] for start, stop in word_spans(text)] == text.split()


def test_what_a_person_calls_a_character_is_one_grapheme():
    assert [stop - start for start, stop in grapheme_spans("e\u0301👩‍🚀👍🏽🇫🇷\r\nनि")] == [2, 3, 2, 2, 2, 2]


def test_sentences_end_behind_marks_and_new_lines():
    text = 'He said "no." Was 3.5 more?! Yes\n\n今日は。いい天気。 end'
    sentences = [text[start:stop].strip() for start, stop in sentence_spans(text)]
    assert sentences == ['He said "no."', "Was 3.5 more?!", "Yes", "今日は。", "いい天気。", "end"]


def test_an_extent_belongs_to_the_first_span_it_touches():
    spans = word_spans("ab  cd")
    chars = np.array([[0, 1], [1, 5], [2, 4], [3, 5], [4, 4], [3, 3], [6, 6]])
    assert index_of(chars, spans).tolist() == [0, 0, -1, 1, 1, -1, -1]
    assert index_of(chars, word_spans("")).tolist() == [-1] * 7


def test_blanks_are_made_visible():
    assert visible(" a\n\tb\r") == "␣a⏎⇥b␍"


def test_half_a_character_is_refused_in_words():
    with pytest.raises(CutError, match=r"Character 2 .*U\+DC00.*Remove it"):
        byte_starts("ab\udc00")
