"""Records on a page: those that came with Tessera, those measured here, and those of another machine."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from featcore.errors import FeatcoreError
from featcore.measure.files import MOST_BYTES, Record, flat, read, received
from featcore.measure.live import Bench, Measuring
from featcore.settings import settings
from pages.ui.show import escape, plural

POLL_S = 2.0


@st.cache_resource(show_spinner=False)
def bench() -> Bench:
    return Bench()


def shipped_records() -> list[Record]:
    """The records that came with Tessera, read once."""
    paths = sorted((settings().assets / "records").glob("*.jsonl*"))
    return _read(tuple((str(path), path.stat().st_mtime_ns) for path in paths))


@st.cache_resource(show_spinner=False, max_entries=4)
def _read(paths: tuple[tuple[str, int], ...]) -> list[Record]:
    return [flat(record, path) | {"origin": "shipped"} for path, _ in paths for record in read(Path(path))]


def own_records(prefix: str) -> list[Record]:
    """What this session measured here, the oldest first."""
    runs: list[Measuring] = st.session_state.get(f"{prefix}_runs", [])
    return [record | {"origin": "measured here"} for run in runs for record in run.records()]


def uploaded_records(prefix: str, suite: str = "scaling") -> list[Record]:
    """Records of another machine from files of this session; each file once, refused in words."""
    files = st.file_uploader(
        f"JSON lines, up to {MOST_BYTES // 1_000_000} MB a file",
        type=["jsonl", "jsonl.gz"],
        accept_multiple_files=True,
        max_upload_size=max(MOST_BYTES // 1_000_000, 1),
        key=f"{prefix}_upload",
        help=f"`featcore bench {suite} --save records.jsonl` writes such a file there, a smaller one with .gz behind "
        "its name. It stays in your session.",
    )
    kept: dict[str, list[Record] | str] = st.session_state.setdefault(f"{prefix}_received", {})
    found: list[Record] = []
    for file in files:
        if file.file_id not in kept:
            try:
                kept[file.file_id] = received(file.getvalue(), file.name)
            except FeatcoreError as error:
                kept[file.file_id] = str(error)
        told = kept[file.file_id]
        if isinstance(told, str):
            st.error(escape(told), icon=":material/error:")
        else:
            found += [record | {"origin": file.name} for record in told]
    for gone in set(kept) - {file.file_id for file in files}:
        del kept[gone]
    return found


def measure_here(
    prefix: str, suite: str, encoders: Sequence[str], budget_s: float = 1.0, label: str = "Measure here"
) -> None:
    """The button that starts a suite in the background; what it measures belongs to this session."""
    if settings().public_demo:
        st.info("Measuring is switched off on this public server. Run Tessera on your own machine to measure there.")
        return
    run = current(prefix)
    busy = run is not None and run.state == "running"
    if st.button(
        label,
        icon=":material/timer:",
        type="primary",
        disabled=busy or not encoders,
        key=f"{prefix}_measure",
        help=f"Runs the suite '{suite}' on this machine in the background, about {budget_s:g} s a point.",
    ):
        started = bench().start(suite, encoders, budget_s)
        st.session_state.setdefault(f"{prefix}_runs", []).append(started)
        st.rerun()


def current(prefix: str) -> Measuring | None:
    """The last measurement that this session started."""
    runs = st.session_state.get(f"{prefix}_runs")
    return runs[-1] if runs else None


def show_progress(prefix: str, run: Measuring) -> None:
    """How far the measurement is, how long it takes yet, and a way to stop; the whole page again once it ends."""
    state, count = run.state, len(run.records())
    if state != "running" and st.session_state.get(f"{prefix}_seen") != id(run):
        st.session_state[f"{prefix}_seen"] = id(run)
        st.rerun()
    if state == "running":
        left = "" if run.left_s is None else f", about {run.left_s:.0f} s left"
        text = f"{count} points measured{left}" if count else "loading the encoders in a process of its own …"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(run.share, text=text)
            st.button("Stop", icon=":material/stop_circle:", key=f"{prefix}_stop", on_click=run.stop)
    elif state == "failed":
        st.error(escape(run.message), icon=":material/error:")
    elif state == "stopped":
        st.info(f"Stopped after {count} points; they stay on the page until you leave it.")


def download(prefix: str, records: Sequence[Record]) -> None:
    """Records as JSON lines, every sample in them."""
    st.download_button(
        f"Download {plural(len(records), 'record')}",
        data=lambda: to_lines(records),
        file_name="tessera-records.jsonl",
        mime="application/jsonl",
        key=f"{prefix}_download",
        icon=":material/download:",
        on_click="ignore",
        help="JSON lines with every sample. Upload them on another machine to see both.",
    )


def to_lines(records: Sequence[Record]) -> str:
    """Records as they were measured: what the page added is left out."""
    return "".join(
        json.dumps({field: value for field, value in record.items() if field != "origin"}, allow_nan=False) + "\n"
        for record in records
    )


def show_origin(records: Sequence[Record]) -> None:
    """Where the numbers come from, a line a machine and day, and how many of them were disturbed."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(_origin(record), []).append(record)
    for line, members in groups.items():
        bad = sum(bool(record.get("disturbed")) for record in members)
        note = f" · {bad} disturbed: the machine was not quiet" if bad else ""
        st.caption(escape(f"{plural(len(members), 'record')}: {line}{note}"))


def _origin(record: Record) -> str:
    from featcore.draw.sweep import machine, part

    commit: Any = part(record, "git_commit")[:8]
    words = [
        part(record, "origin"),
        machine(record),
        part(record, "time_utc")[:10],
        f"featcore {part(record, 'featcore_version')}" + (f" at {commit}" if commit else ""),
        f"torch {part(record, 'torch')}",
        f"transformers {part(record, 'transformers')}",
    ]
    return " · ".join(words)
