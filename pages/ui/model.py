"""What the page Model shows: the card, parameters and FLOPs by block, and what is not defined."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from featcore.types import Card
from pages.ui.cached import drawn, encoder, fetch
from pages.ui.show import escape, figure, notes, provenance


def checked(card: Card) -> dict[str, Any]:
    """What `featcore check` finds on the first sample of the encoder's kind."""

    def compute(progress: Callable) -> dict[str, Any]:
        from featcore.measure.check import check
        from featcore.runs import first_sample

        with encoder(card) as loaded:
            return check(loaded, first_sample(card))

    who = {"weights": card.weights_sha256, "family": card.family, "size": list(card.input_size)}
    return fetch({"what": "check", **who}, compute, "Checking")


def show_model(prefix: str, card: Card) -> None:
    """The card, then the bars, then what is not defined."""
    import numpy as np

    from featcore import draw

    found = checked(card)
    layout = found["layout"]
    st.dataframe(
        {
            "": [
                *("Family", "Class", "Licence", "Commit of the hub", "Weights, SHA-256", "Parameters", "Sees"),
                *("Before the units", "Units", "Memory"),
            ],
            card.title: [
                card.family,
                found["architecture"],
                card.licence,
                card.revision or "none, it is a folder",
                card.weights_sha256,
                f"{found['parameters']:,}",
                _sees(card),
                ", ".join(layout["before"]) or "nothing",
                f"{found['units']} at {found['positions']} positions",
                f"{found['weight_bytes'] / 1e6:.1f} MB, {found['activation_bytes'] / 1e6:.1f} MB more for gradients",
            ],
        },
        hide_index=True,
        alt="What the encoder is, how large it is and what it sees",
    )
    st.subheader("Where its units stand")
    strip = drawn(draw.sequence, layout["sequence"], np.array(layout["at"]), np.array(layout["reading"]))
    figure(strip, f"{prefix}_sequence", "sequence", caption=strip.alt)
    names = [block["name"] for block in found["blocks"]]
    for column, key, title in zip(st.columns(2), ("parameters", "flop"), ("Parameters", "FLOP"), strict=True):
        with column:
            st.subheader(f"{title} by block")
            values = np.array([block[key] / 1e6 for block in found["blocks"]])
            figure(drawn(draw.bars, names, values, name=f"{title}, million"), f"{prefix}_{key}", f"{key}-by-block")
    st.subheader("Not defined for it")
    for reason in found["not_defined"].values():
        st.markdown(f"- {escape(reason)}")
    if not found["not_defined"]:
        st.caption("Every method is defined for this encoder.")
    counted = f"FLOP counted by PyTorch in one pass of '{found['input']}', attention written out"
    provenance(found["provenance"], counted)
    notes(tuple(found["notes"]))


def _sees(card: Card) -> str:
    """The largest input, in words."""
    if card.modality == "text":
        return f"up to {card.input_size[0]} tokens, special ones included"
    frames, rows, columns = card.input_size
    return f"{columns} x {rows} pixels" + (f" in {frames} frames" if frames > 1 else "")
