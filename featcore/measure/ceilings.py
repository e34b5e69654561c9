"""What this machine can do at most, measured: the two roofs of a roofline (Williams et al. 2009).

Source: doi:10.1145/1498765.1498785.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from featcore.encode.base import Encoder
from featcore.encode.device import describe, device_lock, dtype_name, pick_device, synchronise
from featcore.explain.base import Progress, silent
from featcore.measure import records
from featcore.measure.latency import StageProgress
from featcore.measure.quiet import watch
from featcore.measure.records import Record
from featcore.measure.stream import stopwatch
from featcore.measure.timer import timed

SIDES = (512, 1024, 2048)
"""Rows and columns of the matrices; the best of these sizes is the roof."""
DTYPES = (torch.float32, torch.bfloat16)
COPIED = 2**27
"""Bytes of the buffer that is copied: beyond the last cache of most machines."""
MOST = 100


def ceilings(encoders: Sequence[Encoder], budget_s: float, progress: Progress = silent) -> Iterator[Record]:
    """Matrix products and a copy on the encoders' devices, or, without encoders, on the device that would be chosen.

    A record of a product has `flops` and `best_flops_s`, one of a copy `bytes_moved` (read and written) and
    `best_bytes_s`: those of the fastest call, since a roof is what can be reached. `roof_id` names device and number
    format; `achieved_flops_s` and `achieved_bytes_s` are those of the median.
    """
    run_id = records.new_run()
    devices = list(dict.fromkeys(encoder.device for encoder in encoders)) or [pick_device()]
    points = [(device, dtype, side) for device in devices for dtype in DTYPES for side in SIDES]
    total = len(points) + len(devices)
    for index, (device, dtype, side) in enumerate(points):
        left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        name, call = dtype_name(dtype), partial(torch.mm, left, right, out=torch.empty_like(left))
        record = _timed(call, device, budget_s, f"matmul {name}", run_id, StageProgress(progress, index, total))
        flop = 2 * side**3
        record |= records.of_work(flop, "formula", record["p50_s"])
        record |= {"dtype": name, "axis": "side", "axis_value": side, "best_flops_s": flop / record["min_s"]}
        yield record | {"bytes_moved": 3 * left.nbytes, "roof_id": f"{describe(device)}, {name}"}
    for index, device in enumerate(devices, len(points)):
        source = torch.ones(COPIED, dtype=torch.uint8, device=device)
        call = partial(torch.empty_like(source).copy_, source)
        record = _timed(call, device, budget_s, "copy", run_id, StageProgress(progress, index, total))
        moved, median_s = 2 * COPIED, record["p50_s"]
        record |= {"bytes_moved": moved, "best_bytes_s": moved / record["min_s"], "roof_id": describe(device)}
        yield record | {"achieved_bytes_s": moved / median_s if median_s else None}
    progress(100 * total, 100 * total)


def _timed(
    call: Callable[[], Any], device: torch.device, budget_s: float, variant: str, run_id: str, tell: StageProgress
) -> Record:
    with device_lock(device).alone("ceiling"), torch.inference_mode():
        disturbed = watch()
        timing = timed(call, partial(synchronise, device), budget_s, MOST, tell, watch=stopwatch(device))
        words = disturbed()
    return records.of_timing(
        timing, "ceiling", variant, run_id, words, device=str(device), device_name=describe(device), suite="ceilings"
    )
