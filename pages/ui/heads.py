"""What the page Attention shares: statistics of every head, one head's map, and where one unit looks."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from featcore.compare.attention import HeadStatistics
from featcore.encode.layouts import layout_of
from featcore.encode.room import in_bytes
from featcore.keys import digest
from featcore.runs import encoding_question
from featcore.types import Card, Encoding, Look, Source
from pages.ui.cached import drawn, encoder, fetch, known
from pages.ui.choose import layers_of
from pages.ui.show import figure
from pages.ui.units import mark_unit, pick_unit

STATISTICS = {
    "entropy": "Entropy (0 one position, 1 uniform)",
    "distance_share": "Distance (0 itself, 1 global)",
    "time_share": "Distance in time (0 own slot, 1 global)",
    "special": "Share on special positions",
    "top_share": "Share on the most looked-at 1 % of units",
    "diagonal": "Share on itself",
}


AT_ONCE = 64 * 2**20
"""Bytes of maps that leave the device in one pass for statistics; larger ones take a pass for each group of layers."""


def show_size(card: Card, source: Source) -> None:
    """How large all maps of an input are, said before any of them is asked for."""

    def compute(progress: Callable) -> list:
        with encoder(card) as loaded:
            from featcore.measure.trial import map_bytes

            positions = len(loaded.prepare(source).sequence)
            return [positions, map_bytes(loaded, positions), layers_of(card)]

    question = {"what": "maps", "weights": card.weights_sha256, "source": source.key, "size": list(card.input_size)}
    positions, size, layers = fetch(question, compute, "Size of the maps")
    if size:
        st.caption(
            f"All maps of these {positions:,} positions in {layers} layers: {in_bytes(size)}. Statistics take "
            "a layer or a few at a time, and of the maps only the one that is shown leaves the device."
        )


def head_statistics(card: Card, source: Source) -> HeadStatistics:
    """Entropy, distance and shares of every head."""

    def compute(progress: Callable) -> HeadStatistics:
        from featcore.compare.attention import head_statistics, joined

        whole = known(digest(encoding_question(card, source)))
        if whole is not None:
            return head_statistics(whole.attention, whole.positions, whole.units)
        found = []
        with encoder(card) as loaded:
            from featcore.measure.trial import map_bytes

            sample = loaded.prepare(source)
            for looks in _groups(layers_of(card), map_bytes(loaded, len(sample.sequence))):
                part = loaded.encode(sample, Look(looks))
                assert part.attention is not None
                found.append(head_statistics(part.attention, part.positions, part.units))
                progress(looks[-1] + 1, layers_of(card))
        return joined(found)

    question = {"what": "heads", "weights": card.weights_sha256, "source": source.key, "size": list(card.input_size)}
    return fetch(question, compute, "Statistics of the heads")


def _groups(layers: int, size: int | None) -> list[tuple[int, ...]]:
    """Numbers of layers that share a pass, so that their maps stay within `AT_ONCE`; `size` is that of all of them."""
    many = layers if not size else max(1, int(AT_ONCE / size * layers))
    return [tuple(range(start, min(start + many, layers))) for start in range(0, layers, many)]


def show_heads(prefix: str, card: Card, found: HeadStatistics) -> tuple[int, int]:
    """The navigator: one cell a head; a click chooses it. Returns layer and head, counted from 0."""
    from featcore import draw

    known = [name for name in STATISTICS if getattr(found, name) is not None]
    name = st.selectbox(
        "Statistic", known, format_func=STATISTICS.__getitem__, key=f"{prefix}_stat", bind="query-params"
    )
    low, high = (0.0, 1.0) if name != "distance_share" else (0.0, None)
    values = getattr(found, name)
    chosen = _chosen_head(prefix, values.shape)
    names = layout_of(card.family).map_names(card.config, *values.shape)
    picture = drawn(draw.heads, values, STATISTICS[name], selected=chosen, low=low, high=high, names=names)

    def choose(customdata: Any) -> None:
        st.session_state[f"{prefix}_layer"], st.session_state[f"{prefix}_head"] = map(int, customdata)

    figure(picture, f"{prefix}_heads", f"heads-{name}", choose)
    return _pick_head(prefix, *names)


def _chosen_head(prefix: str, shape: tuple[int, int]) -> tuple[int, int]:
    """Layer and head that are looked at, counted from 0; the last layer's first head to begin with."""
    layer = st.session_state.setdefault(f"{prefix}_layer", shape[0] - 1)
    head = st.session_state.setdefault(f"{prefix}_head", 0)
    return min(layer, shape[0] - 1), min(head, shape[1] - 1)


def _pick_head(prefix: str, layers: tuple[str, ...], heads: tuple[str, ...]) -> tuple[int, int]:
    """The same choice without a mouse."""
    layer, head = _chosen_head(prefix, (len(layers), len(heads)))
    st.session_state[f"{prefix}_layer"], st.session_state[f"{prefix}_head"] = layer, head
    left, right = st.columns(2)
    with left:
        layer = st.selectbox("Layer", range(len(layers)), format_func=layers.__getitem__, key=f"{prefix}_layer")
    with right:
        head = st.selectbox("Head", range(len(heads)), format_func=heads.__getitem__, key=f"{prefix}_head")
    return layer, head


def show_map(prefix: str, encoding: Encoding, layer: int, head: int) -> None:
    """Who looks at whom, in one head."""
    from featcore import draw

    picture = drawn(draw.attention_map, encoding.head(layer, head), encoding.sequence)
    figure(picture, f"{prefix}_map", f"attention-layer{layer + 1}-head{head + 1}")


def show_gaze(prefix: str, source: Source, encoding: Encoding, layer: int, head: int) -> None:
    """Where one unit looks, or who looks at it, drawn on the input."""
    from featcore import draw

    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        unit = pick_unit(f"{prefix}_unit", encoding.units)
    with right:
        way = st.segmented_control(
            "Direction",
            ["looks at", "is looked at by"],
            default="looks at",
            required=True,
            key=f"{prefix}_way",
            bind="query-params",
        )
    weights = encoding.head(layer, head)
    if unit is None:
        row = weights.mean(0) if way == "looks at" else weights.mean(1)
        st.caption("No unit is marked: the average over all positions is shown. Click one to see its own.")
    else:
        at = encoding.positions[unit]
        row = weights[at] if way == "looks at" else weights[:, at]
    scores = row[encoding.positions]
    scale = draw.Scale.of(scores, signed=False)
    picture = drawn(draw.on_source, source, encoding.units, scores, scale, selected=unit, name="weight")
    away = f"{1 - scores.sum():.0%} of it goes to special positions, which are not drawn." if way == "looks at" else ""
    figure(picture, f"{prefix}_gaze", f"gaze-layer{layer + 1}-head{head + 1}", mark_unit(f"{prefix}_unit"), away)
