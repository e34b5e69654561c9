"""A variant is what its name says, and nothing else changes."""

import pytest

from featcore.errors import InputError, UnknownName
from featcore.inputs.variants import VARIANTS, vary

TEXT = "This movie is not good, but It isn't Dull."


@pytest.mark.parametrize("seed", range(20))
def test_a_mistyped_text_differs_in_one_letter_of_a_longer_word_and_keeps_its_capital(seed):
    wrong = vary(TEXT, "mistyped", seed)
    places = [i for i, (a, b) in enumerate(zip(TEXT, wrong, strict=True)) if a != b]
    assert len(places) == 1
    at = places[0]
    assert wrong[at].isalpha()
    assert wrong[at].isupper() == TEXT[at].isupper()
    words = [
        word for word in ("This", "movie", "good", "Dull") if TEXT.index(word) <= at < TEXT.index(word) + len(word)
    ]
    assert len(words) == 1


@pytest.mark.parametrize("seed", range(20))
def test_shuffling_keeps_every_word_and_changes_the_order(seed):
    moved = vary(TEXT, "shuffled", seed)
    assert sorted(moved.split()) == sorted(TEXT.split())
    assert moved.split() != TEXT.split()


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("This movie is not good.", "This movie is good."),
        ("Not bad, NOT bad", "bad, bad"),
        ("It isn't fun and it’s n’t long", "It is fun and it’s  long"),
        ("I can't, won't and CANNOT; Won't", "I can, will and CAN; Will"),
        ("Notes are knots, not", "Notes are knots, "),
    ],
)
def test_deleting_not_deletes_nothing_else(text, without):
    assert vary(text, "without_not") == without


def test_a_text_as_typed_is_the_text_and_every_variant_repeats_with_its_seed():
    assert vary(" two  blanks ", "typed") == " two  blanks "
    for variant in VARIANTS:
        assert vary(TEXT, variant, 3) == vary(TEXT, variant, 3)
    assert len({vary(TEXT, "mistyped", seed) for seed in range(20)}) > 10


@pytest.mark.parametrize(
    ("text", "variant", "said"),
    [
        ("All good", "without_not", "no 'not'"),
        ("to be or", "mistyped", "four letters"),
        ("so so so", "shuffled", "two different"),
    ],
)
def test_a_text_that_cannot_be_changed_so_is_refused_in_words(text, variant, said):
    with pytest.raises(InputError, match=said):
        vary(text, variant)


def test_an_unknown_variant_is_answered_with_the_known_ones():
    with pytest.raises(UnknownName, match="typed, mistyped, shuffled, without_not"):
        vary("a", "upside_down")
