"""Named suites of measurements; each yields records one at a time, so that a page can draw while it runs.

A record is one line of JSON, as of `featcore.measure.records`. Beyond what every record has, one of a sweep has

    suite            the suite's name
    axis             what grows along the sweep: "tokens", "fragments", "frames", "patch" or "batch"
    axis_value       how much of it here: positions of a text, fragments of a picture or of one clip, frames, the side
                     of a patch in pixels, inputs
    patch            side of a patch in pixels, null for text; along "patch" the picture stays and patches get finer
    series           joins the records of one curve: encoder, axis and variant
    units            tokens or fragments of one input; `tokens` are the positions, special ones included
    batch, frames, height, width      of the call; height and width in pixels, null for text
    weights          "pretrained", or "random" where the checkpoint's table of positions does not allow this size
    flops            FLOP of the whole call (multiply-add = 2); flops_source "formula" or "counter"
    bytes_moved      operands and results of all operators, in bytes; `intensity` is FLOP a byte of it
    activation_peak_bytes             most bytes of results alive at once in the call, without weights and input
    device_alloc_peak_bytes           on CUDA what the allocator held at most, weights and input included; else null
    attention_bytes  bytes of all attention maps of the call, if they are kept (eager attention)
    host_peak_bytes  largest resident size of the process meanwhile, weights and libraries included (Linux; else null)
    weight_bytes     bytes of the weights in their number format
    throughput       inputs a second by the median; throughput_unit "inputs/s"
    p50_s, p50_ci95_s, samples_s, first_s, disturbed, device, device_name ...    as everywhere
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from featcore.encode.base import Encoder
from featcore.explain.base import Progress, silent
from featcore.measure.attributions import attributions
from featcore.measure.ceilings import ceilings
from featcore.measure.convergence import convergence
from featcore.measure.goals import goals
from featcore.measure.records import Record
from featcore.measure.stages import stages
from featcore.measure.sweeps import batch, scaling
from featcore.measure.variants import variants
from featcore.registry import Registry


@dataclass(frozen=True)
class Suite:
    """What a suite is called, what it asks, and how it runs."""

    name: str
    title: str
    records: Callable[..., Iterator[Record]]


SUITES: Registry[Suite] = Registry("suite")


def run(
    name: str, encoders: Sequence[Encoder], budget_s: float = 1.0, progress: Progress = silent, **options: Any
) -> Iterator[Record]:
    """The records of one suite, each as soon as it is measured.

    Each measurement holds its device from its first call to its last; between two others get their turn, and the
    caller does what it likes with the record. Closing the iterator ends the suite.

    Args:
        encoders: loaded ones; what they allow decides which points there are.
        budget_s: seconds of timing one point; warm-up, counting and what the points need come on top.
        progress: called with (hundredths done, hundredths in all), a hundred a point; raise `Cancelled` to stop.
        options: of this suite alone; "scaling" takes `axis`.

    Raises:
        UnknownName: no such suite.
    """
    return SUITES[name].records(encoders, budget_s, progress, **options)


for _suite in (
    Suite("stages", "What each stage costs, from reading the file to the attention of every head", stages),
    Suite("scaling", "How time grows with tokens, fragments, frames, patch size and batch", scaling),
    Suite("batch", "Throughput against batch, and the batch that is enough", batch),
    Suite("variants", "Number formats and kinds of attention against float32 with fused attention, in pairs", variants),
    Suite("goals", "What featcore adds to the libraries below it, in pairs", goals),
    Suite("attribution", "What each method costs, in seconds and in forward passes", attributions),
    Suite("convergence", "How close each sampled attribution comes to its limit, and at what cost", convergence),
    Suite("ceilings", "What this machine can do at most: matrix products and copies, for a roofline", ceilings),
):
    SUITES(_suite)
