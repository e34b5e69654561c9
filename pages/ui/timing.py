"""What the page Latency shares: which encoders are timed on which input, and the answer for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from featcore.measure.files import Record
from featcore.measure.staged import SUITE, latencies_of, of_latencies, of_stage
from featcore.runs import DEFAULT_METHOD, PRESETS, read_sample
from featcore.types import Card, Latency
from pages.ui import records as kept
from pages.ui.cached import read_source, timed
from pages.ui.show import escape, friendly_errors


@dataclass(frozen=True)
class Timed:
    """Stages of one encoder on one machine, and the records that hold them."""

    latencies: list[Latency]
    records: list[Record]


def pick_timing(prefix: str) -> tuple[list[str], bool, list[Record]]:
    """Which encoders, whether to measure them now, and records of another machine to show beside."""
    import featcore as fc

    titles = {card.name: card.title for card in fc.encoders()}
    names = st.multiselect(
        "Encoders",
        list(titles),
        list(titles),
        format_func=titles.__getitem__,
        key=f"{prefix}_encoders",
        bind="query-params",
        help="Each reads the sample of the first screen; Compare times your own input.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = st.button("Measure here", icon=":material/timer:", key=f"{prefix}_measure", type="primary")
        with st.popover("Another machine", icon=":material/add_chart:"):
            uploaded = kept.uploaded_records(prefix, SUITE)
    return names, measure, uploaded


def timed_all(names: list[str], measure: bool, uploaded: Sequence[Record] = ()) -> dict[str, Timed]:
    """Title to stages: measured here, else of a finished run, else of the records that came with Tessera; then those
    of other machines. One encoder that fails leaves the others."""
    import featcore as fc

    times: dict[str, Timed] = {}
    for card in fc.encoders():
        if card.name not in names:
            continue
        with friendly_errors():
            found = _timed(card, measure) or _shipped(card)
            if found is not None:
                times[card.title] = found
            else:
                st.caption(f"{escape(card.title)} has not been timed on this input yet: press Measure here.")
    return times | _of_others(uploaded)


def _timed(card: Card, measure: bool) -> Timed | None:
    import featcore as fc

    cards = {each.name: each for each in fc.encoders()}
    panes = [pane for preset in reversed(PRESETS) for pane in (preset.right, preset.left)]
    sample = {cards[pane.encoder].modality: pane.sample for pane in panes}[card.modality]
    frames = card.input_size[0] if card.modality == "video" else 1

    def read():
        return read_sample(sample, card)

    source = read_source({"sample": sample, "frames": frames}, read)
    found = timed(card, source, (DEFAULT_METHOD,), read, measure)
    return Timed(found, of_latencies(found)) if found else None


def _shipped(card: Card) -> Timed | None:
    """The newest run among the records that came with Tessera, of these very weights."""
    mine = [
        record
        for record in kept.shipped_records()
        if record.get("model_id") == card.name and record.get("weights_sha256") in (card.weights_sha256, None)
    ]
    runs = [Timed(*run) for run in latencies_of(mine)]
    return max(runs, key=lambda run: str(run.records[0]["time_utc"]), default=None)


def _of_others(uploaded: Sequence[Record]) -> dict[str, Timed]:
    """Runs of other machines, named by their encoder and machine; a file of other records says so."""
    from featcore.draw.sweep import machine, part

    found: dict[str, Timed] = {}
    for latencies, records in latencies_of(uploaded):
        name = f"{part(records[0], 'model_id')} · {machine(records[0])}"
        found[name if name not in found else f"{name} · {part(records[0], 'origin')}"] = Timed(latencies, records)
    if uploaded and not found:
        st.info(f"These records hold no stages. `featcore bench {SUITE}` measures them.", icon=":material/info:")
    return found


def pick_stage(prefix: str, times: dict[str, Timed]) -> tuple[Latency, list[Record]]:
    """One stage of one encoder to look at closely, and its record."""
    left, right = st.columns(2)
    with left:
        title = st.selectbox("Encoder", list(times), key=f"{prefix}_title", bind="query-params")
    stages = {latency.stage: latency for latency in times[title].latencies}
    with right:
        default = list(stages).index("encode") if "encode" in stages else 0
        stage = st.selectbox("Stage", list(stages), default, key=f"{prefix}_stage", bind="query-params")
    return stages[stage], of_stage(times[title].records, stages[stage])


def download_all(prefix: str, times: dict[str, Timed]) -> None:
    """Every record behind the waterfall."""
    kept.download(f"{prefix}_all", [record for each in times.values() for record in each.records])


def download_one(prefix: str, records: Sequence[Record]) -> None:
    """The record behind percentiles and trace."""
    kept.download(f"{prefix}_one", records)
