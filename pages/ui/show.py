"""What a page shows around its pictures: errors in words, notes, provenance, and every figure's numbers."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import streamlit as st

from featcore.encode.libraries import loaded
from featcore.errors import Cancelled, FeatcoreError
from featcore.types import Provenance

if TYPE_CHECKING:
    from featcore.draw import Picture


@contextmanager
def friendly_errors() -> Iterator[None]:
    """A deliberate error appears in words where the panel would be; other panels stay. Bugs stay loud."""
    try:
        yield
    except Cancelled as stopped:
        st.info(str(stopped), icon=":material/stop_circle:")
    except FeatcoreError as error:
        st.error(str(error), icon=":material/error:")


def figure(
    picture: "Picture",
    key: str,
    name: str,
    on_mark: Callable[[Any], None] | None = None,
    caption: str = "",
) -> None:
    """A figure with its text alternative, a camera, its numbers as CSV, and what happens when a mark is clicked.

    Args:
        name: file name of downloads, without ending.
        on_mark: called with the `customdata` of the clicked mark.
        caption: plain text below the figure, beside the button for its numbers.
    """
    from featcore import draw

    def chosen() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points and on_mark is not None:
            on_mark(points[0]["customdata"])

    st.plotly_chart(
        picture,
        key=key,
        config=draw.config(name, st.session_state.get("picture_format", "svg")),
        alt=picture.alt,
        on_select=chosen if on_mark else "ignore",
        selection_mode="points",
    )
    with st.container(horizontal=True, wrap=False, vertical_alignment="top", gap="small"):
        st.caption(escape(caption), width="stretch")
        st.download_button(
            "CSV",
            data=lambda: to_csv(picture.table),
            file_name=f"{name}.csv",
            mime="text/csv",
            key=f"csv-{key}",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
            help="The numbers behind this picture",
        )


def to_csv(table: dict[str, Any]) -> str:
    """Columns as CSV; a cell that a spreadsheet would run as a formula is quoted by an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow(f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" else cell for cell in row)
    return out.getvalue()


def notes(lines: tuple[str, ...]) -> None:
    """What a person should know about this input, one small line each."""
    for line in lines:
        st.caption(f":material/info: {escape(line)}")


def provenance(made: Provenance, *more: str) -> None:
    """How a number came about, in one small line."""
    versions = ", ".join(f"{name} {number}" for name, number in made.versions)
    place = f"{made.machine}, " if made.machine else ""
    parts = [
        *more,
        f"{made.encoder} ({made.revision[:12]})",
        f"{made.device}, {made.dtype}, {made.attention} attention, {made.threads} threads",
        f"{place}{made.time_utc.replace('T', ' ')[:16]} UTC",
        versions,
    ]
    st.caption(escape(" · ".join(parts)))


def escape(text: str) -> str:
    """Text of a stranger as Markdown shows it literally."""
    for mark in "\\`*_{}[]()<>#+-.!|~$:":
        text = text.replace(mark, f"\\{mark}")
    return text


def plural(count: int, word: str) -> str:
    """'1 patch', '2 patches', '3 tokens'."""
    return f"{count} {word}" if count == 1 else f"{count} {word}{'es' if word.endswith(('ch', 'ss', 'x')) else 's'}"


def show_settings() -> None:
    """What holds for every page: where numbers are computed, and the format of downloaded pictures."""
    with st.sidebar:
        st.badge(device_badge(), icon=":material/memory:", color="gray")
        st.segmented_control(
            "Camera saves",
            ["svg", "png"],
            default="svg",
            required=True,
            key="picture_format",
            persist_state="session",
            help="The format of the camera button above every picture.",
        )


def device_badge() -> str:
    """The device in words; before the first model runs nobody has asked for one."""
    if not loaded():
        return "device: chosen when a model runs"
    from featcore.encode.device import describe, pick_device

    return describe(pick_device())
