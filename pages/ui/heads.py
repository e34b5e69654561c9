"""What the page Attention shares: statistics of every head, one head's map, and where one unit looks."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from featcore.compare.attention import HeadStatistics
from featcore.encode.layouts import layout_of
from featcore.types import Card, Encoding, Source
from pages.ui.cached import drawn, fetch
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


def head_statistics(card: Card, encoding: Encoding, source: Source) -> HeadStatistics:
    """Entropy, distance and shares of every head."""

    def compute(progress: Callable) -> HeadStatistics:
        from featcore.compare.attention import head_statistics

        assert encoding.attention is not None
        return head_statistics(encoding.attention, encoding.positions, encoding.units)

    question = {"what": "heads", "weights": card.weights_sha256, "source": source.key, "size": list(card.input_size)}
    return fetch(question, compute, "Statistics of the heads")


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

    assert encoding.attention is not None
    picture = drawn(draw.attention_map, encoding.attention[layer, head], encoding.sequence)
    figure(picture, f"{prefix}_map", f"attention-layer{layer + 1}-head{head + 1}")


def show_gaze(prefix: str, source: Source, encoding: Encoding, layer: int, head: int) -> None:
    """Where one unit looks, or who looks at it, drawn on the input."""
    from featcore import draw

    assert encoding.attention is not None
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
    weights = encoding.attention[layer, head]
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
