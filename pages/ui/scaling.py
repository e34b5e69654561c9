"""What the page Scaling shares: which axis, whose lines, and the charts of their records."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from featcore.errors import NotDefined
from featcore.measure.files import Record
from pages.ui import records as kept
from pages.ui.cached import drawn
from pages.ui.show import figure, friendly_errors

AXES = {
    "units": "Tokens or fragments",
    "resolution": "Resolution",
    "frames": "Frames",
    "patch": "Patch size",
    "batch": "Batch",
}
SUITES = {"scaling": "How time grows", "ceilings": "Ceilings for the roofline", "convergence": "Explanations"}
POSITIONS = tuple(2**power for power in range(3, 12))


@dataclass(frozen=True)
class Question:
    """What the page is asked: an axis, the names of encoders, and records that were uploaded."""

    axis: str
    encoders: tuple[str, ...]
    uploaded: tuple[Record, ...] = ()


def pick_sweep(prefix: str) -> Question:
    """Which axis and which encoders; whether to measure them now, and records of another machine to show beside."""
    import featcore as fc

    titles = {card.name: card.title for card in fc.encoders()}
    measured = {str(record.get("model_id")) for record in kept.shipped_records()}
    axis = st.segmented_control(
        "What grows",
        list(AXES),
        default="units",
        required=True,
        format_func=AXES.__getitem__,
        key=f"{prefix}_axis",
        bind="query-params",
    )
    names = st.multiselect(
        "Encoders",
        list(titles),
        [name for name in titles if name in measured] or list(titles),
        format_func=titles.__getitem__,
        key=f"{prefix}_encoders",
        bind="query-params",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        suite = st.selectbox("Suite", list(SUITES), format_func=SUITES.__getitem__, key=f"{prefix}_suite", width=240)
        with friendly_errors():
            kept.measure_here(prefix, suite, names)
        with st.popover("Another machine", icon=":material/add_chart:"):
            uploaded = kept.uploaded_records(prefix)
    return Question(axis or "units", tuple(names), tuple(uploaded))


def show_scaling(prefix: str, question: Question) -> None:
    """Everything below the choices; draws as it goes while a measurement runs."""
    run = kept.current(prefix)
    polls = kept.POLL_S if run is not None and run.state == "running" else None
    st.fragment(_show, run_every=polls)(prefix, question)


def _show(prefix: str, question: Question) -> None:
    run = kept.current(prefix)
    if run is not None:
        kept.show_progress(prefix, run)
    known = [*kept.shipped_records(), *kept.own_records(prefix)]
    mine = [record for record in known if record.get("model_id") in question.encoders or _of_machine(record)]
    records = _pick_machines(prefix, [*mine, *question.uploaded])
    if not records:
        st.info("Nothing has been measured yet. Press Measure here.", icon=":material/timer:")
        _show_work(prefix, question)
        return
    if question.axis == "batch":
        _show_batch(prefix, records)
    else:
        _show_growth(prefix, records, question.axis)
    _show_limits(prefix, records, question.axis)
    _show_cost(prefix, records)
    with st.container(horizontal=True, vertical_alignment="center"):
        kept.download(prefix, records)
    kept.show_origin(records)


def _of_machine(record: Record) -> bool:
    """Ceilings are of a machine and of no encoder."""
    return record.get("suite") == "ceilings"


def _pick_machines(prefix: str, records: Sequence[Record]) -> list[Record]:
    """The machines to draw, where there are several."""
    from featcore.draw.sweep import machine

    names = list(dict.fromkeys(map(machine, records)))
    if len(names) < 2:
        return list(records)
    chosen = st.multiselect("Machines", names, names, key=f"{prefix}_machines")
    return [record for record in records if machine(record) in chosen]


def _show_work(prefix: str, question: Question) -> None:
    """What is known without a measurement: the work by formula."""
    import featcore as fc
    from featcore import draw
    from featcore.measure.flops import total_flops

    curves = {}
    for card in fc.encoders():
        if card.name in question.encoders:
            with suppress(NotDefined):
                curves[card.title] = (POSITIONS, [total_flops(card, n) for n in POSITIONS])
    st.subheader("Work of one forward pass", help="By the closed formula; a multiply-add is 2 FLOP. Not measured.")
    _picture(drawn(draw.work, curves), f"{prefix}_work", "work-by-formula")


def _show_growth(prefix: str, records: list[Record], axis: str) -> None:
    from featcore import draw

    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(
            "Time of one forward pass",
            help="Median and its 95 % interval. Dotted: the work by formula at the fastest rate this line reached; "
            "above it, something else than matrix products takes the time.",
        )
        _picture(drawn(draw.growth, records, axis), f"{prefix}_growth", f"growth-by-{axis}")
    with right:
        st.subheader(
            "How steeply it grows",
            help="Local exponent between neighbours: 1 is twice the size, twice the time; 2 is four times. "
            "Dotted: that of the FLOP. Below it a fixed cost hides the growth, above it memory slows.",
        )
        _picture(drawn(draw.exponents, records, axis), f"{prefix}_exponents", f"exponents-by-{axis}")


def _show_batch(prefix: str, records: list[Record]) -> None:
    from featcore import draw

    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(
            "Inputs a second",
            help="The ring is the knee: the smallest batch with 90 % of the best rate. A cross did not fit into "
            "memory.",
        )
        _picture(drawn(draw.throughput, records), f"{prefix}_throughput", "throughput-by-batch")
    with right:
        st.subheader(
            "Waiting against throughput",
            help="Each point is a batch, number format, kind of attention and compiler; the grey line joins those that "
            "no other beats in both.",
        )
        _picture(drawn(draw.tradeoff, records), f"{prefix}_tradeoff", "latency-throughput")


def _show_limits(prefix: str, records: list[Record], axis: str) -> None:
    from featcore import draw
    from featcore.draw.sweep import series

    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(
            "Roofline",
            help="Rate against intensity under ceilings measured on the same machine: the best matrix product and the "
            "best copy. On the slope memory is the limit, on the level arithmetic.",
        )
        _picture(drawn(draw.roofline, records), f"{prefix}_roofline", "roofline")
    with right:
        st.subheader("Memory", help="Weights, results alive at once in a pass, and attention maps if they are kept.")
        mine = _of_one(f"{prefix}_memory_of", records, [one.parts["model_id"] for one in series(records, axis)])
        _picture(drawn(draw.memory_stack, mine, axis), f"{prefix}_memory", f"memory-by-{axis}")


def _of_one(key: str, records: list[Record], names: Iterable[str]) -> list[Record]:
    """The records of one encoder, which the person chooses among these; a picture of all would be a tangle."""
    names = list(dict.fromkeys(names))
    one = st.selectbox("Encoder", names, key=key) if names else None
    return [record for record in records if record.get("model_id") == one]


def _show_cost(prefix: str, records: list[Record]) -> None:
    from featcore import draw

    st.subheader(
        "What an explanation costs",
        help="Error of an attribution against its time, in forward passes of one input. A triangle is the least that "
        "the method needs by its definition: a point right of its own is waste, left of it batches saved time. Methods "
        "that are not sampled have no such error and stand below.",
    )
    told = [str(record.get("model_id")) for record in records if str(record.get("stage")).startswith("attribution:")]
    mine = _of_one(f"{prefix}_cost_of", records, told)
    _picture(drawn(draw.attribution_cost, mine), f"{prefix}_cost", "attribution-cost")


def _picture(picture, key: str, name: str) -> None:
    """A figure, or the sentence of an empty one."""
    if picture.data:
        figure(picture, key, name)
    else:
        st.info(picture.alt, icon=":material/info:")
