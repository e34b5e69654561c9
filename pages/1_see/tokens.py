"""Tokens: what are the units of a text, and how differently do two tokenizers cut it?"""

import streamlit as st

from pages import ui

st.title("Tokens")
st.caption(
    "What are the units of a text, and how differently do two tokenizers cut it? Click a token to find it in both."
)

with st.container(border=True), ui.friendly_errors():
    picked = ui.pick_input("t", "text")
names = ui.tokenizer_names()
for side, column in zip("ab", st.columns(2, gap="large"), strict=True):
    with column, ui.friendly_errors():
        name = st.selectbox(
            "Tokenizer",
            names,
            0 if side == "a" else names.index("bytes"),
            key=f"t_tokenizer_{side}",
            bind="query-params",
        )
        if picked:
            ui.show_tokens(f"t_{side}", "t_marked", ui.tokens(name, picked.source))
