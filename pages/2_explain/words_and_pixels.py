"""Words and pixels: do a model that reads tokens and one that looks at pictures of text lean on the same words?"""

import streamlit as st

from pages import ui

st.title("Words and pixels")
st.caption(
    "The same sentence as tokens and as a picture of its letters. Do the two models lean on the same words, and what "
    "does a wrong letter, another order or a missing 'not' do to each?"
)

asked, readings = None, []
with ui.friendly_errors():
    asked = ui.pick_words("w")
with ui.friendly_errors():
    if asked:
        readings = ui.read_words(asked)
        ui.show_readings("w", asked, readings)
        ui.show_words("w", asked, readings)
with ui.friendly_errors():  # a text that one choice refuses still has its variants
    if asked:
        ui.show_variants("w", asked)
if readings:
    ui.show_work("w", readings)
    ui.show_word_conditions(readings)
