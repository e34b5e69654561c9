"""Attribution: which units carry the answer, and do the methods agree?"""

import streamlit as st

from pages import ui

st.title("Attribution")
st.caption("Which tokens or fragments carry the answer? Several methods over the same units, and two floors.")

with ui.friendly_errors():
    with st.container(border=True):
        asked = ui.pick_one("r")
        choices = ui.pick_methods("r", asked.card) if asked else None
    if asked and choices and choices.complete:
        found = ui.show_methods("r", asked, choices)
        ui.show_ranking("r", found)
