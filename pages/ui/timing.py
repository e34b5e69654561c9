"""What the page Latency shares: which encoders are timed on which input, and the answer for all of them."""

import streamlit as st

from featcore.runs import DEFAULT_METHOD, PRESETS, read_sample
from featcore.types import Latency
from pages.ui.cached import read_source, timed
from pages.ui.show import escape, friendly_errors


def pick_timing(prefix: str) -> tuple[list[str], bool]:
    """Which encoders, and whether to measure them now."""
    import featcore as fc

    titles = {card.name: card.title for card in fc.encoders()}
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    with left:
        names = st.multiselect(
            "Encoders",
            list(titles),
            list(titles),
            format_func=titles.__getitem__,
            key=f"{prefix}_encoders",
            bind="query-params",
            help="Each reads the sample of the first screen; Compare times your own input.",
        )
    with right:
        measure = st.button("Measure here", icon=":material/timer:", key=f"{prefix}_measure", type="primary")
    return names, measure


def timed_all(names: list[str], measure: bool) -> dict[str, list[Latency]]:
    """Title to latencies; one encoder that fails leaves the others."""
    import featcore as fc

    cards = {card.name: card for card in fc.encoders()}
    panes = [pane for preset in reversed(PRESETS) for pane in (preset.right, preset.left)]
    samples = {cards[pane.encoder].modality: pane.sample for pane in panes}
    times = {}
    for card in cards.values():
        if card.name not in names:
            continue
        with friendly_errors():
            sample = samples[card.modality]
            frames = card.input_size[0] if card.modality == "video" else 1

            def read(card=card, sample=sample):
                return read_sample(sample, card)

            source = read_source({"sample": sample, "frames": frames}, read)
            found = timed(card, source, (DEFAULT_METHOD,), read, measure)
            if found:
                times[card.title] = found
            else:
                st.caption(f"{escape(card.title)} has not been timed on this input yet: press Measure here.")
    return times


def pick_stage(prefix: str, times: dict[str, list[Latency]]) -> Latency:
    """One stage of one encoder to look at closely."""
    left, right = st.columns(2)
    with left:
        title = st.selectbox("Encoder", list(times), key=f"{prefix}_title", bind="query-params")
    stages = {latency.stage: latency for latency in times[title]}
    with right:
        default = list(stages).index("encode") if "encode" in stages else 0
        stage = st.selectbox("Stage", list(stages), default, key=f"{prefix}_stage", bind="query-params")
    return stages[stage]
