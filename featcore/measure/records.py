"""Measurements as records: one line of JSON each, appended and never changed, with all that is needed to repeat them.

Seconds, bytes and FLOP everywhere. A field that is not known on this machine is null, never left out or guessed.
"""

import gzip
import json
import os
import platform
import subprocess
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from featcore.encode.base import Encoder
from featcore.measure.files import NEEDED, SCHEMA, Record, read
from featcore.measure.pairs import ORDER, Paired
from featcore.measure.staged import DEVICE_CLOCK
from featcore.measure.timer import Timing
from featcore.settings import ROOT
from featcore.types import SAMPLES_NEEDED, Latency, median_interval

__all__ = ["NEEDED", "SCHEMA", "Record", "of_encoder", "of_latency", "of_pair", "of_size", "of_timing", "of_work"]
__all__ += ["read", "write"]


def new_run() -> str:
    """A name that joins the records of one run."""
    return uuid.uuid4().hex


def of_timing(timing: Timing, stage: str, variant: str, run_id: str, disturbed: str = "", **more: Any) -> Record:
    """A record of one timing; `more` are fields of `of_encoder`, `of_work` and the like."""
    samples = np.asarray(timing.samples_s)
    return {
        **_identity(run_id),
        "stage": stage,
        "variant": variant,
        **machine(),
        "clock": "wall",
        "sync": "each",
        "cache_state": "warm",
        "warmup_runs": timing.warmup,
        "warmup_s": timing.warmup_s,
        "first_s": timing.first_s,
        "block": timing.block,
        "stop_reason": timing.stopped,
        **_samples(samples),
        "device_samples_s": _short(timing.device_s),
        "disturbed": bool(disturbed),
        "disturbance": disturbed,
        **more,
    }


def refused(why: str, stage: str, variant: str, run_id: str, **more: Any) -> Record:
    """A record of what was not run: no samples, and why as its `stop_reason`."""
    return {
        **_identity(run_id),
        "stage": stage,
        "variant": variant,
        **machine(),
        "stop_reason": why,
        "samples_s": [],
        "n": 0,
        **dict.fromkeys(("p50_s", "p50_ci95_s", "mean_s", "min_s", "first_s")),
        "disturbed": False,
        "disturbance": "",
        **more,
    }


def of_latency(found: Latency, run_id: str, **more: Any) -> Record:
    """A record of one stage; a time by the device's own clock keeps the stage's name and says so in `clock`."""
    where = found.provenance
    stage = found.stage.removesuffix(DEVICE_CLOCK)
    return {
        **_identity(run_id),
        "stage": stage,
        "variant": where.attention,
        **machine(),
        "clock": "wall" if stage == found.stage else "event",
        "sync": "each",
        "cache_state": "warm",
        "warmup_runs": found.warmup,
        "first_s": found.first_s,
        "block": 1,
        "stop_reason": found.stopped,
        **_samples(np.asarray(found.samples_s)),
        "disturbed": bool(found.disturbed),
        "disturbance": found.disturbed,
        "units": found.units,
        **more,
    }


def of_pair(found: Paired, stage: str, run_id: str, **more: Any) -> list[Record]:
    """Three records: A, B, and their ratio, which names the other two."""
    pair_id = uuid.uuid4().hex
    shared = {
        "stage": stage,
        "pair_id": pair_id,
        **machine(),
        "clock": "wall",
        "sync": "each",
        "cache_state": "warm",
        "warmup_runs": found.warmup,
        "block": 2 * found.calls,
        "stop_reason": found.stopped,
        "order": ORDER,
        "seed": found.seed,
        "disturbed": bool(found.disturbed),
        "disturbance": found.disturbed,
        **more,
    }
    sides = [
        {**_identity(run_id), **shared, "variant": name, "first_s": first_s, **_samples(np.asarray(seconds))}
        for name, first_s, seconds in ((found.a, found.first_a_s, found.a_s), (found.b, found.first_b_s, found.b_s))
    ]
    low, high = found.control_interval
    ratio = {
        **_identity(run_id),
        **shared,
        "variant": found.name,
        "samples_s": [],
        "n": 0,
        "baseline_record": sides[0]["record_id"],
        "compared_record": sides[1]["record_id"],
        "ratios": _short(found.ratios),
        "control_ratios": _short(found.control),
        "ratio_p50": found.ratio,
        "ratio_ci95": list(found.interval),
        "aa_ci95": [low, high],
        "aa_ci95_rel": found.error,
        "verdict": found.verdict.replace(" ", "_"),
    }
    return [*sides, ratio]


def of_encoder(encoder: Encoder, attention: str, grad: str = "none", weights: str = "pretrained") -> Record:
    """What ran, of a record: checkpoint, weights, number format, kind of attention, what gradients are kept."""
    stated = encoder.provenance(attention)
    weight_bytes = sum(weight.numel() * weight.element_size() for weight in encoder.model.parameters())
    return {
        "model_id": stated.encoder,
        "model_revision": stated.revision,
        "weights": weights,
        "weight_bytes": weight_bytes,
        "weights_sha256": stated.weights_sha256,
        "attn_impl": stated.attention,
        "dtype": stated.dtype,
        "device": stated.device,
        "device_name": stated.machine,
        "compiled": "none",
        "grad": grad,
        "modality": encoder.card.modality,
    }


def of_size(
    tokens: int, batch: int = 1, frames: int = 1, height: int | None = None, width: int | None = None
) -> Record:
    """How large the input was: positions of the sequence (special ones included), inputs at once, frames, pixels."""
    return {"tokens": tokens, "batch": batch, "frames": frames, "height": height, "width": width}


def of_work(flop: int, source: str, p50_s: float | None) -> Record:
    """FLOP of one call, where the number is from (formula or counter), and what was reached."""
    return {"flops": flop, "flops_source": source, "achieved_flops_s": flop / p50_s if p50_s else None}


def write(path: Path, records: Iterable[Record]) -> None:
    """Append records; a line appears whole even when two processes write at once.

    A name that ends in .gz is compressed, a tenth of the size when many records are written at once.
    """
    lines = "".join(json.dumps(record, allow_nan=False) + "\n" for record in records).encode()
    if path.suffix == ".gz":
        lines = gzip.compress(lines, mtime=0)  # members of such a file may be put one behind the other
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, lines)
    finally:
        os.close(file)


@contextmanager
def writing(path: Path | None) -> Iterator[Callable[[Record], None]]:
    """A function that appends a record to a file, or does nothing without one.

    Each at once, so that a reader can follow; what is to be compressed comes together at the end, also after an error.
    """
    together: list[Record] = []
    apart = path is not None and path.suffix != ".gz"

    def keep(record: Record) -> None:
        if path is not None and apart:
            write(path, [record])
        else:
            together.append(record)

    try:
        yield keep
    finally:
        if path is not None and together:
            write(path, together)


def _short(numbers: Iterable[float]) -> list[float]:
    """Six digits: a clock tells no more of a millisecond, and a file of records stays small."""
    return [float(f"{number:.6g}") for number in numbers]


def _samples(samples: np.ndarray) -> Record:
    """Raw samples and what they allow to be said; percentiles are null where there are too few."""
    n = len(samples)
    at = {p: float(np.percentile(samples, p)) if n >= SAMPLES_NEEDED[p] else None for p in SAMPLES_NEEDED}
    low, high = np.percentile(samples, (25, 75))
    interval = median_interval(samples)
    return {
        "samples_s": _short(samples),
        "n": n,
        "p50_s": at[50],
        "p50_ci95_s": None if interval is None else [float(edge) for edge in interval],
        "p90_s": at[90],
        "p95_s": at[95],
        "p99_s": at[99],
        "min_s": float(samples.min()),
        "mean_s": float(samples.mean()),
        "iqr_rel": float((high - low) / np.median(samples)),
    }


def _identity(run_id: str) -> Record:
    commit, dirty = _commit()
    return {
        "schema_version": SCHEMA,
        "record_id": uuid.uuid4().hex,
        "run_id": run_id,
        "pair_id": None,
        "time_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "featcore_version": _version("tessera"),
        "git_commit": commit,
        "dirty": dirty,
    }


def machine() -> Record:
    """The machine and its libraries as they are now."""
    import torch

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    cuda = torch.cuda.is_available()
    return {
        "device": "cuda" if cuda else "cpu",
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "gpu_uuid": str(torch.cuda.get_device_properties(0).uuid) if cuda else None,
        "cuda": torch.version.cuda,
        "cpu_model": _cpu(),
        "cores": os.cpu_count(),
        "memory_bytes": torch.cuda.get_device_properties(0).total_memory if cuda else _memory_bytes(),
        "isa": torch.backends.cpu.get_cpu_capability(),
        "threads_intra": torch.get_num_threads(),
        "threads_inter": torch.get_num_interop_threads(),
        "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in ("torch", "transformers", "captum", "numpy")},
        "blas": "mkl" if torch.backends.mkl.is_available() else "other",
        "loadavg_after": load,
    }


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _cpu() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


@cache
def _memory_bytes() -> int | None:
    """Memory of the machine; None where the system does not tell."""
    known = hasattr(os, "sysconf") and {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(os.sysconf_names)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if known else None


@cache
def _commit() -> tuple[str | None, bool | None]:
    """The commit of this checkout and whether files differ from it; None where it is no checkout."""
    if not (ROOT / ".git").exists():
        return None, None
    try:
        told = [
            subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True, timeout=10)  # noqa: S603, S607
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        ]
    except (OSError, subprocess.SubprocessError):
        return None, None
    return told[0].stdout.strip(), bool(told[1].stdout.strip())
