"""Words, superpixels and time slots as players: games on paper whose values are known, spread evenly over units."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
import torch

import featcore as fc
from featcore.errors import NotDefined
from featcore.explain.base import make
from featcore.explain.game import PLAYERS, players_of
from featcore.explain.remarks import remarks
from featcore.types import Target
from featcore.units.coarser import LEVELS, coarser, regrouped
from pages.ui.choose import _without_strange_parts
from tests import tiny
from tests.explain.closed import OnPaper

ANY = Target(0, "a")
METHODS = {"random_masks": {}, "lime": {}, "kernel_shap": {}, "shapley_sampling": {"orders": 3}}
PARTS = [("bert", "word"), ("bert", "sentence"), ("vit", "superpixel"), ("vit", "region")]
PARTS += [("videomae", "frame"), ("videomae", "clip")]


def on_paper(case, worth):
    """An encoder whose logit is the worth of the set of units that are there, Bool[b n] to Float[b]."""
    whole, blank = case.encoder.embed(case.sample), case.encoder.baseline(case.sample)

    def answer(embedded):
        there = (embedded - whole).abs().sum(-1) < (embedded - blank).abs().sum(-1)
        return torch.from_numpy(worth(there[:, case.sample.rows].numpy())).float()[:, None]

    return OnPaper(case.encoder, answer)


def shapley(n, worth):
    """Shapley values of a game of n players by their definition, from all its sets."""
    values = np.zeros(n)
    for player in range(n):
        others = [one for one in range(n) if one != player]
        for size in range(n):
            for kept in combinations(others, size):
                added = worth({*kept, player}) - worth({*kept})
                values[player] += added / (n * comb(n - 1, size))
    return values


def test_values_of_words_are_the_shapley_values_of_the_game_of_words(cases):
    """Words count alone and in pairs; the pairs of sets that KernelSHAP draws make it exact for such a game."""
    case = cases("bert")
    groups = players_of(case.sample, "word")
    n = len(groups)
    assert n < len(case.sample.units), "some words are several tokens"
    rng = np.random.default_rng(0)
    alone, pairs = rng.normal(size=n), np.triu(rng.normal(size=(n, n)), 1)

    def worth(kept):
        words = np.array([player in kept for player in range(n)], float)
        return float(alone @ words + words @ pairs @ words)

    def of_units(there):
        return np.array([worth({player for player, units in enumerate(groups) if row[units].all()}) for row in there])

    found = fc.explain(on_paper(case, of_units), case.sample, "kernel_shap", ANY, players="word", sets=256)
    words = [found.scores[units] for units in groups]
    assert [part.sum() for part in words] == pytest.approx(shapley(n, worth), abs=2e-3)
    assert all(part == pytest.approx(part.mean()) for part in words), "units of one word share evenly"
    assert found.completeness_gap < 1e-3
    assert remarks(found) == ("Each word was hidden or kept whole; its units share its score evenly.",)


@pytest.mark.parametrize(("name", "level"), PARTS)
@pytest.mark.parametrize("method", ["kernel_shap", "shapley_sampling"])
def test_in_a_sum_of_units_a_player_is_worth_its_units(cases, name, level, method):
    case = cases(name)
    terms = np.linspace(-1, 2, len(case.sample.units))
    found = fc.explain(on_paper(case, lambda there: there @ terms), case.sample, method, ANY, players=level)
    units, groups = coarser(case.sample.units, case.sample.source, level)
    assert regrouped(found, units, groups).scores == pytest.approx([terms[one].sum() for one in groups], abs=2e-3)
    assert found.scores.sum() == pytest.approx(found.target_score - found.baseline_score, abs=2e-3)
    assert found.passes == make(method, players=level).passes(case.sample)


@pytest.mark.parametrize("method", METHODS)
def test_where_each_word_is_one_token_words_play_as_units_do(cases, method):
    encoder = cases("bert").encoder
    sample = encoder.prepare(tiny.text("the film is not bad"))
    assert len(players_of(sample, "word")) == len(sample.units) == 5
    units, words = (fc.explain(encoder, sample, method, 0, players=who, **METHODS[method]) for who in ("unit", "word"))
    assert np.allclose(units.scores, words.scores, atol=1e-6)
    assert not remarks(units)


def test_sets_are_counted_against_players_and_not_against_units(cases):
    case = cases("videomae")
    n, slots = len(case.sample.units), case.sample.units.grid[0]
    assert slots + 2 < n
    with pytest.raises(NotDefined, match=f"for {n} units"):
        fc.explain(case.encoder, case.sample, "kernel_shap", 0, sets=slots + 2)
    with pytest.raises(NotDefined, match=rf"for {slots} frames.*as many sets as frames.*sets of {slots + 2} or more"):
        fc.explain(case.encoder, case.sample, "kernel_shap", 0, sets=slots + 1, players="frame")
    found = fc.explain(case.encoder, case.sample, "kernel_shap", 0, sets=slots + 2, players="frame")
    assert found.passes == slots + 2, "the empty and the whole set are among them"


@pytest.mark.parametrize("name", ["bert", "vit"])
def test_players_can_be_left_out_of_the_sequence(cases, name):
    case = cases(name)
    level = LEVELS[case.encoder.card.modality][1]
    found = fc.explain(case.encoder, case.sample, "kernel_shap", 0, players=level, hiding="left out")
    assert found.scores.sum() == pytest.approx(found.target_score - found.baseline_score, abs=1e-3)
    for units in players_of(case.sample, level):
        assert found.scores[units] == pytest.approx(found.scores[units].mean())


@pytest.mark.parametrize("method", METHODS)
def test_parts_that_an_input_does_not_have_are_refused_with_those_that_it_has(cases, method):
    for name, known in (("bert", "unit, word, sentence"), ("vit", "unit, superpixel, region")):
        with pytest.raises(NotDefined, match=f"has no 'frame' that could be hidden. Known: {known}"):
            fc.explain(cases(name).encoder, cases(name).sample, method, 0, players="frame")


def test_a_page_offers_the_parts_that_all_its_inputs_have(cases):
    text, picture = cases("bert").encoder.card, cases("vit").encoder.card
    assert _without_strange_parts(PLAYERS, [text]) == ["unit", "word", "sentence"]
    assert _without_strange_parts(PLAYERS, [text, picture]) == ["unit"]
    assert _without_strange_parts(("mean", "square"), [text, picture]) == ["mean", "square"]
