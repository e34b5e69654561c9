"""What else the machine did during a measurement, in words: load, other programs, time taken by the host."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

STAT = Path("/proc/stat")
OTHERS = 0.10
"""Share of the processors' time used by other programs that is no longer quiet."""
STEAL = 0.01
"""Share of the processors' time taken by the host of a virtual machine that is no longer quiet."""


@dataclass(frozen=True)
class Moment:
    """Counters of the machine at one moment; load and processor times are None where the system does not tell.

    Attributes:
        own_s: processor seconds of this process so far.
        load: programs that were ready to run, mean of the last minute, over the whole machine.
        busy, steal, total: ticks of the processors this process may use.
    """

    time_s: float
    own_s: float
    load: float | None = None
    busy: int | None = None
    steal: int = 0
    total: int = 0


def moment() -> Moment:
    """Read the counters now."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Moment(perf_counter(), process_time(), load, *_ticks())


def watch() -> Callable[[], str]:
    """Start watching; the function returned says why the machine was not quiet since then, "" when it was."""
    before = moment()
    return lambda: disturbance(before, moment(), usable(), os.cpu_count() or 1)


def disturbance(before: Moment, after: Moment, n_usable: int, n_cores: int) -> str:
    """Why the machine was not quiet between two moments, in words; "" when it was.

    Args:
        n_usable: processors this process may use; n_cores: processors of the machine, which the load counts over.
    """
    elapsed_s = max(after.time_s - before.time_s, 1e-9)
    own = (after.own_s - before.own_s) / elapsed_s
    reasons = []
    if before.load is not None and after.load is not None:
        # The load of the last minute may hold our own work already, so that is not held against others.
        load = min(before.load, after.load)
        if load - own > n_cores - 1:
            reasons.append(f"load {before.load:.1f} before and {after.load:.1f} after on {n_cores} processors")
    ticks = after.total - before.total
    if before.busy is not None and after.busy is not None and ticks > 10:
        others = (after.busy - before.busy) / ticks - own / n_usable
        if others > OTHERS:
            reasons.append(f"other programs used {others:.0%} of the processors' time")
        steal = (after.steal - before.steal) / ticks
        if steal > STEAL:
            reasons.append(f"the host took {steal:.0%} of the processors' time")
    return "; ".join(reasons)


def usable() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ticks() -> tuple[int | None, int, int]:
    """Busy, stolen and all ticks of the processors this process may use (proc(5)); None where nobody counts them."""
    if not (STAT.is_file() and hasattr(os, "sched_getaffinity")):
        return None, 0, 0
    mine = {f"cpu{index}" for index in os.sched_getaffinity(0)}
    busy = steal = total = 0
    for line in STAT.read_text().splitlines():
        name, *counts = line.split()
        if name in mine:
            # Guest time is in user time already, so only the first eight columns are added up.
            columns = [int(count) for count in counts[:8]]
            columns += [0] * (8 - len(columns))
            user, nice, system, idle, wait, interrupts, soft, stolen = columns
            busy_here = user + nice + system + interrupts + soft
            busy += busy_here
            steal += stolen
            total += busy_here + idle + wait + stolen
    return busy, steal, total
