"""Learn: how does an encoder come to know its units?"""

import streamlit as st

from pages import ui

st.title("Learn")
st.caption(
    "How does an encoder come to know its units? Train an embedded one from random weights on a part of its data, here "
    "and now. Shuffle the labels to see what a model learns that has nothing to learn: chance."
)

with ui.friendly_errors():
    wish = ui.pick_wish("n")
    ui.start_run("n", wish)
    ui.show_run("n", wish)
