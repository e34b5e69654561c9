"""What the page Trust shows of agreement: every two maps of one input, beside what accident gives."""

import streamlit as st

from featcore.compare.agreement import NORMAL, Agreement
from featcore.trust.agreements import ATTENTION, Pairs, agreements, kind
from featcore.trust.own import Verdicts
from pages.ui.cached import drawn
from pages.ui.show import escape, figure


def show_agreement(prefix: str, found: Verdicts) -> None:
    """Spearman correlation of every two maps as a matrix."""
    from featcore import draw

    st.subheader("Do the methods agree?", help="Spearman correlation of the scores of every two maps.")
    maps = {one.title: one.map for one in found.judged.values()}
    if len(maps) < 2:
        st.info("Choose at least one method to compare.")
        return
    names, pairs = list(maps), agreements(maps)
    places = {(names.index(other), names.index(one)): each for (one, other), each in pairs.items()}
    picture = drawn(
        draw.agreements,
        names,
        {place: one.rho for place, one in places.items()},
        {place: _hover(one) for place, one in places.items()},
        {place: one.clear for place, one in places.items()},
    )
    few = any(one.rho is not None and one.clear is None for one in pairs.values())
    about = "In brackets: no more than the same maps get when one of them is shifted over the input"
    about += ", or too few units to tell." if few else "."
    figure(picture, f"{prefix}_agreement", "agreement", caption=f"{about} {NORMAL}")


def show_pairs_agreeing(found: Verdicts) -> None:
    """The same pairs as a table, with what shifted maps and chance get: nothing is left to hovering."""
    maps = {one.title: one.map for one in found.judged.values()}
    pairs = agreements(maps)
    if pairs:
        _table(pairs, {pair: kind(maps[pair[0]], maps[pair[1]]) for pair in pairs})


def _table(pairs: Pairs, kinds: dict[tuple[str, str], str]) -> None:
    """A row a pair, those of attention with attribution first."""
    rows = sorted(pairs, key=lambda pair: (kinds[pair] != ATTENTION, kinds[pair]))
    each, top = [pairs[pair] for pair in rows], pairs[rows[0]].top
    overlap = f"Overlap of top {top}"
    st.dataframe(
        {
            "Maps": [" · ".join(pair) for pair in rows],
            "rho": [one.rho for one in each],
            "Shifted, 95 %": [_null(one) for one in each],
            overlap: [one.overlap for one in each],
            "By chance": [one.by_chance for one in each],
            "As far": [None if one.share is None else 100 * one.share for one in each],
            "Pair of": [kinds[pair] or "two of a kind" for pair in rows],
        },
        hide_index=True,
        column_config={
            "Maps": st.column_config.TextColumn(pinned=True),
            "rho": st.column_config.NumberColumn(format="%.2f", help="Spearman correlation of the scores, -1 to 1."),
            "Shifted, 95 %": st.column_config.TextColumn(
                help="The middle 95 % of the same correlation with one map shifted in a circle over the input."
            ),
            overlap: st.column_config.NumberColumn(
                format="%.2f", help="|A & B| / |A | B| of the units of the highest scores, a tenth of all."
            ),
            "By chance": st.column_config.NumberColumn(
                format="%.2f", help="The overlap that two independent maps get on average."
            ),
            "As far": st.column_config.NumberColumn(
                format="%.1f%%",
                help="Share of all places of the shifted map, its own among them, whose correlation lies as far from 0 "
                "or further.",
            ),
        },
        placeholder="–",
        alt="One row a pair of maps: correlation, what shifted maps get, overlap of the strongest units, and chance",
    )
    for why in dict.fromkeys(one.why for one in each if one.why):
        st.caption(escape(f"–: {why}"))


def _null(one: Agreement) -> str:
    return "no shifts" if one.low is None else f"{one.low:.2f} to {one.high:.2f}"


def _hover(one: Agreement) -> str:
    """The pair in lines; only numbers and our own words."""
    if one.rho is None:
        return one.why
    null = "no shifts" if one.low is None else f"shifted: {_null(one)} in 95 %, {len(one.null)} shifts"
    share = "" if one.share is None else f"<br>as far from 0: {one.share:.1%} of all places"
    overlap = f"<br>top {one.top}: overlap {one.overlap:.2f}, by chance {one.by_chance:.2f}"
    return f"rho {one.rho:.2f}<br>{null}{share}{overlap}"
