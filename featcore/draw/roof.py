"""Records with their work become a roofline: rate against intensity under the ceilings measured on the same machine."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from featcore.draw.curves import legend_below
from featcore.draw.meta import canvas, escape, finish, number
from featcore.draw.ruler import DASHES, disturbed_words, log_axis, told
from featcore.draw.scale import CATEGORIES
from featcore.draw.sweep import Record, columns, known, machine, median_s, part

if TYPE_CHECKING:
    from featcore.draw.picture import Picture

CEILING = "#808691"
TOLERANCE = 1.05
"""A point this far above its roof is an error to look into; the samples of both wander by a few per cent."""


def roofline(records: Iterable[Record], height: int = 460) -> "Picture":
    """FLOP a second against FLOP a byte, a point a record, below the ceilings measured on its machine.

    The slope is the measured bandwidth of a copy, the level the best measured matrix product in a number format. A
    point on the slope waits for memory; one far below both is held up by something else. A point above its roof is
    marked: either a count or a time is wrong there.

    Source: Williams, Waterman & Patterson 2009, Communications of the ACM 52(4), 65-76.
    """
    import plotly.graph_objects as go

    records = list(records)
    roofs, rows = ceilings(records), points(records)
    figure = canvas(height, 8, 12, 8, 96)
    if not rows:
        return finish(figure, "No record states both its FLOP and its bytes, so there is nothing to place.", {})
    if not roofs:
        return finish(figure, "No ceiling of this machine has been measured: without a roof the points say little.", {})
    places = [row["intensity"] for row in rows] + [roof["rate"] / roof["bandwidth"] for roof in roofs]
    low, high = min(places) / 3, max(places) * 3
    several = len({roof["machine"] for roof in roofs}) > 1
    for i, roof in enumerate(roofs):
        x = np.sort(np.append(np.geomspace(low, high, 60), roof["rate"] / roof["bandwidth"]))
        name = f"roof {roof['dtype']}" + (f" · {roof['machine']}" if several else "")
        line = go.Scatter(x=x.tolist(), y=np.minimum(roof["rate"], roof["bandwidth"] * x).tolist(), mode="lines")
        line.update(
            name=escape(name),
            line={"color": CEILING, "width": 2, "dash": DASHES[i % len(DASHES)]},
            hovertext=f"<b>{escape(name)}</b><br>{rate(roof['rate'])} at best, {number(roof['bandwidth'] / 1e9)} GB/s",
            hovertemplate="%{hovertext}<extra></extra>",
        )
        figure.add_trace(line)
    for encoder, mine in _grouped(rows).items():
        colour = CATEGORIES[list(_grouped(rows)).index(encoder) % len(CATEGORIES)]
        for row in mine:
            row |= {"share_of_roof": _share(row, roofs)}
        over = [(row["share_of_roof"] or 0) > TOLERANCE for row in mine]
        dots = go.Scatter(x=[r["intensity"] for r in mine], y=[r["flop_per_s"] for r in mine], mode="markers")
        dots.update(
            name=escape(encoder),
            marker={
                "color": colour,
                "size": [12 if row["disturbed"] or bad else 8 for row, bad in zip(mine, over, strict=True)],
                "symbol": [
                    "triangle-up-open" if bad else "circle-x-open" if row["disturbed"] else "circle"
                    for row, bad in zip(mine, over, strict=True)
                ],
                "line": {"width": [1.5 if r["disturbed"] or b else 0 for r, b in zip(mine, over, strict=True)]},
                "opacity": 0.85,
            },
            hovertext=[_told(row, bad) for row, bad in zip(mine, over, strict=True)],
            hovertemplate="%{hovertext}<extra></extra>",
        )
        figure.add_trace(dots)
    figure.update_layout(
        xaxis=log_axis([low, high], "FLOP a byte moved"),
        yaxis=log_axis([*(r["flop_per_s"] for r in rows), *(r["rate"] for r in roofs)], "FLOP a second"),
        showlegend=True,
        legend=legend_below(),
    )
    table = columns([{name: cell for name, cell in row.items() if name != "record"} for row in rows])
    return finish(figure, _say(rows, roofs), table)


def ceilings(records: Iterable[Record]) -> list[dict[str, Any]]:
    """The roof of every machine and number format: the fastest product and the fastest copy, in FLOP and bytes a
    second."""
    products: dict[tuple[str, str], float] = {}
    copies: dict[str, float] = {}
    for record in records:
        if part(record, "suite") != "ceilings" or not record["samples_s"]:
            continue
        place, work, moved = machine(record), known(record, "flops"), known(record, "bytes_moved")
        fastest = min(record["samples_s"])  # a roof is what can be reached
        if work is not None:
            key = place, part(record, "dtype")
            products[key] = max(products.get(key, 0.0), work / fastest)
        elif moved is not None:
            copies[place] = max(copies.get(place, 0.0), moved / fastest)
    return [
        {"machine": place, "dtype": dtype, "rate": best, "bandwidth": copies[place]}
        for (place, dtype), best in products.items()
        if place in copies
    ]


def points(records: Iterable[Record]) -> list[dict[str, Any]]:
    """A row a record that states its FLOP and its bytes and has a median."""
    rows = []
    for record in records:
        work, moved, middle = known(record, "flops"), known(record, "bytes_moved"), median_s(record)
        if (
            part(record, "stage") not in ("forward", "total")
            or work is None
            or moved is None
            or not np.isfinite(middle)
        ):
            continue
        rows.append(
            {
                "encoder": part(record, "model_id"),
                "what": _what(record),
                "dtype": part(record, "dtype"),
                "machine": machine(record),
                "intensity": work / moved,
                "flop_per_s": work / middle,
                "flop": work,
                "bytes_moved": moved,
                "median_s": middle,
                "disturbed": bool(record.get("disturbed")),
                "share_of_roof": None,
                "record": record,
            }
        )
    return rows


def rate(flop_per_s: float) -> str:
    """A rate for people."""
    for limit, word in ((1e12, "TFLOP/s"), (1e9, "GFLOP/s"), (1e6, "MFLOP/s")):
        if flop_per_s >= limit:
            return f"{number(flop_per_s / limit)} {word}"
    return f"{number(flop_per_s)} FLOP/s"


def _share(row: dict[str, Any], roofs: Sequence[dict[str, Any]]) -> float | None:
    """What a point reaches of the roof of its own machine and number format; None where that was not measured."""
    mine = [roof for roof in roofs if (roof["machine"], roof["dtype"]) == (row["machine"], row["dtype"])]
    if not mine:
        return None
    return row["flop_per_s"] / min(mine[0]["rate"], mine[0]["bandwidth"] * row["intensity"])


def _what(record: Record) -> str:
    batch, positions = known(record, "batch"), known(record, "tokens")
    sizes = [f"{positions:,.0f} positions" if positions else "", f"batch {batch:,.0f}" if batch else ""]
    return ", ".join(filter(None, sizes))


def _told(row: dict[str, Any], over: bool) -> str:
    share = row["share_of_roof"]
    lines = [
        f"<b>{escape(row['encoder'])}</b> · {escape(row['what'])}",
        f"{rate(row['flop_per_s'])} at {number(row['intensity'])} FLOP a byte",
        "no roof of this machine and number format was measured" if share is None else f"{share:.0%} of its roof",
        told(row["record"]),
    ]
    return "<br>".join(lines + ["<b>above the roof: a count or a time is wrong</b>"] * over)


def _grouped(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["encoder"], []).append(row)
    return found


def _say(rows: Sequence[dict[str, Any]], roofs: Sequence[dict[str, Any]]) -> str:
    roof_words = "; ".join(
        f"{roof['dtype']} {rate(roof['rate'])} and {number(roof['bandwidth'] / 1e9)} GB/s" for roof in roofs
    )
    said = []
    for encoder, mine in _grouped(rows).items():
        shares = [row["share_of_roof"] for row in mine if row["share_of_roof"] is not None]
        best = max(row["flop_per_s"] for row in mine)
        said.append(f"{encoder} reaches {rate(best)}" + (f", {max(shares):.0%} of its roof" if shares else ""))
    over = sum((row["share_of_roof"] or 0) > TOLERANCE for row in rows)
    wrong = f" {over} points lie above their roof: a count or a time is wrong there." if over else ""
    disturbed = disturbed_words(sum(row["disturbed"] for row in rows), len(rows))
    return f"Measured ceilings: {roof_words}. {'; '.join(said)}.{wrong}{disturbed}"
