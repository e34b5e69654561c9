"""Word scores are sums of unit scores: nothing is lost, and a word is the same word for tokens and for patches."""

import numpy as np
import pytest

import featcore as fc
from featcore.compare.words import per_word
from featcore.inputs.page import typeset
from featcore.types import Target
from featcore.units.spans import word_index
from featcore.units.words import in_boxes

POSITIVE = Target(1, "positive", "difference", against=0)
TEXT = "This unwatchable movie is not good."


def test_words_sum_their_units_and_what_is_in_no_word_is_kept_apart():
    found = per_word(np.array([1.0, -2.0, 0.5, 4.0]), np.array([1, 1, -1, 0]), ("a", "b", "c"))
    assert found.scores.tolist() == [4.0, -1.0, 0.0]
    assert found.units.tolist() == [1, 2, 0]
    assert found.outside == 0.5
    assert found.shares.tolist() == [0.8, -0.2, 0.0]
    assert per_word(np.zeros(1), np.array([0]), ("a",)).shares.tolist() == [0.0]


@pytest.mark.parametrize("layout", [(12, 16), (12, 9), (8, 16)])
def test_word_scores_of_a_picture_add_up_to_what_the_answer_changed(layout):
    page = typeset(TEXT, *layout)
    encoder = fc.load("pixel-mini")
    sample = encoder.prepare(page.clip)
    found = fc.explain(encoder, sample, "integrated_gradients", POSITIVE, steps=32)
    owner = in_boxes(sample.units, page.boxes)
    words = per_word(found.scores, owner, page.words)
    assert words.scores.sum() + words.outside == pytest.approx(found.scores.sum(), abs=1e-9)
    change = found.target_score - found.baseline_score
    assert words.scores.sum() == pytest.approx(change + found.convergence_delta, abs=1e-4)
    assert words.outside == pytest.approx(0, abs=1e-6), "empty paper is the baseline itself"
    assert words.scores[2] == pytest.approx(found.scores[owner == 2].sum())
    assert np.count_nonzero(words.scores) == 6


def test_word_scores_of_tokens_add_up_to_what_the_answer_changed():
    encoder = fc.load("text-mini")
    sample = encoder.prepare(fc.read_text(TEXT))
    found = fc.explain(encoder, sample, "integrated_gradients", POSITIVE, steps=32)
    words = per_word(found.scores, word_index(TEXT, sample.units.extents[:, 0]), tuple(TEXT.split()))
    assert words.outside == 0
    assert words.units.sum() == len(sample.units) > 6, "a rare word has several tokens, and the full stop is one"
    change = found.target_score - found.baseline_score
    assert words.scores.sum() == pytest.approx(change + found.convergence_delta, abs=1e-4)


def test_drawing_one_word_differently_changes_what_the_encoder_gets_of_its_patches_only():
    encoder = fc.load("pixel-mini")
    pages = [typeset(TEXT.replace("movie", word)) for word in ("movie", "comic")]
    samples = [encoder.prepare(page.clip) for page in pages]
    rows = [encoder.embed(sample)[0].numpy()[sample.rows] for sample in samples]
    changed = (rows[0] != rows[1]).any(1)
    owner = in_boxes(samples[0].units, pages[0].boxes)
    assert set(owner[changed]) == {2}
    assert changed.sum() == 3, "five letters are three patches"
