"""What an encoder is and costs on this server, in words, before it is loaded."""

from typing import Any

import streamlit as st

from featcore.encode.about import NOT_STATED, non_commercial, provided, provided_by_family
from featcore.encode.libraries import loaded
from featcore.encode.room import in_bytes
from featcore.encode.spare import free_here, weight_bytes, why_not
from featcore.errors import LoadError
from featcore.measure.files import Record
from featcore.settings import settings
from featcore.types import Card, Modality
from pages.ui.show import escape

BEHIND = " · "
"""Between the name of an encoder and what is said of it; addresses hold both."""
SAME_MEMORY = 0.02
"""A machine whose memory differs by less than this share is of the same kind: kernels keep different parts of it."""


def line_of_card(card: Card) -> str:
    """An encoder that is here, as the list shows it."""
    return _line(card.title, card.parameters, provided(card), card.licence)


def lines_of_folders(modality: Modality | None) -> dict[str, str]:
    """Folders under the roots that read a kind of input, or any, as the list shows them; of their weights only the
    headers are read. Of two towers each has a line; a folder that cannot be loaded says why once it is chosen."""
    from featcore.encode.catalog import card_of, folders, folders_of_two
    from featcore.encode.names import TOWERS

    both, found = folders_of_two(), {}
    for folder in folders():
        for tower in TOWERS if folder in both else ("",):
            name = f"#{tower}" if tower else ""
            try:
                card = card_of(folder, tower, hashed=False)
            except LoadError:
                found[f"{folder}{name}"] = f"{folder.name}{name}{BEHIND}folder{BEHIND}cannot be loaded"
                continue
            if modality in (None, card.modality):
                label = f"{folder.name}{name}{BEHIND}folder"
                found[f"{folder}{name}"] = _line(label, card.parameters, provided(card), card.licence)
    return found


def line_of_row(row: Any, name: str) -> str:
    """A checkpoint of the curated list, as the list shows it."""
    line = _line(name, row.parameters, provided_by_family(row.family, row.answers), row.licence)
    return line if row.proven else f"{line}{BEHIND}safetensors not proven"


def licence_in_words(licence: str) -> str:
    """A licence, marked where it excludes commercial use."""
    if licence == NOT_STATED:
        return f"licence {NOT_STATED}"
    return f"{licence}{BEHIND}non-commercial" if non_commercial(licence) else licence


def say_costs(card: Card) -> None:
    """Below the list: what the chosen encoder provides and costs here."""
    st.caption(escape(f"Provides {', '.join(provided(card))}. {costs(card)}"))


def costs(card: Card) -> str:
    """Memory of the weights here, whether that is free, and how long a pass took on a machine of this kind."""
    said = f"Its weights take {in_bytes(weight_bytes(card.parameters))} as {settings().dtype}"
    known = free_here()
    if refused := why_not(card.parameters):
        said += f", {refused}."
    elif known is not None:
        said += f"; {in_bytes(known[0])} are free on {known[1]}, so it fits."
    else:
        said += "."
    return f"{said} {_measured(card)}".strip()


def _line(name: str, parameters: int, gives: tuple[str, ...], licence: str) -> str:
    size = f"{parameters / 1e6:.{0 if parameters >= 10e6 else 1}f} M" if parameters >= 1e5 else f"{parameters:,}"
    parts = [name, f"{size} parameters", f"{in_bytes(weight_bytes(parameters))} as {settings().dtype}"]
    if why_not(parameters):
        parts.append("does not fit here")
    return BEHIND.join([*parts, *gives, licence_in_words(licence)])


def _measured(card: Card) -> str:
    """The median of a pass in the latest record of these weights that a machine of this kind made; "" without one."""
    if not loaded():  # a machine is told apart by what the libraries see
        return ""
    from pages.ui.records import shipped_records

    ran = [run for key, runs in st.session_state.items() if str(key).endswith("_runs") for run in runs]
    records = [*shipped_records(), *(record for run in ran if hasattr(run, "records") for record in run.records())]
    found = [record for record in records if _is_pass(record, card) and _of_this_kind(record)]
    if not found:
        return "No record of this machine says how long a pass takes; the page Latency measures it."
    last = max(found, key=lambda record: str(record["time_utc"]))
    day = str(last["time_utc"])[:10]
    return (
        f"A pass of {last['tokens']} positions took {1e3 * last['p50_s']:.3g} ms (median of {last['n']}, {day}, a "
        "machine like this one)."
    )


def _is_pass(record: Record, card: Card) -> bool:
    asked = {"weights_sha256": card.weights_sha256, "stage": "encode", "dtype": settings().dtype, "batch": 1}
    asked |= {"weights": "pretrained", "compiled": "none", "disturbed": False}
    return all(record.get(name) == value for name, value in asked.items()) and bool(record.get("p50_s"))


def _of_this_kind(record: Record) -> bool:
    """Whether a record was made on a machine with this one's accelerator, processor, cores and memory."""
    here = _machine()
    if any(record.get(name) != here[name] for name in ("device", "gpu", "cpu_model", "cores")):
        return False
    theirs, ours = record.get("memory_bytes"), here["memory_bytes"]
    return theirs == ours or bool(theirs and ours and abs(theirs - ours) <= SAME_MEMORY * ours)


@st.cache_resource(show_spinner=False)
def _machine() -> Record:
    from featcore.measure.records import machine

    return machine()
