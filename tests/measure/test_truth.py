"""Maps against marks: closed forms, ties, empty marks, and marks in the coordinates of the source."""

import numpy as np
import pytest

from featcore.errors import InputError
from featcore.inputs.text import read_text
from featcore.measure import truth
from featcore.types import Clip, Units
from featcore.units.grid import cut_grid, place_grid
from featcore.units.plain import cut_words
from featcore.units.tokens import units_of

MASK = np.array([True, False, False, True, False])


def judged(scores, mask=MASK):
    found = truth.localise(np.array(scores, float), truth.of_units(np.array(mask)))
    return found.pointing, found.mass, found.rank


def test_a_map_equal_to_the_mask_is_perfect():
    assert judged(MASK) == (1, 1, 1)


def test_a_map_outside_the_mask_is_worthless():
    assert judged(~MASK) == (0, 0, 0)


def test_by_hand():
    # the top two of 5 3 4 1 -9 are units 0 and 2, of which one is marked; 13 is positive, 6 of it marked
    assert judged([5, 3, 4, 1, -9]) == (1, 6 / 13, 0.5)
    assert judged([1, 3, 4, 5, -9]) == (1, 6 / 13, 0.5)
    assert judged([2, 3, 4, -1, -9]) == (0, 2 / 9, 0)


@pytest.mark.parametrize("height", [0.5, 3])
def test_a_constant_map_gets_exactly_chance_and_never_a_hit(height):
    assert judged(np.full(5, height)) == pytest.approx((0.4, 0.4, 0.4))


@pytest.mark.parametrize("height", [0, -2])
def test_a_map_without_a_positive_score_has_no_mass_and_points_by_chance(height):
    pointing, mass, rank = judged(np.full(5, height))
    assert mass is None
    assert (pointing, rank) == pytest.approx((0.4, 0.4))


def test_ties_count_with_what_a_random_order_would_give():
    # two tied at the top, one of them marked; the second place is then the other one
    assert judged([3, 3, 0, 0, 0]) == (0.5, 0.5, 0.5)
    # first place marked for certain; the second is one of four tied, one of which is marked
    assert judged([3, 1, 1, 1, 1])[2] == pytest.approx((1 + 1 / 4) / 2)


def test_ties_agree_with_drawing_the_order_many_times():
    rng = np.random.default_rng(0)
    scores, mask = rng.integers(0, 3, 12).astype(float), rng.random(12) < 0.4
    k, hits = int(mask.sum()), []
    for _ in range(20_000):
        order = np.lexsort((rng.random(12), -scores))
        hits.append((mask[order[0]], mask[order[:k]].mean()))
    pointing, _, rank = judged(scores, mask)
    assert np.mean(hits, axis=0) == pytest.approx((pointing, rank), abs=0.015)


def test_an_empty_mask_is_undefined_and_never_a_hit():
    found = truth.localise(np.arange(4.0), truth.of_units(np.zeros(4, bool)))
    assert (found.pointing, found.mass, found.rank) == (None, None, None)
    assert found.chance == 0


def test_a_full_mask_tells_nothing_and_says_so_by_its_chance():
    found = truth.localise(np.arange(4.0), truth.of_units(np.ones(4, bool)))
    assert (found.pointing, found.mass, found.rank, found.chance) == (1, 1, 1, 1)


def test_one_unit():
    assert judged([2.0], [True]) == (1, 1, 1)
    assert judged([-2.0], [True]) == (1, None, 1)
    assert judged([2.0], [False]) == (None, None, None)


def test_no_units_at_all_are_undefined():
    found = truth.localise(np.zeros(0), truth.of_units(np.zeros(0, bool)))
    assert (found.pointing, found.chance) == (None, None)


def test_negative_relevance_is_in_neither_part_of_the_mass():
    assert judged([1, 1, -100, -100, 0])[1] == 0.5


def test_scores_of_other_units_and_scores_that_are_no_numbers_are_refused():
    with pytest.raises(InputError, match="do not match"):
        judged(np.ones(4))
    with pytest.raises(InputError, match="no finite number"):
        judged([1, np.nan, 0, 0, 0])


def test_random_maps_get_chance_on_average():
    rng = np.random.default_rng(1)
    mask = rng.random(40) < 0.3
    found = np.array([judged(rng.random(40), mask) for _ in range(20_000)])
    assert found.mean(0) == pytest.approx(np.full(3, mask.mean()), abs=0.012)


# --- marks -----------------------------------------------------------------------------------------------------------


def test_a_box_marks_the_fragments_that_lie_half_inside():
    units = cut_grid((1, 8, 8), (1, 4, 4))
    found = truth.of_boxes(units, (1, 8, 8), [(0, 0, 6, 4)])
    assert found.share.tolist() == [1, 0.5, 0, 0]
    assert found.mask.tolist() == [True, True, False, False]
    assert "50%" in found.rule
    assert truth.of_boxes(units, (1, 8, 8), [(0, 0, 6, 4)], least=0.6).mask.tolist() == [True, False, False, False]
    assert truth.of_boxes(units, (1, 8, 8), [(0, 0, 6, 4)], least=0).mask.sum() == 2, "a share of nothing is no part"


def test_boxes_that_overlap_count_once_and_what_is_outside_is_cut_off():
    units = cut_grid((1, 8, 8), (1, 4, 4))
    found = truth.of_boxes(units, (1, 8, 8), [(-5, -5, 2, 4), (0, 0, 2, 4), (7, 7, 90, 90)])
    assert found.share.tolist() == [0.5, 0, 0, 1 / 16]


def test_a_box_in_pixels_of_the_source_lands_on_the_grid_that_the_model_saw():
    # the model sees the middle 60 of 100 columns as two fragments: 20 to 50 and 50 to 80
    units = place_grid((1, 30, 100), (1, 1, 2), ((0, 1), (0, 30), (20, 80)))
    found = truth.of_boxes(units, (1, 30, 100), [(0, 0, 50, 30)])
    assert found.share.tolist() == [1, 0]
    assert truth.of_boxes(units, (1, 30, 100), [(0, 0, 20, 30)]).share.tolist() == [0, 0], (
        "marked where nothing is seen"
    )


def test_a_mask_over_time_marks_tubelets_by_their_volume():
    units = cut_grid((4, 2, 2), (2, 2, 2))
    mask = np.zeros((4, 2, 2))
    mask[0] = 1
    assert truth.of_mask(units, mask).share.tolist() == [0.5, 0]
    mask[3, 0, 0] = 0.5
    assert truth.of_mask(units, mask).share.tolist() == [0.5, 1 / 16]
    assert truth.of_mask(units, mask[:1]).share.tolist() == [1, 1], "one frame stands for all"


def test_shares_of_fragments_that_tile_add_up_to_what_is_marked():
    rng = np.random.default_rng(2)
    mask = rng.random((4, 6, 9)) < 0.3
    units = cut_grid((4, 6, 9), (2, 3, 3))
    assert truth.of_mask(units, mask).share.sum() * 18 == pytest.approx(mask.sum())


def test_regions_are_marked_by_their_own_pixels():
    regions = np.array([[[0, 0, 1], [1, 1, -1]]])
    units = Units(("t", "y", "x"), np.zeros((2, 3, 2), int), ("a", "b"), regions=regions)
    mask = np.array([[[1, 0, 1], [1, 0, 1]]], bool)
    assert truth.of_mask(units, mask).share.tolist() == [0.5, pytest.approx(2 / 3)]
    assert truth.of_mask(units, mask).mask.tolist() == [True, True]


def test_words_and_characters_mark_the_same_tokens():
    text = "a film  so honest, and keen"
    units, _ = units_of(cut_words(read_text(text)))
    by_word = truth.of_words(units, text, [(2, 4)])
    assert [label for label, m in zip(units.labels, by_word.mask, strict=True) if m] == ["so", "honest", ","]
    start = text.index("so")
    assert truth.of_chars(units, [(start, start + 9)]).mask.sum() == 2
    half = truth.of_chars(units, [(0, 4), (2, 4)])
    assert half.share.tolist()[:2] == [1, 0.5], "overlapping ranges count once"


def test_a_token_with_its_leading_blank_is_marked_by_its_one_letter():
    units = Units(("char",), np.array([[[0, 2]], [[2, 4]]]), ("if", "␣a"))
    assert truth.of_chars(units, [(3, 4)]).mask.tolist() == [False, True]


def test_pieces_without_width_are_never_marked():
    units = Units(("char",), np.array([[[0, 0]], [[0, 2]]]), ("▁", "so"))
    assert truth.of_chars(units, [(0, 2)]).mask.tolist() == [False, True]
    flat = place_grid((1, 1, 4), (1, 2, 2), ((0, 1), (0, 1), (0, 4)))
    assert truth.of_boxes(flat, (1, 1, 4), [(0, 0, 4, 1)]).share.tolist().count(0) == 2


def test_marks_of_the_wrong_kind_are_refused_in_words():
    words, _ = units_of(cut_words(read_text("so it is")))
    patches = cut_grid((1, 8, 8), (1, 4, 4))
    with pytest.raises(InputError, match="have no pixels"):
        truth.of_boxes(words, (1, 8, 8), [(0, 0, 4, 4)])
    with pytest.raises(InputError, match="have no characters"):
        truth.of_chars(patches, [(0, 2)])
    with pytest.raises(InputError, match="the text has 3"):
        truth.of_words(words, "so it is", [(2, 4)])
    with pytest.raises(InputError, match="ends before it begins"):
        truth.of_boxes(patches, (1, 8, 8), [(4, 0, 0, 4)])
    with pytest.raises(InputError, match="1 x 4 x 8"):
        truth.of_mask(patches, np.zeros((1, 4, 8)))


def test_a_picture_marks_by_being_white_and_has_to_be_of_the_same_size():
    def clip(frame):
        return Clip("k", np.repeat(np.array(frame, np.uint8)[None, ..., None], 3, axis=3), np.zeros(1), still=True)

    source = clip([[0, 0], [0, 0]])
    assert truth.pixels_of(clip([[255, 0], [128, 127]]), source).tolist() == [[[True, False], [True, False]]]
    with pytest.raises(InputError, match="The mask 'clip' is 2x1 pixels, the input is 2x2"):
        truth.pixels_of(clip([[255, 0]]), source)
