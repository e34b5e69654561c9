"""Tokens know where they lie in the text: in characters, in bytes, in words and in what a person calls a letter."""

import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from featcore.errors import CutError, NotDefined
from featcore.types import Text
from featcore.units.tokens import groups, summary, tokenize, units_of
from tests.units.token_checks import assert_bytes_tile, cut

HARD = "hello é e\u0301 猫 👩‍🚀👍🏽\n\tשלום नमस्ते 🇫🇷  the end "
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            ["the", " ", "hello", "  ", "\n", "\t", "猫", "👩‍🚀", "e\u0301", "שלום", "नि", "▁", "Ġ", "##a", "İ"]
        ),
    ),
    max_size=8,
).map("".join)


@given(text=TEXTS)
@example(text=HARD)
@example(text="<unk>Ġ猫")  # a prepended blank whose trimmed offset lies behind the next token's
@settings(max_examples=60, deadline=None)
def test_byte_level_spans_rebuild_the_text(byte_level, text):
    assert_bytes_tile(cut(text, byte_level))


@given(text=TEXTS)
@example(text=HARD)
@settings(max_examples=60, deadline=None)
def test_byte_fallback_spans_rebuild_the_text(metaspace, text):
    assert_bytes_tile(cut(text, metaspace))


@given(text=TEXTS)
@example(text=HARD)
@settings(max_examples=60, deadline=None)
def test_wordpiece_spans_and_the_gaps_between_rebuild_the_text(wordpiece, text):
    tokens = cut(text, wordpiece)
    rebuilt, reached = "", 0
    for start, stop in tokens.chars[~tokens.special]:
        assert stop > start
        gap = text[reached:start]
        # the normalizer takes off accents and control signs; nothing that a person reads may be lost
        assert all(sign.isspace() or unicodedata.category(sign)[0] in "CMZ" or sign == "\ufffd" for sign in gap), gap
        rebuilt += gap + text[max(start, reached) : stop]
        reached = max(reached, int(stop))
    assert rebuilt + text[reached:] == text


@given(text=TEXTS)
@settings(max_examples=40, deadline=None)
def test_groups_hold_every_unit_exactly_once(wordpiece, text):
    tokens = cut(text, wordpiece)
    for by in ("word", "grapheme"):
        members = np.concatenate([np.zeros(0, int), *groups(tokens, by)])
        assert members.tolist() == np.flatnonzero(~tokens.special).tolist()


@given(text=TEXTS)
@example(text=HARD)
@settings(max_examples=40, deadline=None)
def test_no_two_grapheme_groups_share_a_grapheme(byte_level, text):
    tokens = cut(text, byte_level)
    last = -1
    for group in groups(tokens, "grapheme"):
        touched = tokens.graphemes[group]
        assert touched.min() > last
        last = touched.max()


def test_surfaces_show_blanks_and_keep_the_letters(byte_level):
    tokens = cut("hello hello\n\tx", byte_level)
    assert "".join(tokens.surfaces[1:-1]) == "hello␣hello⏎⇥x"
    assert tokens.surfaces[0] == "<s>"


def test_wordpiece_surfaces_are_the_written_letters_without_marks(wordpiece):
    tokens = cut("Héllo unhappily", wordpiece)
    assert "".join(tokens.surfaces[1:-1]) == "Héllounhappily"
    assert any(string.startswith("##") for string in tokens.strings)


def test_byte_pieces_share_the_character_and_not_the_bytes(gpt2_kind):
    tokens = cut("a猫b", gpt2_kind)
    pieces = np.flatnonzero((tokens.chars == [1, 2]).all(axis=1))
    assert tokens.bytes[pieces].tolist() == [[1, 2], [2, 3], [3, 4]]
    assert [group.tolist() for group in groups(tokens, "grapheme")] == [[1], pieces.tolist(), [5]]


def test_byte_fallback_of_many_characters_is_told_apart(metaspace):
    tokens = cut("the 猫犬", metaspace)
    assert [string for string in tokens.strings if string.startswith("<0x")][:3] == ["<0xE7>", "<0x8C>", "<0xAB>"]
    pieces = tokens.chars[[string.startswith("<0x") for string in tokens.strings]]
    assert pieces.tolist() == [[4, 5]] * 3 + [[5, 6]] * 3


def test_one_emoji_of_many_tokens_is_one_grapheme(gpt2_kind):
    tokens = cut("👩‍🚀", gpt2_kind)
    assert len(tokens) == 2 + 11
    assert [len(group) for group in groups(tokens, "grapheme")] == [11]


def test_words_are_found_by_place_and_not_by_spelling(wordpiece):
    tokens = cut("unhappily  the   the", wordpiece)
    assert tokens.words[~tokens.special].max() == 2
    words = ["".join(tokens.surfaces[i] for i in group) for group in groups(tokens, "word")]
    assert words == ["unhappily", "the", "the"]


def test_a_typed_special_token_is_a_unit(wordpiece):
    tokens = cut("the [SEP] dog", wordpiece)
    assert tokens.strings.count("[SEP]") == 2
    assert tokens.special.sum() == 2


def test_a_mask_that_swallows_its_blanks_leaves_the_others_exact(byte_level):
    tokens = cut("the  <mask> dog 猫", byte_level)
    shown = "".join(tokens.surfaces[i] for i in range(1, 5))
    assert shown.replace("␣", "").startswith("the<mask>d")
    for string, surface in zip(tokens.strings, tokens.surfaces, strict=True):
        assert surface.startswith("␣") or not string.startswith("Ġ") or tokens.text.startswith(surface)
    mask = tokens.strings.index("<mask>")
    assert tokens.chars[mask].tolist() in ([3, 11], [5, 11]), "the tokenizer decides whose the blanks are"
    assert tokens.chars[mask + 1, 0] == 11


def test_a_prepended_blank_has_no_text_and_joins_its_word(metaspace):
    tokens = cut("x猫", metaspace)
    assert tokens.strings[0] == "▁"
    assert tokens.chars[0].tolist() == [0, 0]
    assert tokens.surfaces[0] == "▁"
    assert len(groups(tokens, "word")) == 1
    assert [len(group) for group in groups(tokens, "grapheme")] == [2, 3]


def test_units_leave_the_special_positions_out(wordpiece):
    tokens = cut("the quick", wordpiece)
    units, positions = units_of(tokens)
    assert units.kind == "token"
    assert units.extents.shape == (len(positions), 1, 2)
    assert positions.tolist() == list(range(1, len(tokens) - 1))
    assert units.labels == tokens.surfaces[1:-1]


def test_a_text_without_tokens_has_no_units(wordpiece):
    units, positions = units_of(cut("", wordpiece))
    assert len(units) == len(positions) == 0
    counts = summary(cut(" ", wordpiece))
    assert (counts.tokens, counts.fertility, counts.unknown_share) == (0, None, None)


def test_truncation_counts_the_characters_left_out(wordpiece):
    tokens = cut("the the the dog", wordpiece, 5)
    assert len(tokens) == 5
    assert tokens.left_out == len(" dog")
    counts = summary(tokens)
    assert (counts.words, counts.characters, counts.left_out) == (3, 11, 4)
    assert cut("the the the", wordpiece, 5).left_out == 0
    assert cut("the the ", wordpiece).left_out == 0


def test_truncation_from_the_left_counts_the_beginning(byte_level):
    byte_level.truncation_side = "left"
    try:
        tokens = cut("hello the the", byte_level, 4)
    finally:
        byte_level.truncation_side = "right"
    kept = "".join(tokens.surfaces[1:-1]).replace("␣", " ")
    assert "hello the the".endswith(kept)
    assert tokens.left_out == len("hello the the") - len(kept)
    assert summary(tokens).characters == len(kept)


def test_truncation_inside_a_character_keeps_its_place(gpt2_kind, metaspace):
    tokens = cut("猫猫", gpt2_kind, 2 + 4)
    assert tokens.left_out == 0
    own = tokens.bytes[~tokens.special]
    assert own[:, 1].max() < len("猫猫".encode())
    assert (np.diff(own[:, 0]) > 0).all()
    assert len(cut("猫猫", metaspace, 3)) == 3


def test_unknown_words_are_counted(wordpiece):
    tokens = cut("the 犬 dog 犬", wordpiece)
    assert tokens.unknown.sum() == 2
    counts = summary(tokens)
    assert counts.unknown_words_share == 2 / 4
    assert counts.unknown_share == 2 / counts.tokens
    assert not cut("the [UNK]", wordpiece).unknown.any(), "typed, not unknown"


def test_ratios_are_tokens_over_words_characters_and_bytes(gpt2_kind):
    counts = summary(cut("猫 猫", gpt2_kind))
    assert (counts.tokens, counts.characters, counts.bytes, counts.words) == (7, 3, 7, 2)
    assert (counts.fertility, counts.characters_per_token, counts.bytes_per_token) == (3.5, 3 / 7, 1.0)
    assert counts.as_dict()["positions"] == 9


def test_the_tokenizers_own_ids_are_used_verbatim(wordpiece, byte_level, metaspace):
    for tokenizer in (wordpiece, byte_level, metaspace):
        assert cut(HARD, tokenizer).ids.tolist() == tokenizer(HARD)["input_ids"]


def test_a_tokenizer_without_offsets_is_refused_in_words():
    class Slow:
        is_fast = False
        name_or_path = "slow-one"

    with pytest.raises(NotDefined, match=r"slow-one.*fast tokenizer"):
        tokenize(Text(key="", text="a"), Slow())


def test_half_a_character_is_refused_in_words(wordpiece):
    with pytest.raises(CutError, match=r"Character 1 .*U\+D800"):
        cut("a\ud800", wordpiece)


def test_too_few_positions_are_refused_in_words(wordpiece):
    with pytest.raises(CutError, match=r"2 positions are too few.*3 or more"):
        cut("the", wordpiece, 2)
