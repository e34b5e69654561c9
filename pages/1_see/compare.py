"""Compare: what does each side read, what does it answer, which units carry the answer, and what does that cost?"""

import streamlit as st

from pages import ui

st.title("Tokens and fragments under one ruler")
st.caption(
    "Text models read tokens; vision models read space-time fragments: patches of a picture, tubelets of a video. "
    "Both are units. Put any two inputs side by side: cut, answered, explained and timed with the same definitions."
)

ui.pick_preset()
panes = [ui.Pane("a", "text"), ui.Pane("b", "image")]
ui.row("", "", panes, ui.Pane.choose, border=True)
ask = ui.pick_comparison([pane.card for pane in panes if pane.card])

ui.show_cuts(panes)
ui.row("The answer", "Softmax of the class scores.", panes, ui.Pane.show_prediction)
ui.show_attention(panes)
ui.row("", "", panes, lambda pane: pane.explain(ask.method, ask.target, ask.knobs))
ui.show_attributions(panes)

ui.show_costs(panes)
ui.show_concentration(panes)
ui.show_table(panes)
ui.show_link(panes)
