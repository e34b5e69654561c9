"""The frame around every page. The folder is the menu: pages/<order>_<section>/<page>.py."""

import re
from pathlib import Path

import streamlit as st

from featcore.settings import settings
from pages.ui.cached import warm_up
from pages.ui.show import show_settings

FRONT = "compare"
PAGES = Path(__file__).parent.parent


def label(path: Path) -> str:
    """'2_explain' -> 'Explain'; a leading number only orders the menu."""
    return re.sub(r"^\d+_", "", path.stem).replace("_", " ").capitalize()


def menu() -> dict[str, list]:
    """Section to pages, the front page first; a section folder starts with a number."""
    sections = [folder for folder in sorted(PAGES.iterdir()) if re.match(r"\d+_", folder.name)]
    return {
        label(folder): [
            st.Page(page, title=label(page), default=page.stem == FRONT)
            for page in sorted(folder.glob("*.py"), key=lambda page: (page.stem != FRONT, page.stem))
        ]
        for folder in sections
    }


st.set_page_config(page_title="Tessera", page_icon=settings().assets / "icon.png", layout="wide")
page = st.navigation(menu())
page.run()
show_settings()
warm_up()
