"""Similarity: what makes two inputs alike for an encoder, on both sides at once?"""

import streamlit as st

from pages import ui

st.title("Similarity")
st.caption(
    "What makes two inputs alike? An encoder gives each of them a vector; the cosine of the two is explained unit by "
    "unit, on both sides. A text and a picture can be compared by a checkpoint with two towers (CLIP, SigLIP)."
)

with ui.friendly_errors():
    with st.container(border=True):
        pair = ui.pick_pair("y")
    if pair is None:
        ui.say_how_to_get_two_towers()
    else:
        ui.show_pair("y", pair)
