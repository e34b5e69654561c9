"""Every two maps of one input are held against each other, in numbers that are known beforehand."""

import json

import numpy as np
import pytest

from featcore.compare.agreement import NORMAL
from featcore.trust.agreements import ATTENTION, agreement_record, agreements
from featcore.types import Attribution, Provenance, Target
from featcore.units.grid import cut_grid

MADE = Provenance("mini", "r", "w", "cpu", "float32", "sdpa", 1, (), "2026-01-01T00:00:00")
UNITS = cut_grid((1, 20, 1), (1, 1, 1))


def attribution(scores, method="occlusion", explains=True):
    return Attribution(UNITS, np.asarray(scores, float), Target(0, "a") if explains else None, method, (), True, MADE)


MAPS = {
    "occlusion": attribution(np.arange(20)),
    "saliency": attribution(-np.arange(20), "saliency"),
    "attention": attribution(np.arange(20) ** 2, "attention", explains=False),
    "centre": attribution(np.ones(20), "centre", explains=False),
}


def test_every_two_maps_are_a_pair_once():
    pairs = agreements(MAPS)
    assert len(pairs) == 4 * 3 / 2
    assert pairs["occlusion", "saliency"].rho == pytest.approx(-1)
    assert pairs["occlusion", "attention"].rho == pytest.approx(1), "the order is the same"
    assert agreements({"occlusion": MAPS["occlusion"]}) == {}


def test_the_record_has_the_null_of_every_shift_and_the_overlap_with_its_chance():
    record = json.loads(json.dumps(agreement_record(MAPS), allow_nan=False))
    assert record["normal"] == NORMAL
    one = next(pair for pair in record["pairs"] if pair["other"] == "attention" and pair["one"] == "occlusion")
    rising = np.arange(20.0)
    shifted = [np.corrcoef(rising, np.roll(rising, by))[0, 1] for by in range(1, 20)]
    assert one["null"] == pytest.approx(np.quantile(shifted, (0.025, 0.975)).tolist())
    assert (one["shifts"], one["clear"], one["share"]) == (19, True, 1 / 20)
    assert (one["top"], one["overlap"]) == (2, 1)
    # Of 190 pairs one is the same, 36 share a unit: (1 + 36 / 3) / 190.
    assert one["by_chance"] == pytest.approx(13 / 190)


def test_attention_with_attribution_is_told_from_other_pairs():
    kinds = {(pair["one"], pair["other"]): pair["kind"] for pair in agreement_record(MAPS)["pairs"]}
    assert kinds["saliency", "attention"] == kinds["occlusion", "attention"] == ATTENTION
    assert kinds["occlusion", "saliency"] == ""
    assert kinds["attention", "centre"] == "with a floor"


def test_a_pair_with_a_constant_map_has_a_reason_and_no_number():
    pair = next(pair for pair in agreement_record(MAPS)["pairs"] if pair["other"] == "centre")
    assert (pair["rho"], pair["null"], pair["overlap"]) == (None, None, None)
    assert "constant" in pair["why"]
