"""The runs that ship are whole, small, of these weights, and say what an expert asks of them."""

import json

import pytest

import featcore as fc
from featcore.settings import settings
from featcore.trust.run import MEASURES
from featcore.trust.sets import SETS
from featcore.trust.shipped import shipped, trust_table

PATHS = sorted((settings().assets / "records").glob("trust-*.json"))
WEIGHTS = {card.name: card.weights_sha256 for card in fc.encoders()}


def test_every_set_ships_a_run():
    records = shipped(settings().assets)
    assert {record["set"] for record in records} == set(SETS)
    assert [record["set"] for record in records] == sorted((r["set"] for r in records), key=list(SETS).index)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_shipped_run_is_whole_small_and_of_the_weights_that_ship(path):
    record = json.loads(path.read_text())
    assert path.stat().st_size < 30_000
    assert record["complete"]
    assert record["n"] >= 80
    assert record["provenance"]["weights_sha256"] == WEIGHTS[record["encoder"]]
    assert {"centre", "random"} <= {one["name"] for one in record["methods"]}
    for one in record["methods"]:
        assert set(one["numbers"]) == set(MEASURES)
        for found in one["numbers"].values():
            assert found["mean"][1] <= found["mean"][0] <= found["mean"][2]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_floor_that_is_chance_agrees_with_chance(path):
    """A map of noise has to get |M| / n in all three; 99.9 % of the normal is 3.3 standard errors."""
    record = json.loads(path.read_text())
    noise = next(one for one in record["methods"] if one["name"] == "random")["numbers"]
    for measure in ("pointing", "mass", "rank"):
        mean, low, high = noise[measure]["mean"]
        assert abs(mean - record["chance"][0]) < 3.3 * (high - low) / (2 * 1.96)


def test_the_table_names_a_winner_for_every_run():
    assert trust_table(settings().assets).count("\n") == 1 + len(PATHS)
