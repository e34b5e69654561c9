"""What the page Learn asks: which encoder, on which data, how much of it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from featcore.errors import InputError
from featcore.keys import digest
from featcore.learn.ladder import RUNGS, recorded
from featcore.learn.live import OwnWish, Wish
from featcore.settings import settings
from featcore.types import Modality
from pages.ui.cached import drawn
from pages.ui.choose import FILES, KINDS, pick_encoder
from pages.ui.show import escape, figure

TASKS = {"embedded": "An embedded encoder", "ladder": "The accuracy ladder", "own": "Your own data"}
MODES = {
    "head": ("Classifier alone", "fast, and enough where the encoder already sees what matters"),
    "full": ("All weights", "slower, and able to learn what the encoder does not see yet"),
    "lora": ("Low-rank adapters", "small products beside frozen weights; needs the package peft"),
}
# Files below the data folder; of a tuple, one is enough.
NEEDS = {
    "text": (("sst2/train.tsv",), ("sst_trees/train.txt",), ("imdb/train.jsonl.gz",)),
    "image": (("cifar10/train.npz", "cifar10/cifar-10-batches-py/data_batch_1"),),
}
_READS_TEXT = ("pixel-mini",)  # pictures drawn from the data of the text encoders


def pick_task(prefix: str) -> str:
    """An embedded encoder, a step of the ladder, or the person's own data."""
    return st.segmented_control(
        "What to train",
        list(TASKS),
        default="embedded",
        required=True,
        format_func=TASKS.__getitem__,
        key=f"{prefix}_task",
        bind="query-params",
        label_visibility="collapsed",
    )


def pick_wish(prefix: str) -> Wish | OwnWish | None:
    """What to train; None while a person has not given their data."""
    task = pick_task(prefix)
    if task == "own":
        return _pick_own(prefix)
    if task == "ladder":
        _show_ladder(prefix)
    with st.container(border=True):
        first, rest = st.columns([3, 7], vertical_alignment="bottom")
        with first:
            name, modality, classes = _pick_rung(prefix) if task == "ladder" else _pick_embedded(prefix)
        with rest:
            amount = _pick_amount(prefix)
        shuffled = _pick_shuffled(prefix)
        _check_data(name, modality)
    return Wish(name, *amount, shuffled, classes)


def _pick_embedded(prefix: str) -> tuple[str, Modality, int]:
    """Name, kind of input and number of classes."""
    from featcore.encode.catalog import EMBEDDED, encoders

    cards = {card.name: card for card in encoders() if card.name in EMBEDDED}
    name = st.selectbox(
        "Encoder",
        sorted(cards, key=lambda name: cards[name].modality != "video"),
        format_func=lambda name: cards[name].title,
        key=f"{prefix}_recipe",
        bind="query-params",
        help="Its clips are rendered by Tessera itself; text and pictures need their data sets.",
    )
    return name, cards[name].modality, len(cards[name].labels)


def _pick_rung(prefix: str) -> tuple[str, Modality, int]:
    titles = {rung.recipe: rung.title for rung in RUNGS}
    name = st.selectbox("Step", list(titles), format_func=titles.__getitem__, key=f"{prefix}_rung", bind="query-params")
    return name, "image", 10


def _pick_amount(prefix: str) -> tuple[int, float, int]:
    """Examples, epochs and seed."""
    one, two, three = st.columns([3, 2, 2], vertical_alignment="bottom")
    with one:
        limit = st.select_slider(
            "Examples",
            [500, 1000, 2000, 4000, 8000, 16000, 32000],
            16000,
            key=f"{prefix}_limit",
            bind="query-params",
            help="Of each split at most: few examples train fast and know little.",
        )
    with two:
        epochs = st.number_input("Epochs", 0.5, 20.0, 2.0, 0.5, key=f"{prefix}_epochs", bind="query-params")
    with three:
        seed = st.number_input("Seed", 0, 1000, 0, key=f"{prefix}_seed", bind="query-params")
    return int(limit), float(epochs), int(seed)


def _pick_shuffled(prefix: str) -> bool:
    return st.toggle(
        "Shuffle the labels (control)",
        key=f"{prefix}_shuffled",
        bind="query-params",
        help="Every example gets the label of another one. Whatever is above chance then is a fault.",
    )


def _check_data(name: str, modality: Modality) -> None:
    """Say which files are missing before anybody starts."""
    here, kind = settings().data, "text" if name in _READS_TEXT else modality
    missing = [part[0] for part in NEEDS.get(kind, ()) if not any((here / path).is_file() for path in part)]
    if missing:
        raise InputError(
            f"{name} learns from {', '.join(missing)}, which is not in '{here}'. "
            "Put it there, name another folder in FEATCORE_DATA, or train the video encoder: it renders its own clips. "
            f"'featcore train {name}' downloads what can be downloaded."
        )


def _show_ladder(prefix: str) -> None:
    """What each step of the recipe is worth, from the recorded full runs."""
    from featcore import draw

    cards = {rung: card for rung in RUNGS if (card := recorded(rung.recipe)) is not None}
    if not cards:
        st.info("No full run of the ladder is recorded here. 'featcore train conv-article' begins one.")
        return
    tests = [card["test"] for card in cards.values()]
    picture = drawn(
        draw.ladder,
        [rung.title for rung in cards],
        [test["accuracy"] for test in tests],
        [(test["low"], test["high"]) for test in tests],
        [rung.change for rung in cards],
    )
    figure(picture, f"{prefix}_ladder", "accuracy-ladder", caption=picture.alt)
    st.markdown(
        "\n".join(
            f"{number}. **{rung.title}** ({card['seconds'] / 60:.0f} min, {card['parameters']:,} parameters). "
            f"{rung.change}"
            for number, (rung, card) in enumerate(cards.items(), start=1)
        )
    )


def _pick_own(prefix: str) -> OwnWish | None:
    """An encoder, a way of tuning it, and the person's files, with what is usable of them."""
    with st.container(border=True):
        one, two, three, four = st.columns([3, 3, 2, 2], vertical_alignment="bottom")
        with one:
            card = pick_encoder(f"{prefix}_own")
        with two:
            mode = st.selectbox(
                "What learns",
                list(MODES),
                format_func=lambda mode: MODES[mode][0],
                key=f"{prefix}_mode",
                bind="query-params",
                help="\n".join(f"- **{title}**: {about}" for title, about in MODES.values()),
            )
        with three:
            epochs = st.number_input("Epochs", 0.5, 200.0, 10.0, 0.5, key=f"{prefix}_own_epochs", bind="query-params")
        with four:
            seed = st.number_input("Seed", 0, 1000, 0, key=f"{prefix}_own_seed", bind="query-params")
        files = _pick_files(prefix, card.modality)
    if not files:
        st.info(
            "Nothing uploaded yet. A table needs the columns text and label; pictures and clips need one folder for "
            "each class inside the folder you choose. They stay on this server and are deleted with the run.",
            icon=":material/upload_file:",
        )
        return None
    found = _checked(files)
    if found["modality"] != card.modality:
        raise InputError(
            f"These files hold {KINDS[found['modality']].lower()}; {card.title} reads {KINDS[card.modality].lower()}. "
            "Choose another encoder."
        )
    _show_found(found)
    return OwnWish(card.name, files, mode, float(epochs), int(seed), len(found["counts"]))


def _pick_files(prefix: str, modality: Modality) -> tuple[tuple[str, bytes], ...]:
    if modality == "text":
        table = st.file_uploader("Table (.csv or .tsv)", ["csv", "tsv"], key=f"{prefix}_table")
        return () if table is None else ((table.name, table.getvalue()),)
    folder = st.file_uploader(
        f"Folder with one folder of {'pictures' if modality == 'image' else 'clips'} for each class",
        FILES[modality],
        accept_multiple_files="directory",
        key=f"{prefix}_folder_{modality}",
    )
    return tuple((file.name, file.getvalue()) for file in folder)


def _checked(files: tuple[tuple[str, bytes], ...]) -> dict[str, Any]:
    """Kind, examples of each class, and what is left out; read once for one set of files."""
    import tempfile
    from pathlib import Path

    from featcore.learn.own import read_own, save

    key = digest(*(part for name, raw in files for part in (name, raw)))
    if st.session_state.get("own_checked", (None,))[0] != key:
        with tempfile.TemporaryDirectory() as folder:
            own = read_own(save(files, Path(folder) / "data"))
        found = {"modality": own.modality, "counts": own.counts(), "left_out": own.left_out}
        st.session_state["own_checked"] = key, found
    return st.session_state["own_checked"][1]


def _show_found(found: dict[str, Any]) -> None:
    """Examples of each class, and every row or file that is left out with its reason."""
    counts = found["counts"]
    listed = ", ".join(f"{escape(label)} {count}" for label, count in counts.items())
    st.caption(f"{sum(counts.values())} usable examples of {len(counts)} classes: {listed}.")
    show_left_out(found["left_out"])


def show_left_out(left_out: Sequence[Sequence[str]]) -> None:
    """Name and reason of what is not learnt from; nothing where all is."""
    if left_out:
        with st.expander(f"{len(left_out)} left out", icon=":material/rule:"):
            st.dataframe(
                [{"what": name, "why": reason} for name, reason in left_out],
                hide_index=True,
                alt="What is left out, and why",
            )
