"""What the page Trust shares: one input, several methods, and what each map is worth beside maps that know nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from featcore.explain import METHODS
from featcore.explain.floor import FLOORS
from featcore.keys import digest
from featcore.measure.definitions import DEFINITIONS
from featcore.measure.randomisation import DRAWS
from featcore.trust.own import (
    CENTRE,
    MARKED,
    Answer,
    Asked,
    Compute,
    Numbers,
    Verdicts,
    check_all,
    foretold_interval,
    judge_all,
)
from featcore.types import Card
from pages.ui.cached import drawn, encoder, fetch, known
from pages.ui.choose import layers_of, pick_target
from pages.ui.methods import One
from pages.ui.show import escape, figure, plural, provenance, to_csv

USUAL = ("integrated_gradients", "input_x_gradient", "occlusion", "attention_rollout")
SCALES = {"probability": "Probability of the class", "logit": "Logit of the class"}
MARK = "★"


# --- choices ---------------------------------------------------------------------------------------------------------


def pick_judging(prefix: str, card: Card) -> Asked:
    """Which methods, which output, and how units are hidden; the floors are always there."""
    import featcore as fc

    titles = {method.name: method.title for method in fc.methods(card) if method.name not in FLOORS}
    first, second, third = st.columns([6, 4, 2], vertical_alignment="bottom")
    below = st.container()
    with first:
        chosen = st.multiselect(
            "Methods",
            list(titles),
            [name for name in USUAL if name in titles],
            format_func=titles.__getitem__,
            key=f"{prefix}_methods",
            bind="query-params",
            help="The centre floor and the random floor are always judged beside them.",
        )
    with second:
        target = pick_target(prefix, [card], below=below)
    with third, st.popover("Options", icon=":material/tune:", width="stretch", help="How maps are judged"):
        scale = st.selectbox(
            "Curves read", list(SCALES), format_func=SCALES.__getitem__, key=f"{prefix}_scale", bind="query-params"
        )
        baseline = st.selectbox(
            "Hidden units become", card.baselines, key=f"{prefix}_baseline_{card.modality}", bind="query-params"
        )
        steps = st.slider("Steps of a curve", 5, 50, 20, key=f"{prefix}_steps", bind="query-params")
        maps = st.slider(
            "Random maps",
            5,
            39,
            19,
            key=f"{prefix}_maps",
            bind="query-params",
            help="One more map that knows nothing would beat all of them in one case of as many plus one.",
        )
    return Asked(tuple(chosen), target, scale, baseline, steps, maps)


# --- the compute calls -----------------------------------------------------------------------------------------------


def judged_all(one: One, asked: Asked) -> Verdicts:
    """Every method and both floors; a method that fails says why and leaves the others."""
    found = judge_all(asked, _answering(one, asked))
    for name, why in found.failed.items():
        st.error(escape(f"{METHODS[name].title}: {why}"), icon=":material/error:")
    return found


def _answering(one: One, asked: Asked, compute_now: bool = True) -> Answer:
    """Answers from memory, or else computes where that is wanted."""
    from featcore.runs import judging_question

    card, source = one.card, one.picked.source
    labels = {
        "attribution": f"{{}} on {card.title}",
        "faithfulness": "Judging {}",
        "falls": "Hiding random sets",
        "chance": f"Judging {asked.maps} random maps",
    }

    def answer(what: str, method: str, options: dict[str, Any], compute: Compute) -> Any:
        def run(progress: Callable) -> Any:
            with encoder(card) as loaded:
                return compute(loaded, loaded.prepare(source), progress)

        question = judging_question(what, card, source, method, str(asked.target), {}, options)
        if not compute_now:
            return known(digest(question))
        label = labels[what].format(method) if what in labels else f"{DEFINITIONS[what].name}, {method}"
        return fetch(question, run, label)

    return answer


# --- pictures --------------------------------------------------------------------------------------------------------

SHOWN = ("deletion", "insertion", "morf", "lerf", "abpc", "completeness", "infidelity")
SHORT = {name: DEFINITIONS[name].symbol for name in ("morf", "lerf", "abpc")}
"""Columns whose name would leave no width for the others."""
CHECKED = ("sensitivity", "randomisation", "other_class")
COST = ("seconds", "passes")
ARROWS = {"lower": "↓", "higher": "↑", "": ""}


def show_verdicts(prefix: str, one: One, found: Verdicts) -> None:
    """A row a method, the floors below, the best marked where it is clear of them."""
    if not found.judged:
        return
    leaders = {name: found.leader(name) for name in MARKED}
    rows = found.rows()
    columns = (*SHOWN, *COST)
    _table(found, rows, columns, leaders)
    st.caption(escape(_said(found, leaders)))
    _download(prefix, one, found, rows)
    with st.expander("What each number is", icon=":material/menu_book:"):
        _definitions((*SHOWN, *CHECKED, *COST, "infidelity_raw"))


def _table(
    found: Verdicts,
    rows: list[tuple[str, Numbers]],
    columns: tuple[str, ...],
    leaders: dict[str, str | None],
) -> None:
    import pandas as pd

    titles = {
        name: f"{SHORT.get(name, DEFINITIONS[name].name)} {ARROWS[DEFINITIONS[name].better]}".strip()
        for name in columns
    }
    names = [name for name, _ in rows]
    frame = pd.DataFrame({titles[name]: [values[name] for _, values in rows] for name in columns}, index=names)
    styled = frame.astype(float).style.format(_digits, na_rep="–")
    for one in found.judged.values():
        if one.redraws is not None and "randomisation" in columns:
            cell = (one.title, titles["randomisation"])
            styled = styled.format(_with(one.standing), subset=cell, na_rep=one.standing)
    ranges = {} if "infidelity" not in columns else {name: _range(found, name) for name in found.judged}
    for name, said in ranges.items():
        cell = (found.judged[name].title, titles["infidelity"])
        styled = styled.format(_followed("", said), subset=cell, na_rep="–")
    for name, winner in leaders.items():
        if winner is not None:
            cell = (found.judged[winner].title, titles[name])
            said = ranges.get(winner, "") if name == "infidelity" else ""
            styled = styled.format(_followed(f"{MARK} ", said), subset=cell)
            styled = styled.set_properties(subset=cell, **{"background-color": "rgba(47,134,209,0.22)"})
    st.dataframe(
        styled,
        column_config={
            "_index": st.column_config.TextColumn("Map", pinned=True),
            **{titles[name]: st.column_config.NumberColumn(help=DEFINITIONS[name].sentence) for name in columns},
        },
        placeholder="–",
        alt="One row a map: " + ", ".join(titles.values()),
    )


def _range(found: Verdicts, name: str) -> str:
    """The 95 % interval of a map's infidelity over other random sets: " (0.28 to 0.41)"."""
    about = foretold_interval(found.changes, found.judged[name].map.scores)
    return "" if about is None else f" ({_digits(about[1])} to {_digits(about[2])})"


def _followed(before: str, after: str) -> Callable[[float], str]:
    return lambda value: f"{before}{_digits(value)}{after}"


def _with(standing: str) -> Callable[[float], str]:
    return lambda value: f"{value:.2f} {standing}"


def _digits(value: float) -> str:
    """Three digits that matter, whole numbers as they are."""
    if not np.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    return (
        f"{value:.0f}"
        if abs(value) >= 100 or value == int(value)
        else f"{value:.3f}"
        if abs(value) >= 0.001
        else f"{value:.0e}"
    )


def _said(found: Verdicts, leaders: dict[str, str | None]) -> str:
    """What was read, what was hidden, and what a mark means."""
    first = next(iter(found.judged.values())).faithful
    n = len(found.chance)
    parts = [
        f"F is the {first.target}; hidden units become '{first.baseline}'; {first.units} units in "
        f"{len(first.curves[0].share) - 1} steps. Explained is the {found.changes.target}.",
        f"{MARK} marks the best method where it beats the centre floor and all {n} random maps by more than a tenth of "
        f"the random maps' spread; at most one random map in {n + 1} would do so.",
    ]
    parts.append(
        "In brackets: the 95 % interval of infidelity over other random sets of hidden units. The other numbers of one "
        f"map are exact; those of the {n} random maps have the 95 % interval of their mean below it."
    )
    without = [DEFINITIONS[name].name.lower() for name, winner in leaders.items() if winner is None]
    if without and found.methods:
        parts.append(f"No method is clear of the floors in {', '.join(without)}.")
    parts += [f"{one.title}: {note}" for one in found.judged.values() for note in one.faithful.notes]
    if any(one.faithful.completeness is None for one in found.methods.values()):
        parts.append("– in the gap: not promised by the method, or the output hardly changed.")
    return " ".join(parts)


def _definitions(names: tuple[str, ...]) -> None:
    """One paragraph a number: a table would leave a phone no width for the sentences."""
    for each in (DEFINITIONS[name] for name in names):
        better = f", {each.better} is better" if each.better else ""
        source = f" {each.source}." if each.source else ""
        st.markdown(f"**{each.name}** ({each.symbol}{better}). {escape(each.sentence + source)}")


def _download(prefix: str, one: One, found: Verdicts, rows: list[tuple[str, Numbers]]) -> None:
    """All numbers with the conditions they hold under."""
    first = next(iter(found.judged.values()))
    made = first.faithful.provenance
    table: dict[str, list] = {"map": [name for name, _ in rows]}
    table |= {name: ["" if values[name] is None else values[name] for _, values in rows] for name in DEFINITIONS}
    conditions = {
        "target": str(first.faithful.target),
        "explained": str(first.infidelity.target),
        "baseline": first.faithful.baseline,
        "steps": found.asked.steps,
        "random_maps": len(found.chance),
        "infidelity_draws": first.infidelity.draws,
        "units": first.faithful.units,
        "passes_of_a_judgement": first.faithful.passes,
        "seconds_of_a_judgement": first.faithful.seconds,
        "encoder": made.encoder,
        "weights_sha256": made.weights_sha256,
        "device": made.device,
        "dtype": made.dtype,
        "time_utc": made.time_utc,
    }
    table |= {name: [value] * len(rows) for name, value in conditions.items()}
    st.download_button(
        "All numbers (CSV)",
        data=lambda: to_csv(table),
        file_name=f"trust-{one.card.name}.csv",
        mime="text/csv",
        key=f"{prefix}_csv",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )


def show_judged_curves(prefix: str, found: Verdicts) -> None:
    """Insertion and deletion of every method, the random maps as a band behind them."""
    from featcore import draw

    if not found.judged:
        return
    st.subheader("As units go and come back", help="What the areas in the table are areas of.")
    lines = {one.title: one.faithful for one in found.judged.values()}
    chance = [one.faithful for one in found.chance]
    picture = drawn(
        draw.deletion_insertion, lines, chance, found.judged[CENTRE].title if CENTRE in found.judged else ""
    )
    figure(
        picture, f"{prefix}_curves", "deletion-insertion", caption="A good map rises early above and falls early below."
    )


def show_checks(prefix: str, found: Verdicts) -> None:
    """What both checks found, and how alike maps stay while weights are drawn anew; nothing before anybody asked."""
    from featcore import draw

    known_ones = {one.title: one.redraws for one in found.judged.values() if one.redraws is not None}
    if not known_ones:
        return
    _table(found, found.rows(), CHECKED, {})
    st.subheader("As weights are drawn anew", help=DEFINITIONS["randomisation"].sentence)
    said = [f"{one.title} {one.gate}" for one in found.judged.values() if one.redraws is not None]
    draws = len(next(iter(known_ones.values())).seeds)
    about = (
        f"The line is one draw, layer by layer; rings are {draws - 1} more draws of all weights. The gate compares the "
        f"mean of all {draws}, which the table gives with its range, with maps shifted over the input: "
        f"{', '.join(said)}. A map that passes need not be right: noise passes as well."
    )
    figure(drawn(draw.cascade, known_ones), f"{prefix}_cascade", "randomisation", caption=about)


def show_judging(found: Verdicts) -> None:
    """How the numbers came about."""
    for one in list(found.judged.values())[:1]:
        provenance(one.faithful.provenance, plural(one.faithful.passes, "pass") + " a judgement")


# --- checks that take long -------------------------------------------------------------------------------------------


def check_methods(prefix: str, one: One, found: Verdicts) -> None:
    """Shake the input and draw the weights anew, where a person asks for it or did before."""
    if not found.judged:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        run = st.button("Shake the input, redraw the weights", icon=":material/science:", key=f"{prefix}_check")
        st.caption(
            "Two checks of a method rather than a map: max-sensitivity asks for the map of ten shaken inputs, the "
            f"randomisation gate for one after each layer is drawn anew and {DRAWS - 1} more of wholly random weights, "
            f"in private copies of the model. Together about {_price(one.card, found):,} passes.",
            width="stretch",
        )
    for name, why in check_all(found, _answering(one, found.asked, compute_now=run)).items():
        st.error(escape(f"{METHODS[name].title}: {why}"), icon=":material/error:")


def _price(card: Card, found: Verdicts) -> int:
    """Passes of both checks: ten shaken inputs and the plain one, one map a layer, a head and an embedding, the plain
    and another class's, and one for each further draw."""
    maps = 11 + layers_of(card) + 4 + DRAWS - 1
    return sum(each.map.passes for each in found.judged.values()) * maps
