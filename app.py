"""What `streamlit run app.py` starts. The frame is a script of its own, in a folder without a `pages` folder beside it:
Streamlit would otherwise look for the address of a first visitor among `pages/*.py` and say that it does not exist.
"""

import runpy
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages import ui  # noqa: F401  while the server starts, so that the first visitor does not wait for it

FRAME = Path(__file__).parent / "pages" / "ui" / "frame.py"

if get_script_run_ctx(suppress_warning=True):
    runpy.run_path(str(FRAME), run_name="__main__")  # run as a script inside a session, as AppTest does
else:
    app = st.App(FRAME)
