"""What the page Learn shares: what to train, the run as it goes, and what becomes of it."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import streamlit as st

from featcore.errors import InputError
from featcore.learn.live import Desk, Progress, Run, Wish, keep
from featcore.settings import settings
from featcore.types import Card
from pages.ui.cached import drawn
from pages.ui.show import escape, figure, friendly_errors

POLL_S = 1.0
# Files below the data folder; of a tuple, one is enough.
NEEDS = {
    "text": (("sst2/train.tsv",), ("sst_trees/train.txt",), ("imdb/train.jsonl.gz",)),
    "image": (("cifar10/train.npz", "cifar10/cifar-10-batches-py/data_batch_1"),),
}


@st.cache_resource(show_spinner=False)
def desk() -> Desk:
    return Desk()


def pick_wish(prefix: str) -> Wish:
    """Which recipe, how much of it, and the control."""
    from featcore.encode.catalog import EMBEDDED, encoders

    cards = {card.name: card for card in encoders() if card.name in EMBEDDED}
    with st.container(border=True):
        one, two, three, four = st.columns([3, 3, 2, 2], vertical_alignment="bottom")
        with one:
            name = st.selectbox(
                "Encoder",
                sorted(cards, key=lambda name: cards[name].modality != "video"),
                format_func=lambda name: cards[name].title,
                key=f"{prefix}_recipe",
                bind="query-params",
                help="Its clips are rendered by Tessera itself; text and pictures need their data sets.",
            )
        with two:
            limit = st.select_slider(
                "Examples",
                [500, 1000, 2000, 4000, 8000, 16000, 32000],
                16000,
                key=f"{prefix}_limit",
                bind="query-params",
                help="Of each split at most: few examples train fast and know little.",
            )
        with three:
            epochs = st.number_input("Epochs", 0.5, 20.0, 2.0, 0.5, key=f"{prefix}_epochs", bind="query-params")
        with four:
            seed = st.number_input("Seed", 0, 1000, 0, key=f"{prefix}_seed", bind="query-params")
        shuffled = st.toggle(
            "Shuffle the labels (control)",
            key=f"{prefix}_shuffled",
            bind="query-params",
            help="Every example gets the label of another one. Whatever is above chance then is a fault.",
        )
        _check_data(cards[name])
    return Wish(name, int(limit), float(epochs), int(seed), bool(shuffled))


def _check_data(card: Card) -> None:
    """Say which files are missing before anybody starts."""
    here = settings().data
    missing = [part[0] for part in NEEDS.get(card.modality, ()) if not any((here / name).is_file() for name in part)]
    if missing:
        raise InputError(
            f"{card.title} learns from {', '.join(missing)}, which is not in '{here}'. "
            "Put it there, name another folder in FEATCORE_DATA, or train the video encoder: it renders its own clips. "
            f"'featcore train {card.name}' downloads what can be downloaded."
        )


def start_run(prefix: str, wish: Wish) -> None:
    """The button; what it starts belongs to this session."""
    if settings().public_demo:
        st.info("Training is switched off on this public server. Run Tessera on your own machine to train here.")
        return
    run = _run(prefix)
    busy = run is not None and run.running
    if st.button("Train here", icon=":material/model_training:", type="primary", disabled=busy, key=f"{prefix}_start"):
        st.session_state[f"{prefix}_run"] = desk().start(wish)
        if run is not None:
            desk().discard(run)
        st.rerun()


def show_run(prefix: str, wish: Wish) -> None:
    """The run as it goes, every second while it goes; while there is none, the one the shipped weights come from."""
    run = _run(prefix)
    if run is None:
        _show_recorded(prefix, wish.recipe)
        return
    st.fragment(_show_live, run_every=POLL_S if run.running else None)(prefix, run)


def _show_recorded(prefix: str, name: str) -> None:
    """The full run of an embedded encoder, as its card recorded it."""
    from featcore import draw
    from featcore.encode.catalog import folder_of

    card = json.loads((folder_of(name) / "training.json").read_text(encoding="utf-8"))
    st.subheader(f"The full run of {card['title']}", help="What the shipped weights come from. Yours will stand here.")
    history = card["history"]
    steps, looks = [each["step"] for each in history], [(each["step"], each["dev_accuracy"]) for each in history]
    left, right = st.columns(2, gap="large")
    with left:
        losses = [each["loss"] for each in history]
        picture = drawn(draw.learning, steps, losses, looks, card["test"]["chance"], card["steps"])
        figure(picture, f"{prefix}_recorded", f"{name}-learning-curve", caption=picture.alt)
    with right:
        picture = drawn(draw.confusion, np.array(card["test"]["confusion"]), card["labels"])
        figure(picture, f"{prefix}_recorded_confusion", f"{name}-confusion", caption=picture.alt)
    _show_origin(card)


def _show_live(prefix: str, run: Run) -> None:
    from featcore import draw
    from featcore.encode.catalog import card_of, folder_of

    found = run.progress()
    if found.state != "running" and st.session_state.get(f"{prefix}_seen") != id(run):
        st.session_state[f"{prefix}_seen"] = id(run)
        st.rerun()  # the whole page once more: no more polling, and the button is free again
    _show_state(prefix, run, found)
    chance = 1 / len(card_of(folder_of(run.wish.recipe)).labels)
    if found.steps:
        picture = drawn(draw.learning, found.steps, found.losses, found.looks, chance, found.total)
        figure(picture, f"{prefix}_curve", "learning-curve", caption=picture.alt)
    if found.state == "done":
        _show_result(prefix, run)


def _show_state(prefix: str, run: Run, found: Progress) -> None:
    if found.state == "running":
        done = found.steps[-1] if found.steps else 0
        left = "" if found.left_s is None else f", about {found.left_s:.0f} s of training left"
        text = f"step {done} of {found.total}{left}" if found.total else "reading the data and drawing random weights …"
        if found.total and done == found.total:
            text = "measuring on the test split and under the controls …"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(done / found.total if found.total else 0.0, text=text)
            st.button("Stop", icon=":material/stop_circle:", key=f"{prefix}_stop", on_click=run.stop)
    elif found.state == "failed":
        st.error(escape(found.message), icon=":material/error:")
    elif found.state == "stopped":
        st.info("The run was stopped. What it had learnt is discarded when the next one starts.")


def _show_result(prefix: str, run: Run) -> None:
    """How good it is, what it mixes up, what the controls say, and what becomes of it."""
    from featcore import draw

    card = run.card()
    test = card["test"]
    one, two, three, four = st.columns(4)
    interval = f"95 % interval {test['low']:.1%} to {test['high']:.1%} (Wilson)"
    one.metric("Right on the test split", f"{test['accuracy']:.1%}", help=f"{interval}, n = {test['n']}")
    two.metric("Chance", f"{test['chance']:.1%}")
    three.metric(
        "Calibration error", f"{test['calibration_error']:.1%}", help="Confidence and accuracy lie so far apart."
    )
    four.metric("Training", f"{card['seconds']} s", help=f"{card['steps']} steps of {card['batch']} examples")
    if run.wish.shuffled:
        verdict = "holds" if test["low"] <= test["chance"] <= test["high"] else "does not hold"
        st.info(f"Control: with shuffled labels the interval {verdict} chance.", icon=":material/shuffle:")
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("What it mixes up")
        picture = drawn(draw.confusion, np.array(test["confusion"]), card["labels"])
        figure(picture, f"{prefix}_confusion", "confusion", caption=picture.alt)
    with right:
        st.subheader("Changed test splits", help="What the same weights answer when the input is changed.")
        rows = card["controls"]
        st.dataframe(
            {
                "right": [f"{each['accuracy']:.1%}" for each in rows.values()],
                "95 % interval": [f"{each['low']:.1%} to {each['high']:.1%}" for each in rows.values()],
                "n": [each["n"] for each in rows.values()],
                "changed": list(rows),
            },
            hide_index=True,
            alt="Accuracy of the same weights on changed test splits",
        )
        _decide(prefix, run)
    _show_origin(card)


def _show_origin(card: dict[str, Any]) -> None:
    """How a trained folder came about, in one small line."""
    most = "" if card.get("limit") is None else f" of at most {card['limit']:,} examples"
    parts = [
        f"{card['name']}, seed {card['seed']}, {card['epochs']:g} epochs{most}, {card['steps']:,} steps",
        f"{card['seconds']} s on {card['device']}, {card['cpu']}, {card['threads']} threads",
        card["data"],
        card["date"],
        ", ".join(f"{name} {number}" for name, number in card["versions"].items()),
    ]
    st.caption(escape(" · ".join(parts)))


def _decide(prefix: str, run: Run) -> None:
    """Keep it among the encoders of this server, download it, or discard it."""
    st.subheader("Keep it?")
    if not settings().public_demo:
        with friendly_errors(), st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input("Name", f"my-{run.wish.recipe}", max_chars=40, key=f"{prefix}_name")
            if st.button("Keep", icon=":material/bookmark_add:", key=f"{prefix}_keep"):
                keep(run, name)
                st.session_state[f"{prefix}_kept"] = name
    if kept := st.session_state.get(f"{prefix}_kept"):
        st.success(f"Kept as '{escape(kept)}': every page offers it now.", icon=":material/check:")
    with st.container(horizontal=True):
        st.download_button(
            "Download", lambda: _zipped(run), f"{run.wish.recipe}.zip", icon=":material/download:", on_click="ignore"
        )
        if st.button("Discard", icon=":material/delete:", key=f"{prefix}_discard"):
            desk().discard(run)
            for part in ("run", "kept", "seen"):
                st.session_state.pop(f"{prefix}_{part}", None)
            st.rerun()


def _run(prefix: str) -> Run | None:
    return st.session_state.get(f"{prefix}_run")


def _zipped(run: Run) -> bytes:
    """The folder of the run as one file."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(run.out.iterdir()):
            if path.is_file():
                archive.write(path, f"{run.wish.recipe}/{path.name}")
    return raw.getvalue()
