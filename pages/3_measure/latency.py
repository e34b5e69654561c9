"""Latency: what does each stage cost, for text, picture and clip?"""

import streamlit as st

from featcore import draw
from pages import ui

st.title("Latency")
st.caption("What does each stage cost, from reading the file to the attribution? Text, picture and clip on one axis.")

with st.container(border=True):
    names, measure, uploaded = ui.pick_timing("l")
times = ui.timed_all(names, measure, uploaded)
if times:
    st.subheader("Stage by stage", help=ui.STAGES_HELP)
    per_unit = st.toggle("Per token or fragment", key="l_per_unit", bind="query-params")
    ui.show_stages({title: each.latencies for title, each in times.items()}, "l_stages", per_unit)
    ui.download_all("l", times)
    one, records = ui.pick_stage("l", times)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(
            "Percentiles",
            help="A percentile is shown only where there are enough samples to bound it. Whisker: 95 % interval of the "
            "median. Dots: single calls, the tick the fastest. Hollow: the first, cold call.",
        )
        ui.figure(ui.drawn(draw.percentiles, [one]), "l_percentiles", f"percentiles-{one.stage}")
    with right:
        st.subheader(
            "In the order they ran",
            help="Drift and single outliers show here. Whether the machine was busy is told by its load, other "
            "programs and the time its host took; clocks and temperature are not recorded.",
        )
        ui.figure(ui.drawn(draw.trace, one), "l_trace", f"trace-{one.stage}")
    ui.download_one("l", records)
else:
    st.info("Nothing has been timed yet. Press Measure here.", icon=":material/timer:")
ui.show_pairs("p", names)
