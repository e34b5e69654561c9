"""The runs that ship are whole, small, of these weights, and say what an expert asks of them."""

import json

import pytest

import featcore as fc
from featcore.explain import METHODS
from featcore.settings import settings
from featcore.trust.measures import MEASURES
from featcore.trust.sets import SETS
from featcore.trust.shipped import COMPARED, mean_of, numbers, shipped, trust_notes, trust_table, turned_down
from tests.test_pages import ROOT

PATHS = sorted((settings().assets / "records").glob("trust-*.json"))
WEIGHTS = {card.name: card.weights_sha256 for card in fc.encoders()}


def test_every_set_ships_a_run():
    records = shipped(settings().assets)
    assert {record["set"] for record in records} == set(SETS)
    assert [record["set"] for record in records] == sorted((r["set"] for r in records), key=list(SETS).index)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_shipped_run_is_whole_small_and_of_the_weights_that_ship(path):
    record = json.loads(path.read_text())
    assert path.stat().st_size < 60_000
    assert record["complete"]
    assert record["n"] >= 80
    assert record["provenance"]["weights_sha256"] == WEIGHTS[record["encoder"]]
    assert {"centre", "random"} <= {one["name"] for one in record["methods"]}
    assert set(record["measures"]) <= set(MEASURES)
    for one in record["methods"]:
        assert set(one["numbers"]) == set(record["measures"]), "a record of before a measure lacks it throughout"
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


def test_integrated_gradients_and_occlusion_are_clear_of_noise_on_an_encoder_of_every_modality():
    """The whole interval of the paired difference in pointing lies above 0 for both."""
    clear = set()
    for record in shipped(settings().assets):
        over = [numbers(record, method, "pointing")["over_random"] for method in COMPARED]
        if all(low > 0 for _, low, _ in over):
            clear.add(record["modality"])
    assert COMPARED == ("integrated_gradients", "occlusion")
    assert clear == {"text", "image", "video"}


def test_the_table_says_what_is_clear_of_noise_and_what_is_not_told_apart():
    table = trust_table(settings().assets).splitlines()
    for record in shipped(settings().assets):
        for method in COMPARED:
            mean, low, high = (f"{100 * each:+.0f}" for each in numbers(record, method, "pointing")["over_random"])
            said = "clear of 0" if float(low) > 0 else "not told apart"
            lines = [line for line in table if record["title"] in line and f"`{record['encoder']}`" in line]
            assert any(f"| {mean} ({low} to {high}), {said} |" in line for line in lines)


def test_the_readme_holds_the_table_of_the_shipped_records():
    assert trust_table(settings().assets) in (ROOT / "README.md").read_text()


def test_a_measure_that_a_record_lacks_is_not_measured():
    record = {"methods": [{"name": "occlusion", "numbers": {"pointing": {"mean": [0.5, 0.4, 0.6]}}}]}
    assert numbers(record, "occlusion", "infidelity") is mean_of(numbers(record, "occlusion", "infidelity")) is None
    assert mean_of(numbers(record, "occlusion", "pointing")) == [0.5, 0.4, 0.6]


def test_a_method_that_was_turned_down_is_named_with_its_knob():
    record = {"methods": [{"name": "lime", "turned_down": ["sets", 256, 148]}, {"name": "occlusion"}]}
    assert turned_down(record) == ["lime: sets 148 instead of 256, so that one input needs few enough passes."]


def test_a_method_younger_than_a_run_is_not_missed_in_silence():
    """Every method of today is judged, has a reason, or stands in the README as left out of that run."""
    notes = trust_notes(settings().assets)
    assert notes in (ROOT / "README.md").read_text()
    for record in shipped(settings().assets):
        silent = set(METHODS) - {one["name"] for one in record["methods"]} - set(record["not_run"])
        said = [line for line in notes.splitlines() if f"`{record['set']}` with `{record['encoder']}`" in line]
        assert len(said) == (1 if silent else 0)
        assert all(f"`{name}`" in said[0] for name in silent)
