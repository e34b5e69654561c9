"""Attribution: which units carry the answer, and do the methods agree?"""

import streamlit as st

from pages import ui

st.title("Attribution")
st.caption("Which tokens or fragments carry the answer? Several methods over the same units, and two floors.")

with ui.friendly_errors():
    with st.container(border=True):
        asked = ui.pick_one("r")
        methods, target, common = ui.pick_methods("r", asked.card) if asked else ([], "", False)
    if asked:
        found = ui.show_methods("r", asked, methods, target, common)
        ui.show_ranking("r", found)
