"""Latency: what does each stage cost, for text, picture and clip?"""

import streamlit as st

from featcore import draw
from pages import ui

st.title("Latency")
st.caption("What does each stage cost, from reading the file to the attribution? Text, picture and clip on one axis.")

with st.container(border=True):
    names, measure = ui.pick_timing("l")
times = ui.timed_all(names, measure)
if times:
    per_unit = st.toggle("Per token or fragment", key="l_per_unit", bind="query-params")
    ui.show_stages(times, "l_stages", per_unit)
    one = ui.pick_stage("l", times)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Percentiles", help="A percentile is shown only where there are enough samples to bound it.")
        ui.figure(ui.drawn(draw.percentiles, [one]), "l_percentiles", f"percentiles-{one.stage}")
    with right:
        st.subheader("In the order they ran", help="Shows warm-up left in, throttling and disturbance.")
        ui.figure(ui.drawn(draw.trace, one), "l_trace", f"trace-{one.stage}")
else:
    st.info("Nothing has been timed yet. Press Measure here.", icon=":material/timer:")
ui.show_pairs("p", names)
