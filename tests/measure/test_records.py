"""Records hold what is needed to repeat a measurement, survive a file, and are read from any machine or refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from featcore.errors import InputError
from featcore.measure import records
from featcore.measure.pairs import compare
from featcore.measure.timer import timed
from featcore.types import median_interval


@pytest.fixture(scope="module")
def real(cases):
    """A real encode of a tiny BERT, timed a little."""
    case = cases("bert")
    timing = timed(lambda: case.encoder.encode(case.sample, attention=False), budget_s=1.0, most=12)
    more = records.of_encoder(case.encoder, "sdpa") | records.of_size(len(case.sample.sequence))
    return records.of_timing(timing, "total", "encode", records.new_run(), **more), timing


def test_a_record_keeps_every_sample_and_says_no_percentile_it_cannot(real, tmp_path):
    record, timing = real
    path = tmp_path / "deep" / "records.jsonl"
    records.write(path, [record])
    records.write(path, [record])
    assert path.read_text().count("\n") == 2, "appended, one line each"
    (found, again) = records.read(path)
    assert found == again == record
    assert found["samples_s"] == pytest.approx(timing.samples_s, rel=1e-5)
    interval = median_interval(timing.samples_s)
    assert found["p50_ci95_s"] == (None if interval is None else list(interval))
    assert found["p50_s"] == (np.median(timing.samples_s) if len(timing.samples_s) >= 5 else None)
    assert found["p90_s"] is None, "12 samples bound no p90"


def test_a_record_names_what_is_needed_to_repeat_it(real):
    record, _ = real
    for field in ("run_id", "time_utc", "weights_sha256", "cpu_model", "isa", "torch", "transformers", "affinity"):
        assert record[field], field
    assert record["threads_intra"] == 2
    assert (record["device"], record["dtype"], record["attn_impl"]) == ("cpu", "float32", "sdpa")
    assert record["stop_reason"] in ("precise", "stable", "budget", "count")
    assert record["git_commit"] is None or len(record["git_commit"]) == 40


class Clock:
    """A clock that only moves when work is done; work wanders by a tenth, so that blocks differ."""

    def __init__(self):
        self.now, self.rng = 0.0, np.random.default_rng(0)

    def __call__(self):
        return self.now

    def work(self, seconds):
        def run():
            self.now += seconds * self.rng.uniform(0.95, 1.05)

        return run


def test_a_pair_is_three_records_that_name_each_other(tmp_path):
    clock = Clock()
    found = compare("work", ("few", clock.work(0.03)), ("many", clock.work(0.09)), clock=clock, most=20)
    path = tmp_path / "records.jsonl"
    records.write(path, records.of_pair(found, "total", records.new_run()))
    a, b, ratio = records.read(path)
    assert (ratio["baseline_record"], ratio["compared_record"]) == (a["record_id"], b["record_id"])
    assert a["pair_id"] == b["pair_id"] == ratio["pair_id"]
    assert (a["variant"], b["variant"]) == ("few", "many")
    assert (ratio["verdict"], found.verdict) == ("slower", "slower")
    assert len(set(ratio["ratios"])) == len(found.ratios) >= 16, "every block is kept as it was"
    assert ratio["ratio_ci95"][0] <= ratio["ratio_p50"] <= ratio["ratio_ci95"][1]
    recomputed = np.array(b["samples_s"]) / np.array(a["samples_s"])
    assert ratio["ratios"] == pytest.approx(recomputed, rel=1e-4), (
        "the ratio can be worked out again from the raw samples"
    )


def test_a_record_of_another_machine_is_read_with_fields_of_its_own(real, tmp_path):
    theirs = real[0] | {"cpu_model": "Their CPU", "gpu": "Their GPU", "device": "cuda", "a_field_of_theirs": 3}
    records.write(tmp_path / "ours.jsonl", [real[0]])
    records.write(tmp_path / "theirs.jsonl", [theirs])
    _, found = records.read(tmp_path / "ours.jsonl", tmp_path / "theirs.jsonl")
    assert found["a_field_of_theirs"] == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, r"Line 2 of 'bad.jsonl' is no JSON"),
        ({"samples_s": None}, "samples_s must be"),
        ({"samples_s": [0.1, -1.0]}, "samples_s must be"),
        ({"n": 3}, "samples_s must be 3"),
        ({"schema_version": 99}, "is of schema 99"),
    ],
)
def test_a_line_that_is_no_record_is_named(real, tmp_path, change, words):
    path = tmp_path / "bad.jsonl"
    bad = "{" if change is None else json.dumps(real[0] | change)
    path.write_text(json.dumps(real[0]) + "\n" + bad + "\n")
    with pytest.raises(InputError, match=words):
        records.read(path)


def test_other_files_are_refused_in_words(tmp_path: Path):
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n[1]\n')
    with pytest.raises(InputError, match=r"Line 1 of 'x.jsonl' is no record of a measurement: it lacks schema_version"):
        records.read(tmp_path / "x.jsonl")
    with pytest.raises(InputError, match="cannot be read as records"):
        records.read(tmp_path / "absent.jsonl")


def test_a_compressed_file_is_read_as_any_other_and_keeps_what_was_measured_before_an_error(real, tmp_path):
    path = tmp_path / "records.jsonl.gz"
    with records.writing(path) as keep:
        for _ in range(50):
            keep(real[0])

    def stopped() -> None:
        with records.writing(path) as keep:
            keep(real[0] | {"stage": "last"})
            raise InputError("stopped")

    with pytest.raises(InputError, match="stopped"):
        stopped()
    found = records.read(path)
    assert [record["stage"] for record in found] == ["total"] * 50 + ["last"]
    assert path.stat().st_size < 10_000 < 51 * len(json.dumps(real[0]))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="cannot be read as records"):
        records.read(path)
    with records.writing(None) as keep:
        keep(real[0])
