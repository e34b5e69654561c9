"""A training run on the page Learn: the run as it goes, and what becomes of it."""

import io
import zipfile
from typing import Any

import numpy as np
import streamlit as st

from featcore.learn.ladder import loadable, recorded
from featcore.learn.live import Desk, OwnWish, Progress, Run, Wish, keep
from featcore.settings import settings
from pages.ui.cached import drawn
from pages.ui.show import escape, figure, friendly_errors
from pages.ui.wishes import show_left_out

POLL_S = 1.0


@st.cache_resource(show_spinner=False)
def desk() -> Desk:
    return Desk()


def start_run(prefix: str, wish: Wish | OwnWish | None) -> None:
    """The button; what it starts belongs to this session."""
    if settings().public_demo:
        st.info("Training is switched off on this public server. Run Tessera on your own machine to train here.")
        return
    run = _run(prefix)
    busy = run is not None and run.running
    if st.button(
        "Train here",
        icon=":material/model_training:",
        type="primary",
        disabled=busy or wish is None,
        key=f"{prefix}_start",
    ):
        assert wish is not None
        st.session_state[f"{prefix}_run"] = desk().start(wish)
        if run is not None:
            desk().discard(run)
        st.rerun()


def show_run(prefix: str, wish: Wish | OwnWish | None) -> None:
    """The run as it goes, every second while it goes; while there is none, the one the shipped weights come from."""
    run = _run(prefix)
    if run is None:
        if isinstance(wish, Wish):
            _show_recorded(prefix, wish.recipe)
        return
    st.fragment(_show_live, run_every=POLL_S if run.running else None)(prefix, run)


def _show_recorded(prefix: str, name: str) -> None:
    """The full run of a recipe, as its card recorded it."""
    from featcore import draw

    card = recorded(name)
    if card is None:
        st.info("No full run of this recipe is recorded here. Yours will stand here.")
        return
    st.subheader(f"The full run of {card['title']}", help="As it was recorded. Yours will stand here.")
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

    found = run.progress()
    if found.state != "running" and st.session_state.get(f"{prefix}_seen") != id(run):
        st.session_state[f"{prefix}_seen"] = id(run)
        st.rerun()  # the whole page once more: no more polling, and the button is free again
    _show_state(prefix, run, found)
    chance = 1 / run.wish.classes if run.wish.classes else None
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
    show_left_out(card.get("left_out", ()))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("What it mixes up")
        picture = drawn(draw.confusion, np.array(test["confusion"]), card["labels"])
        figure(picture, f"{prefix}_confusion", "confusion", caption=picture.alt)
    with right:
        _show_controls(card["controls"])
        _decide(prefix, run)
    _show_origin(card)


def _show_controls(rows: dict[str, Any]) -> None:
    """What the same weights answer when the input is changed; nothing where a recipe has no controls."""
    if not rows:
        return
    st.subheader("Changed test splits", help="What the same weights answer when the input is changed.")
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
    if not loadable(run.wish.recipe):
        st.caption("A step of the ladder: its network is of no use elsewhere, so it is not offered as an encoder.")
    elif not settings().public_demo:
        with friendly_errors(), st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input(
                "Name", f"my-{run.wish.recipe.removeprefix('my-')}", max_chars=40, key=f"{prefix}_name"
            )
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
