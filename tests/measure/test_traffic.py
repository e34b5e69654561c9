"""Bytes moved and held are those worked out by hand, and the peak is that of PyTorch's own profiler."""

from pathlib import Path
from typing import Any

import pytest
import torch

import featcore as fc
from featcore.measure.traffic import of_call, traffic
from featcore.measure.trial import own

KB = 1024


def test_bytes_are_those_worked_out_by_hand() -> None:
    a, b = torch.ones(16, 16), torch.ones(16, 16)  # 1 KB each
    product = traffic(lambda: a @ b)
    assert (product.moved, product.peak, product.result) == (3 * KB, KB, KB)
    chain = traffic(lambda: (a @ b + 1).t())  # the product is alive while the sum is made; turning moves nothing
    assert (chain.moved, chain.peak, chain.result) == (5 * KB, 2 * KB, KB)
    assert traffic(lambda: a.add_(1)).peak == 0, "in place makes nothing"
    assert traffic(lambda: a.view(-1)).moved == 0


def test_of_a_table_only_rows_that_are_looked_up_are_read_and_what_was_expanded_is_read_once() -> None:
    table, asked = torch.ones(1000, 16), torch.tensor([1, 2])
    assert traffic(lambda: torch.nn.functional.embedding(asked, table)).moved == 2 * 2 * 16 * 4 + 2 * 8
    row = torch.ones(1, 16).expand(16, 16)
    assert traffic(lambda: row + 1).moved == 16 * 4 + KB


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", ["bert", "modernbert", "image-mini", "resnet"])
def test_the_peak_is_that_of_the_profiler(cases: Any, name: str, attention: str) -> None:
    from torch.profiler import ProfilerActivity, profile

    encoder = fc.load(name, "cpu", "float32") if name.endswith("mini") else cases(name).encoder
    trial = own(encoder).repeated(4)
    with encoder.running(attention):
        kept = trial.forward()
        counted = traffic(trial.forward)
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as told:
            kept = trial.forward()
    alive = most = 0
    for event in told.profiler.kineto_results.events():
        if event.name() == "[memory]":
            alive += event.nbytes()
            most = max(most, alive)
    assert counted.result == kept.untyped_storage().nbytes()
    assert counted.peak <= most
    if name != "resnet":  # what convolutions use inside is seen by the profiler only
        assert counted.peak == pytest.approx(most, rel=0.02)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux counts it")
def test_the_host_s_peak_is_that_of_the_call_and_not_of_what_was_before() -> None:
    large = 2**28

    def call() -> torch.Tensor:
        return torch.ones(large, dtype=torch.uint8)

    before = of_call(lambda: torch.ones(1), torch.device("cpu"))["host_peak_bytes"]
    assert of_call(call, torch.device("cpu"))["host_peak_bytes"] >= before + 0.9 * large
    after = of_call(lambda: torch.ones(1), torch.device("cpu"))["host_peak_bytes"]
    assert after < before + 0.5 * large
