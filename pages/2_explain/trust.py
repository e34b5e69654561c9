"""Trust: which method's scores does the model itself bear out?"""

import streamlit as st

from pages import ui

st.title("Trust")
st.caption(
    "Which method's scores does the model itself bear out? Units are hidden and put back in the order of each map. Two "
    "maps that know nothing stand beside every method, one by chance and one by place: below them, a number means "
    "nothing."
)

# The shipped table over a set of inputs stands here, above the person's own input (featcore.trust).

with ui.friendly_errors():
    with st.container(border=True):
        asked = ui.pick_one("u")
        judging = ui.pick_judging("u", asked.card) if asked else None
    if asked and judging:
        found = ui.judged_all(asked, judging)
        table = st.container()
        ui.check_all("u", found)
        ui.show_checks("u", found)
        with table:
            ui.show_verdicts("u", found)
        left, right = st.columns([6, 5], gap="large")
        with left:
            ui.show_judged_curves("u", found)
        with right:
            ui.show_agreement("u", found)
        ui.show_conditions(found)
