"""What the page Model shows: the card, parameters and FLOPs by block, and what is not defined."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from featcore.encode.about import bounded
from featcore.encode.room import in_bytes
from featcore.types import Card
from pages.ui.cached import drawn, encoder, fetch
from pages.ui.costs import costs, licence_in_words
from pages.ui.show import escape, figure, notes, provenance

MOST_LABELS, LABEL_CHARACTERS = 20, 40


def checked(card: Card) -> dict[str, Any]:
    """What `featcore check` finds on the first sample of the encoder's kind."""

    def compute(progress: Callable) -> dict[str, Any]:
        with encoder(card) as loaded:
            from featcore.measure.check import check
            from featcore.runs import first_sample

            return check(loaded, first_sample(card))

    who = {"weights": card.weights_sha256, "family": card.family, "size": list(card.input_size)}
    return fetch({"what": "check", **who}, compute, "Checking")


def show_model(prefix: str, card: Card) -> None:
    """The card, then the bars, then what is not defined."""
    import numpy as np

    from featcore import draw

    found = checked(card)
    rows = _rows(card, found)
    st.dataframe(
        {"": list(rows), card.title: list(rows.values())},
        hide_index=True,
        height="content",
        alt="What the encoder is, its licence, how large it is, what it provides and what it sees",
    )
    st.caption(escape(costs(card)))  # after the check, which loads what knows the machine
    st.subheader("Where its units stand")
    _show_places(prefix, found)
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


def _rows(card: Card, found: dict[str, Any]) -> dict[str, str]:
    """The card in words, one line a question."""
    layout = found["layout"]
    rows = {
        "Family": card.family,
        "Class": found["architecture"],
        "Licence": licence_in_words(card.licence),
        "Provides": ", ".join(found["provided"]),
        "Classes": _classes(card.labels),
        "Commit of the hub": card.revision or "none, it is a folder",
        "Weights, SHA-256": card.weights_sha256,
        "Parameters": f"{found['parameters']:,}",
        "Sees": _sees(card),
        "A cell reads": _field(found["receptive_field"]),
        "Before the units": ", ".join(layout["before"]) or "nothing",
        "Units": f"{found['units']} at {found['positions']} positions",
        "Memory": f"{in_bytes(found['weight_bytes'])}, {in_bytes(found['activation_bytes'])} more for gradients",
    }
    return {question: answer for question, answer in rows.items() if answer}


def _show_places(prefix: str, found: dict[str, Any]) -> None:
    """The sequence as it is read, and beside it the grid with the position of each cell; a text has no grid."""
    import numpy as np

    from featcore import draw

    layout = found["layout"]
    names, at = layout["sequence"], np.array(layout["at"])
    strip = drawn(draw.sequence, names, at, np.array(layout["reading"]))
    if not layout["grid"]:
        figure(strip, f"{prefix}_sequence", "sequence", caption=strip.alt)
        return
    left, right = st.columns([3, 2])
    with left:
        figure(strip, f"{prefix}_sequence", "sequence", caption=strip.alt)
    with right:
        grid = drawn(draw.places, tuple(layout["grid"]), at, names)
        figure(grid, f"{prefix}_places", "places", caption=grid.alt)


def _classes(labels: tuple[str, ...]) -> str:
    """How many classes there are and what the first are called."""
    if not labels:
        return "none of its own"
    shown = ", ".join(bounded(label, LABEL_CHARACTERS) for label in labels[:MOST_LABELS])
    more = f" and {len(labels) - MOST_LABELS:,} more" if len(labels) > MOST_LABELS else ""
    return f"{len(labels):,}: {shown}{more}"


def _field(field: tuple[int, ...] | None) -> str:
    """The receptive field of the middle cell, in words; "" where units are none of a feature map."""
    if not field:
        return ""
    return f"the middle one {field[-1]} x {field[-2]} pixels" + "".join(f" in {count} frames" for count in field[:-2])


def _sees(card: Card) -> str:
    """The largest input, in words."""
    if card.modality == "text":
        return f"up to {card.input_size[0]} tokens, special ones included"
    frames, rows, columns = card.input_size
    return f"{columns} x {rows} pixels" + (f" in {frames} frames" if frames > 1 else "")
