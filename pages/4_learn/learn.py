"""Learn: how does an encoder come to know its units?"""

import streamlit as st

from pages import ui

st.title("Learn")
st.caption(
    "How does an encoder come to know its units? Train one from random weights, climb from a poor recipe to a good "
    "one, or teach an encoder your own classes. Shuffle the labels to see what is left to learn: chance."
)

wish = None
with ui.friendly_errors():
    wish = ui.pick_wish("n")
with ui.friendly_errors():  # a run stays in sight when what is asked next is refused
    ui.start_run("n", wish)
    ui.show_run("n", wish)
