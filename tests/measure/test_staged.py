"""Stages as records and back: nothing measured is lost, and what a stranger's record lacks is left out."""

import json
from dataclasses import replace

import numpy as np
import pytest

from featcore.measure.files import checked, flat, read
from featcore.measure.staged import latencies_of, of_latencies, of_stage
from featcore.settings import settings
from tests.draw.conftest import latency


def taken(latencies):
    """Records as another machine reads them: through a line of JSON."""
    return [flat(checked(json.dumps(each), "f", 1), "f") for each in of_latencies(latencies)]


def test_latencies_come_back_from_their_records_with_every_sample():
    made = [latency("read", 7), latency("encode", 31, disturbed="load 5"), latency("encode (device clock)", 31)]
    records = taken(made)
    ((found, own),) = latencies_of(records)
    assert [each.stage for each in found] == [each.stage for each in made]
    for before, after in zip(made, found, strict=True):
        assert after.samples_s == pytest.approx(before.samples_s, abs=0)
        for field in ("warmup", "first_s", "stopped", "units", "disturbed", "p50_s"):
            assert getattr(after, field) == getattr(before, field)
        assert replace(after.provenance, versions=()) == replace(before.provenance, versions=())
    assert own == records
    assert of_stage(own, found[2]) == [records[2]]
    assert records[1]["p90_s"] == pytest.approx(float(np.percentile(made[1].samples_s, 90)))
    assert records[1]["p99_s"] is None, "31 samples do not bound it"


def test_the_same_latencies_are_the_same_records_and_two_stages_are_two():
    one, two = of_latencies([latency("cut"), latency("encode")])
    assert of_latencies([latency("cut")]) == [one]
    assert one["record_id"] != two["record_id"]
    assert one["run_id"] == two["run_id"]


def test_of_two_runs_on_a_machine_the_younger_counts_and_machines_stay_apart():
    first = taken([latency("cut", 9)])[0]
    later = first | {"run_id": "b", "time_utc": "2027-01-01", "n": 5, "samples_s": (1.0,) * 5}
    other = first | {"cpu_model": "Chip"}
    runs = latencies_of([later, first, other])
    assert [len(found[0].samples_s) for found, _ in runs] == [5, 9]


@pytest.mark.parametrize("fault", [{"first_s": None}, {"units": "x"}, {"model_id": None}, {"suite": "scaling"}])
def test_a_record_that_does_not_say_enough_is_left_out(fault):
    assert latencies_of([taken([latency()])[0] | fault]) == []


def test_the_shipped_stages_can_be_drawn():
    from featcore import draw

    paths = sorted((settings().assets / "records").glob("*.jsonl*"))
    runs = latencies_of(flat(record, path.name) for path in paths for record in read(path))
    encoders = {each.provenance.encoder for found, _ in runs for each in found}
    assert {"text-mini", "image-mini", "video-mini"} <= encoders
    assert set(draw.stages([found for found, _ in runs]).table["encoder"]) == encoders
