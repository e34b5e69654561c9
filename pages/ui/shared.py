"""Rows across both sides of a comparison, and the figures that put both on one axis."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from featcore.errors import NotDefined
from featcore.types import Latency
from pages.ui.cached import drawn, timed
from pages.ui.choose import pick_head, pick_layer, pick_scale
from pages.ui.pane import Pane
from pages.ui.show import escape, figure, friendly_errors, plural, provenance

STAGES_HELP = (
    "Median wall time after warm-up; each stage begins where the one before it ended. Hollow bars are not in the sum: "
    "attention in full replaces encode, and end to end is all stages measured as one call."
)


def row(title: str, about: str, panes: list[Pane], step: Callable[[Pane], None], border: bool = False) -> None:
    """One step of every pane side by side; what goes wrong on one side stays on that side."""
    if title:
        st.subheader(title, help=about)
    for pane, column in zip(panes, st.columns(len(panes), gap="medium", border=border), strict=True):
        with column, friendly_errors():
            step(pane)


@st.fragment(key="cut")
def show_cuts(panes: list[Pane]) -> None:
    """The units of both sides."""
    about = "What the encoder reads, drawn on the input as you gave it. Click a unit to mark it."
    row("The cut", about, panes, Pane.show_cut)


@st.fragment(key="attention")
def show_attention(panes: list[Pane]) -> None:
    """Where both models look, in the layer and head chosen here."""
    cards = [pane.card for pane in panes if pane.card]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader("Attention", help="Where the model looks. A weight without sign: it is not an explanation.")
        layer = pick_layer(cards)
        head = pick_head(cards, disabled=layer == 0)
    row("", "", panes, lambda pane: pane.show_attention(layer, head))


@st.fragment(key="attribution")
def show_attributions(panes: list[Pane]) -> None:
    """The scores of both sides, on one scale if asked here."""
    from featcore.draw import Scale

    with st.container(horizontal=True, vertical_alignment="bottom"):
        about = "How much each unit carries of the explained output: for it or against it."
        st.subheader("Attribution", help=about)
        common = pick_scale()
    found = [pane.attribution for pane in panes if pane.attribution is not None]
    own = {id(one): Scale.of(one.scores, one.signed) for one in found}
    shared = Scale.shared(list(own.values())) if found else None
    row("", "", panes, lambda pane: pane.show_attribution(shared if common else own.get(id(pane.attribution))))
    for one in found[:1]:
        provenance(one.provenance, one.method)


def show_costs(panes: list[Pane]) -> None:
    """Latency by stage of both sides on one axis, shipped or measured here."""
    st.subheader("What it costs", help=STAGES_HELP)
    ready = [pane for pane in panes if pane.encoding is not None]
    if not ready:
        return
    measure = st.button("Measure on this machine", icon=":material/timer:", key="c_measure")
    with friendly_errors():
        times = {pane.title: found for pane in ready if (found := _times(pane, measure))}
        if len(times) < len(ready):
            st.info("This combination has not been timed yet. Measuring takes about half a minute a side.")
        if times:
            show_stages(times, "c_latency")


def show_stages(times: dict[str, list[Latency]], key: str, per_unit: bool = False) -> None:
    """Stages of several encoders one behind the other on one axis, with the conditions of every number."""
    from featcore import draw

    name = "latency-by-stage-per-unit" if per_unit else "latency-by-stage"
    figure(drawn(draw.stages, times, per_unit=per_unit), key, name)
    for name, latencies in times.items():
        fewest = min(len(one.samples_s) for one in latencies)
        main = next((one for one in latencies if one.stage == "encode"), latencies[0])
        provenance(main.provenance, f"{name}: at least {fewest} samples a stage")
        disturbed = sorted({one.disturbed for one in latencies if one.disturbed})
        if disturbed:
            st.caption(escape(f"{name}: disturbed ({'; '.join(disturbed)})."))


def show_concentration(panes: list[Pane]) -> None:
    """How few units hold how much of the score, of both sides on one axis."""
    from featcore import draw
    from featcore.compare.concentration import concentration

    curves: dict[str, Any] = {
        pane.title: concentration(pane.attribution.scores) for pane in panes if pane.attribution is not None
    }
    if curves:
        st.subheader("Concentration", help="Share of the absolute score held by the strongest share of units.")
        figure(drawn(draw.concentration, curves), "c_concentration", "concentration")


def show_table(panes: list[Pane]) -> None:
    """The two sides in figures."""
    ready = [pane for pane in panes if pane.encoding is not None and pane.card is not None]
    if not ready:
        return
    st.subheader("In figures")
    columns = {pane.title: _figures(pane) for pane in ready}
    names = list(next(iter(columns.values())))
    table = {"": names, **{title: [values[name] for name in names] for title, values in columns.items()}}
    st.dataframe(table, hide_index=True, alt="Units, width, parameters, FLOPs, latency and passes of both sides")


def show_link(panes: list[Pane]) -> None:
    """What the address restores."""
    kept = all(pane.picked is None or pane.picked.shareable for pane in panes)
    st.caption(
        "The address of this page restores this view."
        if kept
        else "The address of this page restores this view, but not uploaded files or very long texts: those stay here."
    )


def _times(pane: Pane, measure: bool) -> list[Latency] | None:
    assert pane.card is not None and pane.picked is not None
    methods = (pane.attribution.method,) if pane.attribution is not None else ()
    return timed(pane.card, pane.picked.source, methods, pane.picked.reread, measure)


def _figures(pane: Pane) -> dict[str, str]:
    from featcore.measure.flops import total_flops

    assert pane.card is not None and pane.encoding is not None
    found = pane.attribution
    try:
        work = f"{total_flops(pane.card, len(pane.encoding.sequence)):,}"
    except NotDefined:
        work = "no formula for this architecture"
    times = {one.stage: one.p50_s for one in _times(pane, measure=False) or ()}
    p50 = times.get("encode")
    return {
        "Units": plural(len(pane.encoding.units), pane.encoding.units.kind),
        "Width": f"{pane.encoding.hidden.shape[-1]}",
        "Layers": f"{len(pane.encoding.hidden) - 1}",
        "Parameters": f"{pane.card.parameters:,}",
        "FLOPs of one pass (formula)": work,
        "Encode, median": "not measured yet" if p50 is None else f"{p50 * 1e3:.2f} ms",
        "Passes of the attribution": "" if found is None else f"{found.passes}",
        "Scores miss the difference by": "not promised"
        if found is None or found.completeness_gap is None
        else f"{found.completeness_gap:.2%}",
        "Accuracy of the encoder": pane.card.accuracy,
    }
