"""What the page Trust shows of truth: shipped runs over marked sets, and marks of a person's own input."""

from typing import Any

import numpy as np
import streamlit as st

from featcore.errors import FeatcoreError
from featcore.measure.boxes import COLUMNS as BOX_COLUMNS
from featcore.measure.boxes import Box, moving, pixels_in, read_boxes, write_boxes
from featcore.measure.truth import POINTING, localise, of_chars, of_mask, pixels_of
from featcore.settings import settings
from featcore.trust.measures import MEASURES
from featcore.trust.shipped import Record, came_later, numbers, percent, shipped, turned_down
from featcore.types import Attribution, Clip, Text, Truth, Units
from pages.ui.cached import drawn
from pages.ui.methods import One
from pages.ui.show import escape, figure, plural

FLOORS = ("centre", "random")
UPLOAD_BYTES = 20_000_000

# --- shipped runs ----------------------------------------------------------------------------------------------------


@st.cache_data(show_spinner=False)
def _records() -> list[Record]:
    return shipped(settings().assets)


def show_shipped_trust(prefix: str = "t") -> None:
    """The methods over one of the shipped sets: who points best, with intervals, floors and what they say."""
    records = _records()
    if not records:
        st.info("No run over a marked set came with this copy. `featcore trust --set motion` makes one.")
        return
    first, second = st.columns([8, 4], vertical_alignment="bottom")
    with first:
        at = st.selectbox(
            "Marked by people, or by the renderer",
            range(len(records)),
            format_func=lambda i: f"{records[i]['title']} · {records[i]['encoder']}",
            key=f"{prefix}_set",
            bind="query-params",
        )
    record = records[at]
    titles = {name: about.name for name, about in MEASURES.items()}
    with second:
        measure = st.selectbox(
            "Measure", list(titles), format_func=titles.__getitem__, key=f"{prefix}_measure", bind="query-params"
        )
    if measure in record["measures"]:
        _show_standing(prefix, record, measure)
        _show_verdicts(record, measure)
    else:
        st.info(
            escape(
                f"{titles[measure]} is not measured in this run, which is older than the measure. "
                f"`featcore trust --set {record['set']} -e {record['encoder']}` measures it."
            )
        )
    with st.expander("What is marked, what each number means, and every number", icon=":material/menu_book:"):
        st.markdown(escape(f"{record['marked']} Explained is {record['target']}. {_left_out(record)}"))
        for name, (title, sentence, better) in record["measures"].items():
            st.caption(f"**{escape(title)}** ({escape(name)}, {better} is better): {escape(sentence)}")
        _show_all(record)
    _stamp(record)


def _show_standing(prefix: str, record: Record, measure: str) -> None:
    from featcore import draw

    title, _, better = record["measures"][measure]
    rows = sorted(record["methods"], key=lambda one: _order(one["numbers"][measure], better))
    means = np.array([one["numbers"][measure]["mean"] or [np.nan] * 3 for one in rows], float)
    said = [_beats(one["numbers"][measure]) for one in rows]
    floors = tuple(one["title"] for one in rows if one["name"] in FLOORS)
    picture = drawn(
        draw.standing,
        [one["title"] for one in rows],
        means,
        floors,
        record["chance"][0] if measure in POINTING else None,
        f"{title.lower()}, mean over {record['n']} inputs",
        said,
        measure in POINTING,
    )
    figure(picture, f"{prefix}_standing", f"trust-{record['set']}-{measure}", caption=_best(record, measure))


def _order(found: Record, better: str) -> float:
    mean = np.inf if found["mean"] is None else found["mean"][0] * (-1 if better == "higher" else 1)
    return float(mean)


def _beats(found: Record) -> str:
    said = [
        f"{found[f'beats_{floor}']} {'than' if found[f'beats_{floor}'] != 'cannot tell' else 'from'} {floor}"
        for floor in FLOORS
        if f"beats_{floor}" in found
    ]
    return "; ".join(said) or "a floor"


def _best(record: Record, measure: str) -> str:
    """Who is best, and who cannot be told apart from it."""
    best = record["best"][measure]
    if best is None:
        return "No method has this number here."
    names = {one["name"]: one["title"] for one in record["methods"]}
    alike = [names[name] for name in best["not_told_apart"]]
    text = f"Best here: {names[best['method']]}"
    text += f"; the pairs do not tell it apart from {', '.join(alike)}." if alike else ", clear of all others."
    return text + f" {_clear(record, measure)}"


def _clear(record: Record, measure: str) -> str:
    """How many methods are clear of each floor."""
    methods = [one for one in record["methods"] if one["name"] not in FLOORS]
    parts = []
    for floor in FLOORS:
        clear = [one for one in methods if one["numbers"][measure].get(f"beats_{floor}") == "better"]
        if any(one["name"] == floor for one in record["methods"]):
            parts.append(f"{len(clear)} of {len(methods)} methods are clear of the {floor} floor")
    return "; ".join(parts) + "."


def _show_verdicts(record: Record, measure: str) -> None:
    """Where a method is no better than a map that knows nothing, in words."""
    lost = [
        one["title"]
        for one in record["methods"]
        if one["name"] not in FLOORS and one["numbers"][measure].get("beats_random") != "better"
    ]
    if lost:
        title = record["measures"][measure][0].lower()
        st.caption(f":material/info: {escape(f'Not clear of the random floor in {title}: ' + ', '.join(lost) + '.')}")


def _left_out(record: Record) -> str:
    counts = [f"{count} times: {reason}" for reason, count in record["skipped"].items()]
    right = "" if record["right"] is None else f"The encoder's answer is the marked one for {record['right']:.0%}. "
    return right + f"Left out: {'; '.join(counts) or 'none'}."


def _show_all(record: Record) -> None:
    columns: dict[str, list] = {"method": [one["title"] for one in record["methods"]]}
    for name, about in MEASURES.items():
        columns[about.name] = [_cell(numbers(record, one["name"], name), name) for one in record["methods"]]
    columns["gap, median and worst"] = [
        "not promised" if one["gap"] is None else f"{one['gap'][1]:.1%}, {one['gap'][2]:.1%}"
        for one in record["methods"]
    ]
    columns["passes"] = [one["passes"] for one in record["methods"]]
    columns["seconds, median"] = [one["seconds"][0] for one in record["methods"]]
    st.dataframe(columns, hide_index=True, alt=f"Every number of {record['title']}")
    for line in turned_down(record):
        st.caption(escape(line))
    for name, reason in record["not_run"].items():
        st.caption(f"{escape(name)}: not run. {escape(reason)}")
    if later := came_later(record):
        st.caption(f"Younger than this run, so not judged in it: {', '.join(later)}.")


def _cell(found: Record | None, measure: str) -> str:
    if found is None:
        return "not measured"
    if found["mean"] is None:
        return "not defined"
    if measure in POINTING:
        return percent(found["mean"])
    mean, low, high = found["mean"]
    return f"{mean:.2f} ({low:.2f} to {high:.2f})"


def _stamp(record: Record) -> None:
    made = record["provenance"]
    parts = [
        f"{record['n']} inputs, seed {record['seed']}",
        f"{record['encoder']} ({made['revision']})",
        f"{made['device']}, {made['dtype']}, {made['threads']} threads, {made['machine']}",
        record["time_utc"].replace("T", " ")[:16] + " UTC",
        ", ".join(f"{name} {number}" for name, number in made["versions"].items()),
        f"inputs {record['inputs_sha256'][:12]}",
        record["interval"],
    ]
    if record["disturbed"]:
        parts.append(f"seconds disturbed: {record['disturbed']}")
    st.caption(escape(" · ".join(parts)))


# --- a person's own marks --------------------------------------------------------------------------------------------


def show_marked(prefix: str, one: One, attributions: list[Attribution]) -> None:
    """Mark what should carry the answer of this input, and see which of these maps point at it."""
    if not attributions:
        return
    units, source = attributions[0].units, one.picked.source
    left, right = st.columns([6, 5], gap="large")
    with left:
        truth = _mark_text(prefix, source, units) if isinstance(source, Text) else _mark_pixels(prefix, source, units)
    with right:
        if truth is None:
            st.info("Nothing is marked yet. Mark the part that should carry the answer.", icon=":material/ink_marker:")
        elif not truth.mask.any():
            st.warning(f"No {units.kind} lies far enough inside: {truth.rule}. Mark a larger part.")
        else:
            _show_pointing(truth, units, [each for each in attributions if len(each.scores) == len(truth.mask)])


def _show_pointing(truth: Truth, units: Units, attributions: list[Attribution]) -> None:
    import featcore as fc

    titles = {method.name: method.title for method in fc.methods()}
    columns: dict[str, list] = {"map": []}
    columns |= {measure.capitalize(): [] for measure in POINTING}
    for name in dict.fromkeys(each.method for each in attributions):
        # Several maps of one method are those of a floor: what it gets is their mean.
        found = [localise(each.scores, truth) for each in attributions if each.method == name]
        columns["map"].append(titles.get(name, name) + (f", mean of {len(found)}" if len(found) > 1 else ""))
        for measure in POINTING:
            known = [value for one in found if (value := getattr(one, measure)) is not None]
            columns[measure.capitalize()].append(100 * sum(known) / len(known) if known else None)
    percents = {
        measure.capitalize(): st.column_config.NumberColumn(format="%.0f%%", help=f"{about.name}: {about.sentence}")
        for measure, about in POINTING.items()
    }
    st.dataframe(
        columns, hide_index=True, column_config=percents, alt="How well each map points at the marked part, in percent"
    )
    marked = int(truth.mask.sum())
    whole = " Everything is marked, so no map can miss." if truth.mask.all() else ""
    st.caption(
        escape(
            f"Chance is {truth.chance:.0%}: {marked} of {plural(len(units), units.kind)} marked; {truth.rule}.{whole} "
            "One input shows what happened here; the sets above show what to expect."
        )
    )


def _mark_text(prefix: str, source: Text, units: Units) -> Truth | None:
    from featcore import draw

    first, last = st.columns(2)
    names = [f"{at}: {label}" for at, label in enumerate(units.labels)]
    with first:
        start = _token("First marked token", f"{prefix}_first", names)
    with last:
        stop = _token("Last marked token", f"{prefix}_last", names)
    known = [at for at in (start, stop) if at is not None]
    marked = list(range(min(known), max(known) + 1)) if known else []
    picture = drawn(draw.strip, units, selected=marked, columns=48)
    figure(picture, f"{prefix}_marked", "marked-tokens", caption=f"{plural(len(marked), 'token')} marked")
    if not marked:
        return None
    chars = units.extents[marked, 0]
    return of_chars(units, [(int(chars[:, 0].min()), int(chars[:, 1].max()))])


def _token(label: str, key: str, names: list[str]) -> int | None:
    # Another input has other tokens: what does not exist there is forgotten, not carried over.
    if (st.session_state.get(key) or 0) >= len(names):
        del st.session_state[key]
    return st.selectbox(label, range(len(names)), index=None, format_func=names.__getitem__, key=key)


def _mark_pixels(prefix: str, source: Clip, units: Units) -> Truth | None:
    how = st.segmented_control(
        "Mark by",
        ["a box", "a mask"],
        default="a box",
        required=True,
        key=f"{prefix}_how",
        label_visibility="collapsed",
    )
    by_box, frame = how == "a box", len(source.frames) // 2
    if by_box and len(source.frames) > 1:
        frame = st.slider("Frame", 0, len(source.frames) - 1, frame, key=f"{prefix}_frame_{len(source.frames)}")
    pixels = _box_pixels(prefix, source) if by_box else _mask_pixels(prefix, source)
    truth = None if pixels is None else of_mask(units, pixels)
    _show_canvas(prefix, source, units, truth, by_box, frame)
    if by_box and len(source.frames) > 1:
        _show_boxes(prefix, source)
    return truth


def _boxes(prefix: str, source: Clip) -> dict[int, Box]:
    """The boxes that were drawn on this input or read for it, by frame."""
    key, boxes = st.session_state.get(f"{prefix}_boxes") or ("", {})
    return boxes if key == source.key else {}


def _box_pixels(prefix: str, source: Clip) -> np.ndarray | None:
    boxes = _boxes(prefix, source)
    return pixels_in(boxes, source.frames.shape[:3]) if boxes else None  # type: ignore[arg-type]


def _show_boxes(prefix: str, source: Clip) -> None:
    """The boxes of a clip as a table to keep, and one to read; the last one that was drawn can be taken back."""
    boxes = _boxes(prefix, source)
    if boxes:
        rows = [(frame, *boxes[frame]) for frame in sorted(boxes)]
        columns = dict(zip(BOX_COLUMNS, zip(*rows, strict=True), strict=True))
        st.dataframe(columns, hide_index=True, alt=f"{plural(len(boxes), 'box')} by frame, edges in pixels")
    keep, forget, _ = st.columns([3, 3, 5])
    with keep:
        st.download_button(
            "Boxes (CSV)",
            data=lambda: write_boxes(boxes),
            file_name="boxes.csv",
            mime="text/csv",
            key=f"{prefix}_boxes_csv",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
            disabled=not boxes,
        )
    with forget:
        st.button(
            "Forget them",
            key=f"{prefix}_forget",
            on_click=lambda: st.session_state.pop(f"{prefix}_boxes"),
            type="tertiary",
            icon=":material/delete:",
            disabled=not boxes,
        )
    given = st.file_uploader(
        f"Or a table: {','.join(BOX_COLUMNS)}, frames from 0, edges in pixels of the clip",
        type=["csv"],
        key=f"{prefix}_table",
        max_upload_size=1,
    )
    # A table is read once, when it comes: what is drawn afterwards changes it.
    if given is not None and st.session_state.get(f"{prefix}_read") != (given.file_id, source.key):
        try:
            boxes = read_boxes(given.getvalue().decode("utf-8", "replace"), source.frames.shape[:3])  # type: ignore[arg-type]
        except FeatcoreError as error:
            st.error(escape(str(error)), icon=":material/error:")
            return
        st.session_state[f"{prefix}_read"] = given.file_id, source.key
        st.session_state[f"{prefix}_boxes"] = source.key, boxes
        st.rerun()


def _mask_pixels(prefix: str, source: Clip) -> np.ndarray | None:
    from featcore.inputs.image import read_image

    rows, columns = source.frames.shape[1:3]
    given = st.file_uploader(
        f"A mask of {columns} x {rows} pixels, white where the answer should come from",
        type=["png"],
        key=f"{prefix}_mask",
        max_upload_size=UPLOAD_BYTES // 1_000_000,
    )
    if given is None:
        return None
    try:
        return pixels_of(read_image(given.getvalue(), given.name), source)
    except FeatcoreError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return None


def _show_canvas(prefix: str, source: Clip, units: Units, truth: Truth | None, drawable: bool, frame: int) -> None:
    """One frame with its marked units outlined; a box is drawn by dragging."""
    from featcore import draw

    marked = [] if truth is None else np.flatnonzero(truth.mask).tolist()
    height = int(np.clip(460 * source.frames.shape[1] / source.frames.shape[2], 140, 400))
    shape: dict[str, Any] = {"frame": frame, "selected": marked, "height": height}
    if drawable:
        edges = moving(_boxes(prefix, source), len(source.frames))[frame]
        shape["box"] = None if np.isnan(edges).any() else tuple(edges.tolist())
    picture = drawn(draw.markable if drawable else draw.fragments, source, units, **shape)
    key = f"{prefix}_canvas_{source.key[:12]}_{frame}"

    def take() -> None:
        found: Any = st.session_state[key]["selection"]["box"]
        if found:
            (x0, x1), (y0, y1) = (sorted(found[-1][axis]) for axis in ("x", "y"))
            box = tuple(float(round(edge)) for edge in (x0, y0, x1, y1))
            st.session_state[f"{prefix}_boxes"] = source.key, {**_boxes(prefix, source), frame: box}

    if not drawable:
        figure(picture, f"{key}_mask", "marked", caption=picture.alt)
        return
    st.plotly_chart(
        picture, key=key, alt=picture.alt, on_select=take, selection_mode="box", config=draw.config("marked")
    )
    boxes = _boxes(prefix, source)
    st.caption("Drag a box over what should carry the answer." + (_over_time(boxes) if len(source.frames) > 1 else ""))


def _over_time(boxes: dict[int, Box]) -> str:
    """Where boxes at single frames hold."""
    if len(boxes) < 2:
        return " One box holds on all frames; draw one on another frame, and it moves from the one to the other."
    first, last = min(boxes), max(boxes)
    return f" The box moves from frame {first} to frame {last}, in a straight line between the frames that have one."
