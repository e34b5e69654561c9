"""What pages show of a clip beyond its film: scores over time, the strongest fragments, and the film to keep."""

from typing import TYPE_CHECKING

import streamlit as st

from featcore.types import Attribution, Clip, Source
from pages.ui.cached import drawn
from pages.ui.show import figure
from pages.ui.units import mark_unit

if TYPE_CHECKING:
    from featcore.draw import Scale

MOST = 8
FILMS = {"webm": "VP9 in WebM, for browsers and slides", "gif": "GIF, which plays everywhere and is larger"}


def film_buttons(prefix: str, source: Source, found: Attribution, scale: "Scale") -> None:
    """The film as a file, made when asked for; nothing for a text or a picture."""
    from featcore import draw

    if not isinstance(source, Clip) or source.still:
        return
    makers = {"webm": draw.film_webm, "gif": draw.film_gif}
    with st.container(horizontal=True, gap="small"):
        for kind, about in FILMS.items():
            st.download_button(
                kind.upper() if kind == "gif" else "WebM",
                data=lambda make=makers[kind]: make(source, found, scale),
                file_name=f"tessera-{found.provenance.encoder.split('/')[-1]}-{found.method}.{kind}",
                mime="image/gif" if kind == "gif" else "video/webm",
                key=f"{prefix}_{kind}",
                on_click="ignore",
                type="tertiary",
                icon=":material/movie:",
                help=f"The clip under its scores: {about}. Method, target, encoder and scale stand below every frame.",
            )


def show_over_time(prefix: str, mark: str, source: Source, found: Attribution, scale: "Scale") -> None:
    """Scores by time slot and the strongest fragments of a clip; nothing for a text or a picture.

    Args:
        mark: the key of the marked unit.
    """
    from featcore import draw

    if not isinstance(source, Clip) or source.still:
        return
    with st.expander("Over time", key=f"{prefix}_time", icon=":material/schedule:", on_change="rerun") as part:
        if not part.open:
            return
        left, right = st.columns([2, 3], gap="large")
        with left:
            figure(drawn(draw.profile, found.units, found.scores), f"{prefix}_profile", "scores-over-time")
        with right:
            marked = st.session_state.get(mark)
            picture = drawn(
                draw.strongest,
                source,
                found.units,
                found.scores,
                scale,
                MOST,
                marked if isinstance(marked, int) else None,
            )
            figure(picture, f"{prefix}_strongest", "strongest-fragments", mark_unit(mark), picture.alt)
