"""Trust: which method's scores does the model itself bear out?"""

import streamlit as st

from pages import ui

st.title("Trust")
st.caption(
    "Which method's scores does the model itself bear out, and which point where people say the answer lies? Two maps "
    "that know nothing stand beside every method, one by chance and one by place: below them, a number means nothing."
)

with ui.friendly_errors():
    st.subheader("Inputs that somebody marked")
    with st.container(border=True):
        ui.show_shipped_trust("g")
    st.subheader("Your own input")
    with st.container(border=True):
        asked = ui.pick_one("u")
        judging = ui.pick_judging("u", asked.card) if asked else None
    if asked and judging:
        found = ui.judged_all(asked, judging)
        table = st.container()
        ui.check_methods("u", asked, found)
        ui.show_checks("u", found)
        with table:
            ui.show_verdicts("u", asked, found)
        left, right = st.columns([6, 5], gap="large")
        with left:
            ui.show_judged_curves("u", found)
        with right:
            ui.show_agreement("u", found)
        ui.show_pairs_agreeing(found)
        st.subheader("What should carry the answer?")
        ui.show_marked("u", asked, [each.map for each in (*found.judged.values(), *found.chance)])
        ui.show_judging(found)
