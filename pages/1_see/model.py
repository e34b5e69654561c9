"""Model: what is this encoder, what does each block of it cost, and what is not defined for it?"""

import streamlit as st

from pages import ui

st.title("Model")
st.caption(
    "What does an encoder provide, what does each block cost on a sample, and what is not defined for it, and why?"
)

with ui.friendly_errors():
    with st.container(border=True):
        card = ui.pick_encoder("m", ui.pick_kind("m"), costs=False)
    ui.show_model("m", card)
