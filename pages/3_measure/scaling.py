"""Scaling: how does the cost grow with the input?"""

import streamlit as st

from pages import ui

st.title("Scaling")
st.caption(
    "How does the cost grow with the input? Tokens and fragments on one axis: at first time hardly grows, then in "
    "proportion, and where attention takes over with the square."
)

with st.container(border=True):
    question = ui.pick_sweep("s")
ui.show_scaling("s", question)
