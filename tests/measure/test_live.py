"""A measurement in the background: followed while it runs, stopped for good, one at a time, its words kept."""

import time

import pytest

from featcore.errors import LimitError
from featcore.measure.live import Bench, Measuring


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.close()


def wait(run: Measuring, until) -> None:
    end = time.monotonic() + 240
    while not until() and time.monotonic() < end:
        time.sleep(0.2)
    assert until(), (run.state, run.message)


def test_records_come_one_by_one_and_a_stop_keeps_them(bench):
    run = bench.start("scaling", ["text-mini"], 1.0)
    with pytest.raises(LimitError, match="Another measurement is under way"):
        bench.start("scaling", ["text-mini"])
    wait(run, lambda: len(run.records()) >= 1)
    assert run.state == "running"
    assert 0 < run.share < 1
    first = run.records()[0]
    assert first["model_id"] == "text-mini"
    assert first["suite"] == "scaling"
    assert isinstance(first["samples_s"], tuple)
    run.stop()
    assert run.state == "stopped"
    kept = run.records()
    assert kept[0] == first
    folder = run.folder
    run.remove()
    assert not folder.exists()
    assert run.records() == kept


def test_a_measurement_that_fails_says_why(bench):
    run = bench.start("scaling", ["text-mini"], 0.0)
    wait(run, lambda: run.state != "running")
    assert run.state == "failed"
    assert "--budget-s" in run.message
    assert run.records() == []
