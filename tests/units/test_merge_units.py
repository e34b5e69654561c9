"""Coarser units: the sum of the scores stays, and the extents reach from the first to the last member."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featcore.errors import CutError
from featcore.types import Clip, Text
from featcore.units.grid import cut_grid
from featcore.units.plain import cut_bytes, cut_characters, cut_words
from featcore.units.regions import cut_regions
from featcore.units.tokens import units_of
from featcore.units.words import by_frame, by_grapheme, by_sentence, by_word, in_boxes, merge, merge_scores


def units_and_text(text: str, cut=cut_bytes):
    return units_of(cut(Text("", text)))[0], text


@given(data=st.data(), n=st.integers(1, 30))
@settings(deadline=None)
def test_merging_keeps_the_sum(data, n):
    scores = np.array(data.draw(st.lists(st.integers(-1000, 1000), min_size=n, max_size=n)), float)
    owner = np.array(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)))
    groups = [np.flatnonzero(owner == i) for i in np.unique(owner)]
    merged = merge_scores(scores, groups)
    assert len(merged) == len(groups)
    assert merged.sum() == scores.sum()


@given(text=st.text(max_size=30))
@settings(deadline=None)
def test_every_grouping_of_a_text_holds_every_token_once(text):
    for cut in (cut_bytes, cut_characters, cut_words):
        units, _ = units_and_text(text, cut)
        for group in (by_word, by_grapheme, by_sentence):
            grouping = group(units, text)
            merged = merge(units, grouping.groups, grouping.labels)
            assert len(merged) == len(grouping.groups)
            assert merge_scores(np.ones(len(units)), grouping.groups).sum() == len(units)


def test_tokens_become_words_with_their_own_extents():
    units, text = units_and_text("a 猫é  b")
    words = by_word(units, text)
    merged = merge(units, words.groups, words.labels)
    assert merged.labels == ("a", "␣", "猫é", "␣␣", "b")
    assert merged.extents[2].tolist() == [[2, 4]]
    assert merge_scores(np.arange(10.0), words.groups).tolist() == [0, 1, 2 + 3 + 4 + 5 + 6, 7 + 8, 9]


def test_signed_scores_are_added_and_not_averaged():
    groups = [np.array([0, 2]), np.array([1])]
    assert merge_scores(np.array([1.0, 5.0, -3.0]), groups).tolist() == [-2.0, 5.0]
    assert merge_scores(np.ones((2, 3)), groups).tolist() == [[2.0, 1.0]] * 2


def test_tokens_become_sentences():
    units, text = units_and_text("One two. Three!", cut_words)
    sentences = by_sentence(units, text)
    assert sentences.labels == ("One␣two.", "Three!")
    assert [len(group) for group in sentences.groups] == [3, 2]


def test_tubelets_become_time_slots():
    units = cut_grid((4, 4, 4), (2, 2, 2))
    frames = by_frame(units)
    merged = merge(units, frames.groups, frames.labels, frames.grid)
    assert merged.labels == ("frames 0-1", "frames 2-3")
    assert merged.grid == (2, 1, 1)
    assert merged.extents.tolist() == [[[0, 2], [0, 4], [0, 4]], [[2, 4], [0, 4], [0, 4]]]
    assert by_frame(cut_grid((1, 4, 4), (1, 2, 2))).labels == ("frame 0",)


def test_merged_regions_keep_their_pixels():
    frames = np.zeros((1, 8, 8, 3), np.uint8)
    units = cut_regions(Clip("", frames, np.zeros(1), still=True), 4, 10.0)
    merged = merge(units, [np.arange(len(units))], ["all"])
    assert (merged.regions == 0).all()
    assert merged.kind == "region"


def test_groups_that_lose_or_repeat_a_unit_are_refused_in_words():
    for groups in ([np.array([0])], [np.array([0, 1]), np.array([1])], [np.array([0, 1]), np.array([], int)]):
        with pytest.raises(CutError, match="exactly one group"):
            merge_scores(np.ones(2), groups)
    with pytest.raises(CutError, match="1 groups have 2 labels"):
        merge(cut_grid((1, 1, 1), (1, 1, 1)), [np.array([0])], ["a", "b"])


def test_the_wrong_kind_of_unit_is_refused_in_words():
    units, text = units_and_text("a")
    with pytest.raises(CutError, match="Merge them by word"):
        by_frame(units)
    with pytest.raises(CutError, match="these are fragments"):
        by_word(cut_grid((1, 1, 1), (1, 1, 1)), text)


def test_fragments_belong_to_the_box_they_lie_in():
    units = cut_grid((1, 4, 6), (1, 2, 2))
    boxes = np.array([[[0, 2], [2, 6]], [[2, 4], [0, 2]]])
    assert in_boxes(units, boxes).tolist() == [-1, 0, 0, 1, -1, -1]
    assert in_boxes(units, np.zeros((0, 2, 2), int)).tolist() == [-1] * 6


def test_a_fragment_half_inside_a_box_is_refused():
    with pytest.raises(CutError, match="half inside box 0"):
        in_boxes(cut_grid((1, 4, 6), (1, 2, 2)), np.array([[[0, 2], [1, 4]]]))
