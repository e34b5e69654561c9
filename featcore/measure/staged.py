"""Stages as records and back: what a page times becomes lines of JSON, records of any machine become latencies.

Knows no model library, and of a latency no more than its provenance says: what that does not tell is null.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from featcore.measure.files import LONGEST_S, SCHEMA, Record
from featcore.types import SAMPLES_NEEDED, Latency, Provenance, median_interval

SUITE = "stages"
DEVICE_CLOCK = " (device clock)"
"""Behind the name of a stage: its time by the device's own clock, apart from what a person waits for."""
_VERSIONS = ("torch", "transformers", "captum", "numpy")


def of_latencies(latencies: Iterable[Latency]) -> list[Record]:
    """A record a stage, of one run; the same latencies give the same records."""
    return [_record(latency) for latency in latencies]


def latencies_of(records: Iterable[Record]) -> list[tuple[list[Latency], list[Record]]]:
    """Runs of the suite `stages`, of each encoder and machine the youngest, with the records they are from.

    A record without an encoder, units or a first call is left out.
    """
    runs: dict[tuple, dict[str, list[tuple[Latency, Record]]]] = {}
    for record in records:
        latency = _latency(record) if record.get("suite") == SUITE else None
        if latency is not None:
            where = tuple(record.get(field) for field in ("model_id", "cpu_model", "gpu", "threads_intra", "origin"))
            runs.setdefault(where, {}).setdefault(str(record["run_id"]), []).append((latency, record))
    newest = [max(each.values(), key=lambda run: str(run[0][1]["time_utc"])) for each in runs.values()]
    return [([latency for latency, _ in run], [record for _, record in run]) for run in newest]


def _record(latency: Latency) -> Record:
    made, samples = latency.provenance, np.asarray(latency.samples_s, float)
    stage = latency.stage.removesuffix(DEVICE_CLOCK)
    run = uuid.uuid5(uuid.NAMESPACE_OID, f"{made.encoder} {made.weights_sha256} {made.machine} {made.time_utc[:13]}")
    interval = median_interval(samples)
    return {
        "schema_version": SCHEMA,
        "record_id": uuid.uuid5(run, f"{latency.stage} {made.time_utc} {samples.tolist()}").hex,
        "run_id": run.hex,
        "pair_id": None,
        "time_utc": made.time_utc,
        "suite": SUITE,
        "stage": stage,
        "variant": made.attention,
        "model_id": made.encoder,
        "model_revision": made.revision,
        "weights_sha256": made.weights_sha256,
        "attn_impl": made.attention,
        "dtype": made.dtype,
        "device": made.device,
        "device_name": made.machine or None,
        "cpu_model": None,
        "threads_intra": made.threads,
        **{name: dict(made.versions).get(name) for name in _VERSIONS},
        "clock": "wall" if stage == latency.stage else "event",
        "sync": "each",
        "cache_state": "warm",
        "warmup_runs": latency.warmup,
        "first_s": latency.first_s,
        "block": 1,
        "stop_reason": latency.stopped,
        "samples_s": samples.tolist(),
        "n": len(samples),
        **{f"p{percent}_s": latency.percentile_s(percent) for percent in SAMPLES_NEEDED},
        "p50_ci95_s": None if interval is None else list(interval),
        "min_s": float(samples.min()),
        "mean_s": float(samples.mean()),
        "units": latency.units,
        "batch": 1,
        "disturbed": bool(latency.disturbed),
        "disturbance": latency.disturbed,
    }


def _latency(record: Record) -> Latency | None:
    """A stage as it was measured; None where the record does not say enough."""
    first_s, units, encoder = _positive(record, "first_s"), _positive(record, "units"), _text(record, "model_id")
    if first_s is None or units is None or not encoder or not len(record["samples_s"]):
        return None
    stage = _text(record, "stage") + (DEVICE_CLOCK if record.get("clock") == "event" else "")
    disturbed = _text(record, "disturbance") or ("not said by what" if record.get("disturbed") else "")
    return Latency(
        stage=stage,
        samples_s=np.array(record["samples_s"], float),
        warmup=int(_positive(record, "warmup_runs") or 0),
        first_s=first_s,
        stopped=_text(record, "stop_reason"),
        units=int(units),
        provenance=_provenance(record, encoder),
        disturbed=disturbed,
    )


def _provenance(record: Record, encoder: str) -> Provenance:
    return Provenance(
        encoder=encoder,
        revision=_text(record, "model_revision"),
        weights_sha256=_text(record, "weights_sha256"),
        device=_text(record, "device"),
        dtype=_text(record, "dtype"),
        attention=_text(record, "attn_impl"),
        threads=int(_positive(record, "threads_intra") or 0),
        versions=tuple((name, _text(record, name)) for name in _VERSIONS if record.get(name)),
        time_utc=_text(record, "time_utc"),
        machine=_text(record, "gpu") or _text(record, "cpu_model") or _text(record, "device_name"),
    )


def of_stage(records: Sequence[Record], latency: Latency) -> list[Record]:
    """The record that a latency is from, among those of its run."""
    stage = latency.stage.removesuffix(DEVICE_CLOCK)
    clock = "wall" if stage == latency.stage else "event"
    return [record for record in records if (record.get("stage"), record.get("clock", "wall")) == (stage, clock)]


def _text(record: Mapping[str, Any], field: str) -> str:
    found = record.get(field)
    return "" if found is None else str(found)


def _positive(record: Mapping[str, Any], field: str) -> float | None:
    found = record.get(field)
    if not isinstance(found, int | float) or isinstance(found, bool):
        return None
    return float(found) if 0 < found < LONGEST_S else None
