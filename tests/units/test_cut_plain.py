"""Cuts that need no vocabulary: words, characters, bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featcore.types import Text
from featcore.units.plain import PLAIN_CUTS, cut_bytes, cut_characters, cut_words
from featcore.units.tokens import groups, summary, units_of


def text(content: str) -> Text:
    return Text(key="", text=content)


@given(content=st.text())
@settings(deadline=None)
def test_bytes_and_characters_rebuild_the_text(content):
    raw = content.encode()
    for cut in (cut_bytes, cut_characters):
        tokens = cut(text(content))
        assert b"".join(raw[start:stop] for start, stop in tokens.bytes) == raw
    assert bytes(cut_bytes(text(content)).ids.tolist()) == raw
    assert "".join(cut_characters(text(content)).strings) == content


@given(content=st.text())
@settings(deadline=None)
def test_words_and_the_blanks_between_rebuild_the_text(content):
    reached = 0
    for start, stop in cut_words(text(content)).chars:
        assert not content[reached:start].strip()
        assert stop > start
        reached = stop
    assert not content[reached:].strip()


def test_words_keep_apostrophes_and_marks_and_part_with_punctuation():
    tokens = cut_words(text("Don't stop, naïve cafe\u0301: नमस्ते 👩‍🚀! stop"))
    assert tokens.strings == ("Don't", "stop", ",", "naïve", "cafe\u0301", ":", "नमस्ते", "👩‍🚀", "!", "stop")
    assert tokens.ids.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 1]


def test_ids_are_code_points_and_byte_values():
    assert cut_characters(text("a猫")).ids.tolist() == [ord("a"), ord("猫")]
    tokens = cut_bytes(text("a猫"))
    assert tokens.ids.tolist() == [0x61, 0xE7, 0x8C, 0xAB]
    assert tokens.chars.tolist() == [[0, 1], [1, 2], [1, 2], [1, 2]]
    assert tokens.strings[1] == "<0xE7>"
    assert [len(group) for group in groups(tokens, "grapheme")] == [1, 3]


@pytest.mark.parametrize("name", PLAIN_CUTS)
def test_every_plain_cut_gives_units_and_a_summary(name):
    tokens = PLAIN_CUTS[name](text("the 猫\n"))
    units, positions = units_of(tokens)
    assert tokens.tokenizer == name
    assert len(units) == len(positions) == len(tokens) == summary(tokens).tokens
    assert len(PLAIN_CUTS[name](text(""))) == 0


def test_fertility_of_bytes_is_the_length_of_a_word():
    assert summary(cut_bytes(text("abcd"))).fertility == 4
    assert summary(cut_words(text("ab cd"))).fertility == 1
