"""Paired comparisons on a page: number formats and kinds of attention, and what Tessera adds to the libraries below."""

from collections.abc import Sequence

import streamlit as st

from featcore.measure.files import APP_NAME, BASE_NAME, VIT_NAMES, Record
from pages.ui import records as kept
from pages.ui.cached import drawn
from pages.ui.show import figure, friendly_errors

SUITES = {
    "variants": (
        "Number formats and attention",
        "Each against float32 with fused attention: below 1 it is faster.",
    ),
    "goals": (
        "What Tessera adds",
        "Each row names B and A: ours against the bare library, a quicker way against the plain one, or the app "
        "against an empty page. The short line is the goal.",
    ),
}

OF_ALL = (BASE_NAME, *VIT_NAMES, APP_NAME)
"""Goals that are asked of no embedded encoder stand beside those of each."""


def show_pairs(prefix: str, names: Sequence[str]) -> None:
    """A forest of ratios for each suite of pairs, the control on top; compared here in the background if asked."""
    st.subheader(
        "Side by side",
        help="Blocks A B B A in one process, so that a machine that slows down hurts both sides alike. The control "
        "runs A against itself: a ratio inside its grey bar says nothing.",
    )
    import featcore as fc

    titles = {card.name: card.title for card in fc.encoders() if card.name in names}
    if not titles:
        st.info("Choose an encoder above.", icon=":material/info:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        one = st.selectbox("Encoder", list(titles), format_func=titles.__getitem__, key=f"{prefix}_pairs_of")
        suite = st.segmented_control(
            "Pairs",
            list(SUITES),
            default="variants",
            required=True,
            format_func=lambda name: SUITES[name][0],
            key=f"{prefix}_suite",
            bind="query-params",
        )
        with friendly_errors():
            kept.measure_here(prefix, suite or "variants", [one], label="Compare here")
    run = kept.current(prefix)
    polls = kept.POLL_S if run is not None and run.state == "running" else None
    st.fragment(_show, run_every=polls)(prefix, one, suite or "variants")


def _show(prefix: str, encoder: str, suite: str) -> None:
    from featcore import draw

    run = kept.current(prefix)
    if run is not None:
        kept.show_progress(prefix, run)
    known = [
        record
        for record in [*kept.shipped_records(), *kept.own_records(prefix)]
        if record.get("suite") == suite and record.get("model_id") in (encoder, *OF_ALL)
    ]
    ratios = newest([record for record in known if record.get("ratio_p50")])
    picture = drawn(draw.forest, ratios)
    if not picture.data:
        st.info(f"{picture.alt} Press Compare here.", icon=":material/timer:")
        return
    figure(picture, f"{prefix}_forest", f"pairs-{suite}-{encoder}", caption=SUITES[suite][1])
    shown = {record.get("pair_id") for record in ratios}
    sides = [record for record in known if record.get("pair_id") in shown]
    kept.download(f"{prefix}_pairs", sides)
    kept.show_origin(sides)


def newest(ratios: Sequence[Record]) -> list[Record]:
    """Of several comparisons of one name on one machine the last one, measured here after shipped."""
    from featcore.draw.sweep import machine

    found: dict[tuple, Record] = {}
    for record in ratios:
        found[record.get("variant"), machine(record)] = record
    return list(found.values())
