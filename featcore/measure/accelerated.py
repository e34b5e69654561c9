"""The two sides of goals that only an accelerator can meet: a captured pass, and a pass against the device's peak."""

from time import perf_counter

import torch
from torch import Tensor

from featcore.encode.base import Encoder
from featcore.encode.device import synchronise
from featcore.errors import NotDefined
from featcore.measure.sides import Sides, alike, bare
from featcore.measure.sweeps import BATCHES
from featcore.measure.trial import Trial, own, work
from featcore.types import Sample, Target

SIDE = 8192
"""Rows and columns of the matrix whose products stand for the peak: large enough for any device."""
FEW = 3
"""Calls before and while batches are compared."""


def captured(encoder: Encoder, sample: Sample, target: Target) -> Sides:
    """A forward pass that is captured once as a CUDA graph and replayed, over the same pass call by call.

    Raises:
        NotDefined: the encoder is on no CUDA device.
    """
    if encoder.device.type != "cuda":
        raise NotDefined(f"Graphs are captured on CUDA; '{encoder.card.name}' is on {encoder.device}.")
    eager, tensors = bare(encoder, sample), encoder.tensors(sample)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(encoder.device):
        apart = torch.cuda.Stream()
        apart.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(apart):  # libraries choose their kernels outside of the graph
            for _ in range(FEW):
                eager()
        torch.cuda.current_stream().wait_stream(apart)
        with torch.inference_mode(), torch.cuda.graph(graph):
            answer = encoder.model(**tensors).logits

    def replayed() -> Tensor:
        graph.replay()
        return answer

    alike(eager(), replayed().double().cpu().numpy(), encoder.dtype)
    return ("eager", eager), ("graph", replayed)


def at_peak(encoder: Encoder, sample: Sample, target: Target, side: int = SIDE) -> Sides:
    """A forward pass at its best batch over one matrix product of as many FLOP in the same number format.

    Their ratio is the inverse of the share of the peak that is reached, as far as such a product reaches the peak.
    """
    trial = best_batch(encoder)
    rows = max(1, round(work(trial)[0] / (2 * side**2)))
    left, right = (torch.randn(n, side, device=encoder.device).to(encoder.dtype) for n in (rows, side))
    made = torch.empty_like(left)

    def product() -> Tensor:
        with torch.inference_mode():
            return torch.mm(left, right, out=made)

    return ("product of as many FLOP", product), (f"forward of {trial.batch} inputs", trial.forward)


def best_batch(encoder: Encoder) -> Trial:
    """Our first sample as often at once as gives the most inputs a second; larger batches than fit are left out."""
    one, rates = own(encoder), dict[int, float]()
    for batch in BATCHES:
        trial = one.repeated(batch)
        try:
            rates[batch] = batch / _seconds(trial)
        except torch.OutOfMemoryError:
            break
    return one.repeated(max(rates, key=rates.__getitem__))


def _seconds(trial: Trial) -> float:
    for _ in range(FEW):
        trial.forward()
    synchronise(trial.encoder.device)
    start = perf_counter()
    for _ in range(FEW):
        trial.forward()
    synchronise(trial.encoder.device)
    return (perf_counter() - start) / FEW
