"""Stages of a real tiny encoder of every modality; what they are, never how fast."""

import gc
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from featcore.encode.device import device_lock
from featcore.errors import Cancelled, NotDefined, UnknownName
from featcore.measure import latency as module
from featcore.measure.latency import latency, left_out
from featcore.types import SAMPLES_NEEDED

QUICK = 0.03


@pytest.mark.parametrize("name", ["bert", "vit", "videomae"])
def test_every_modality_has_the_same_stages(cases: Callable[[str], Any], name: str) -> None:
    case = cases(name)
    found = latency(
        case.encoder, case.source, methods=["saliency", "random"], budget_s=QUICK, reread=lambda: case.source
    )
    stages = [one.stage for one in found]
    assert stages == ["read", "cut", "encode", "attention", "attribution:saliency", "attribution:random", "total"]
    kinds = {one.stage: one.provenance.attention for one in found}
    assert [kinds[stage] for stage in stages[:5]] == ["none", "none", "sdpa", "eager", "sdpa"]
    for one in found:
        assert one.samples_s.dtype == np.float64
        assert len(one.samples_s) >= 1
        assert (one.samples_s > 0).all()
        assert one.first_s > 0
        assert one.stopped in ("precise", "stable", "budget", "count")
        assert one.units == len(case.sample.units)
        assert (one.provenance.device, one.provenance.dtype) == ("cpu", "float32")
        assert one.provenance.threads >= 1
        assert (one.p50_s is None) == (len(one.samples_s) < SAMPLES_NEEDED[50])


def test_the_time_by_the_device_s_own_clock_is_a_stage_apart(
    cases: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no GPU here: the clock is a stand-in that says 1 ms, which no call of ours would be exactly."""

    class Millisecond:
        def start(self) -> None: ...

        def stop(self) -> None: ...

        def seconds(self) -> float:
            return 1e-3

    monkeypatch.setattr(module, "stopwatch", lambda device: Millisecond())
    wall, device = latency(cases("bert").encoder, cases("bert").source, stages=["encode"], budget_s=QUICK)
    assert (wall.stage, device.stage) == ("encode", "encode (device clock)")
    assert set(device.samples_s) == {1e-3} == {device.first_s}
    assert len(wall.samples_s) == len(device.samples_s)
    assert 1e-3 not in wall.samples_s


def test_stages_that_cannot_be_measured_are_absent_and_said_in_words(cases: Callable[[str], Any]) -> None:
    case = cases("bert")
    reasons = left_out(case.encoder)
    assert set(reasons) == {"read", "transfer"}
    assert "nothing is transferred" in reasons["transfer"]
    found = latency(case.encoder, case.source, stages=["transfer", "read", "cut"], budget_s=QUICK)
    assert [one.stage for one in found] == ["cut"]
    assert left_out(case.encoder, ("cut", "read"), reread=lambda: case.source) == {}


def test_unknown_stages_and_methods_are_refused_before_anything_is_timed(
    cases: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "timed", lambda *_: pytest.fail("something was timed"))
    case = cases("bert")
    with pytest.raises(NotDefined, match=r"No stage is called 'decode'. Known: read, cut"):
        latency(case.encoder, case.source, stages=["decode"])
    with pytest.raises(UnknownName, match="No method is called 'ocluson'"):
        latency(case.encoder, case.source, methods=["ocluson"])
    conv = cases("resnet")
    with pytest.raises(NotDefined, match="lacks attention"):
        latency(conv.encoder, conv.source, methods=["attention"])


def test_an_encoder_without_a_classifier_is_timed_too(headless: Any) -> None:
    found = latency(headless.encoder, headless.source, methods=["saliency", "attention"], budget_s=QUICK)
    expected = ["cut", "encode", "attention", "attribution:saliency", "attribution:attention", "total"]
    assert [one.stage for one in found] == expected
    assert found[-2].provenance.attention == "eager"


def test_progress_rises_to_its_end_over_all_stages(cases: Callable[[str], Any]) -> None:
    case, told = cases("bert"), []
    latency(case.encoder, case.source, budget_s=0.2, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert {total for _, total in told} == {400}
    assert told[-1] == (400, 400)


def test_cancelling_leaves_lock_collector_and_encoder_as_they_were(cases: Callable[[str], Any]) -> None:
    case = cases("vit")

    def stop(done: int, total: int) -> None:
        raise Cancelled("stopped by the user")

    with pytest.raises(Cancelled):
        latency(case.encoder, case.source, progress=stop)
    assert gc.isenabled()
    assert _free(case)
    assert case.encoder.encode(case.sample).attention is not None


def test_others_wait_for_the_device_while_a_stage_is_timed(cases: Callable[[str], Any]) -> None:
    case, free = cases("bert"), []
    latency(case.encoder, case.source, stages=["read"], budget_s=QUICK, reread=lambda: free.append(_free(case)))
    assert free
    assert not any(free)
    assert _free(case)


def _free(case: Any) -> bool:
    """Could another thread compute on the device right now?"""
    found = []

    def attempt() -> None:
        lock = device_lock(case.encoder.device)
        found.append(lock.acquire(timeout=0.005))
        if found[0]:
            lock.release()

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return found[0]
