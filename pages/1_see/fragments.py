"""Fragments: what are the units of a picture or a clip, and what does one of them hold?"""

import streamlit as st

from pages import ui

st.title("Fragments")
st.caption("The units of a picture or a clip: choose size, depth and stride, and click a fragment to see its pixels.")

choices, picture = st.columns([1, 2], gap="large")
with ui.friendly_errors(), choices:
    picked = ui.pick_input("f", ui.pick_kind("f", "image", kinds=("image", "video")), frames=8)
    if picked:
        cut = ui.pick_cut("f", picked.source)
        units = ui.cut_units(picked.source, cut)
        opacity = ui.pick_opacity("f")
        unit = ui.pick_unit("f_unit", units)
        ui.show_unit(units, picked.source, unit)
        with picture:
            ui.show_cut("f", picked.source, units, unit, opacity)
