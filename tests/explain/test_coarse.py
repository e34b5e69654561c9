"""Occlusion from coarse to fine: full occlusion where one slot matters, and as many passes as it said."""

import numpy as np
import pytest

import featcore as fc
from featcore.errors import NotDefined
from featcore.explain.base import make
from featcore.explain.remarks import remarks
from featcore.types import Target
from tests.explain.closed import OnPaper

NAME = "coarse_occlusion"
ANY = Target(0, "a")
CLIPS = ["videomae", "timesformer", "vivit", "vjepa2"]


def one_slot_matters(case, slot):
    """F is the sum of the sines of the embedding in one time slot: nothing else moves it."""
    times, rows, columns = case.sample.units.grid
    own = case.sample.rows.reshape(times, rows * columns)[slot]
    return OnPaper(case.encoder, lambda embedded: embedded[:, own].sin().sum((1, 2))[:, None])


@pytest.mark.parametrize("name", CLIPS)
def test_where_one_slot_matters_it_is_full_occlusion(cases, name):
    case = cases(name)
    for slot in range(case.sample.units.grid[0]):
        model = one_slot_matters(case, slot)
        full = fc.explain(model, case.sample, "occlusion", ANY)
        found = fc.explain(model, case.sample, NAME, ANY, slots=1, block=1)
        assert full.scores.any()
        assert np.allclose(found.scores, full.scores, atol=1e-5)
        assert found.passes < full.passes


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("knobs", [{"slots": 1, "block": 2}, {"slots": 64, "block": 1}, {"slots": 2, "block": 3}])
def test_it_takes_the_passes_that_it_said_beforehand(cases, name, knobs):
    case, told = cases(name), []
    found = fc.explain(case.encoder, case.sample, NAME, 0, lambda *step: told.append(step), **knobs)
    assert found.passes == told[-1][0] == told[-1][1] == make(NAME, **knobs).passes(case.sample)


@pytest.mark.parametrize("name", CLIPS)
def test_with_every_slot_searched_by_single_fragments_it_is_occlusion(cases, name):
    case = cases(name)
    found = fc.explain(case.encoder, case.sample, NAME, 0, slots=64, block=1)
    assert np.allclose(found.scores, fc.explain(case.encoder, case.sample, "occlusion", 0).scores, atol=1e-5)
    assert not remarks(found)


def test_a_fall_is_shared_by_what_was_hidden_together(cases):
    case = cases("videomae")
    times, rows, columns = case.sample.units.grid
    found = fc.explain(case.encoder, case.sample, NAME, 0, slots=1, block=16)
    whole, rest = found.target_score, case.encoder.embed(case.sample).clone()
    rest[:, case.sample.rows[: rows * columns]] = case.encoder.baseline(case.sample)[
        :, case.sample.rows[: rows * columns]
    ]
    fall = whole - float(case.encoder.logits(case.sample, rest)[0, 0])
    slots = found.scores.reshape(times, rows * columns)
    assert np.allclose(slots, slots[:, :1])
    assert slots[0].sum() == pytest.approx(fall, abs=1e-4)
    assert remarks(found) == (
        f"1 of {times} time slots were searched; in each of the others all fragments share one score.",
    )


def test_what_has_no_time_is_refused_in_words_and_not_offered(cases):
    for name in ("bert", "vit"):
        case = cases(name)
        assert NAME not in [method.name for method in fc.methods(case.encoder.card)]
        with pytest.raises(NotDefined, match="needs time"):
            fc.explain(case.encoder, case.sample, NAME, 0)
