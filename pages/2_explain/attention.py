"""Attention: which head looks where?"""

import streamlit as st

from featcore.types import Look
from pages import ui

st.title("Attention")
st.caption(
    "Which head looks where? Click a head to see its map, then a unit to see where it looks. Attention is a weight "
    "that the model computes, without sign; it is not an explanation of the answer."
)

with ui.friendly_errors():
    with st.container(border=True):
        asked = ui.pick_one("h", needs=frozenset({"attention"}))
    if asked:
        ui.show_size(asked.card, asked.picked.source)
        left, right = st.columns(2, gap="large")
        with left:
            found = ui.head_statistics(asked.card, asked.picked.source)
            layer, head = ui.show_heads("h", asked.card, found)
        encoding = ui.encoded(asked.card, asked.picked.source, Look((layer,), (head,)))
        with right:
            ui.show_map("h", encoding, layer, head)
        ui.show_gaze("h", asked.picked.source, encoding, layer, head)
        ui.provenance(encoding.provenance)
