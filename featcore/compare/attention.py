"""Attention weights become a few numbers per head: how spread, how far, and on what."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from featcore.errors import NotDefined
from featcore.types import Units


@dataclass(frozen=True, eq=False)
class HeadStatistics:
    """What each head of each layer does with one input; all Float[l h], NaN where a number is not defined.

    Distances are among units only: a special position has no place, so its share is taken out and the rest scaled to
    1 again; a query that gives units nothing is left out. A share of distance is the mean distance divided by that
    of uniform attention: 0 looks at itself, 1 is global.

    Attributes:
        entropy: H / log s of a query's weights over all positions, mean over queries: 0 one position, 1 uniform.
        distance: mean distance in `measure`; distance_share: the same against uniform attention.
        time_distance, time_share: mean |difference| in time slots, apart from space; None where there is no time.
        special: share of all attention on positions that are no unit.
        top_share: share of the attention that units receive, on the 1 % of units that receive most (one at least).
        diagonal: share that a unit gives to itself, mean over units.
        measure: unit of `distance`: "token steps", "fragments" (grid cells, in space) or "pixels" (in space).
    """

    entropy: Float[np.ndarray, "l h"]
    distance: Float[np.ndarray, "l h"]
    distance_share: Float[np.ndarray, "l h"]
    time_distance: Float[np.ndarray, "l h"] | None
    time_share: Float[np.ndarray, "l h"] | None
    special: Float[np.ndarray, "l h"]
    top_share: Float[np.ndarray, "l h"]
    diagonal: Float[np.ndarray, "l h"]
    measure: str


def head_statistics(
    attention: Float[np.ndarray, "l h s s"],
    positions: Int[np.ndarray, " n"],
    units: Units,
    special: Bool[np.ndarray, " s"] | None = None,
) -> HeadStatistics:
    """Statistics of every head, one head at a time to spare memory.

    Args:
        attention: rows are queries and sum to 1.
        positions: where each unit stands in the sequence.
        units: what the positions are; its grid or extents give the distances.
        special: positions that are no unit; None: all that are not in `positions`.

    Raises:
        NotDefined: no unit, or attention and units do not fit together.

    Source: distance, Raghu et al. 2021, arXiv:2108.08810, divided by that of uniform attention.
    """
    n_layers, n_heads, s = attention.shape[:3]
    if not len(positions) or len(positions) != len(units) or int(positions.max()) >= s:
        raise NotDefined(
            f"{len(positions)} positions for {len(units)} units do not fit attention over {s} positions. "
            "Give the attention and the units of the same input."
        )
    if special is None:
        special = np.ones(s, bool)
        special[positions] = False
    space, time, measure = unit_distances(units, positions)
    found = {name: np.full((n_layers, n_heads), np.nan) for name in ("entropy", "space", "time", "out", "top", "own")}
    for head in np.ndindex(n_layers, n_heads):
        weights = attention[head].astype(np.float64)
        among = weights[np.ix_(positions, positions)]
        found["entropy"][head] = _entropy(weights)
        found["out"][head] = weights[:, special].sum() / s
        found["own"][head] = among.diagonal().mean()
        found["top"][head] = _top_share(weights[:, positions].sum(axis=0))
        found["space"][head] = _mean_distance(among, space)
        if time is not None:
            found["time"][head] = _mean_distance(among, time)
    return HeadStatistics(
        entropy=found["entropy"],
        distance=found["space"],
        distance_share=_against_uniform(found["space"], space),
        time_distance=found["time"] if time is not None else None,
        time_share=_against_uniform(found["time"], time) if time is not None else None,
        special=found["out"],
        top_share=found["top"],
        diagonal=found["own"],
        measure=measure,
    )


def joined(found: Sequence[HeadStatistics]) -> HeadStatistics:
    """Statistics of groups of layers of one model and input, as those of all of them in that order."""

    def rows(name: str) -> Any:
        parts = [getattr(each, name) for each in found]
        return None if parts[0] is None else np.concatenate(parts)

    names = [each.name for each in fields(HeadStatistics) if each.name != "measure"]
    return HeadStatistics(**{name: rows(name) for name in names}, measure=found[0].measure)


def unit_distances(
    units: Units, positions: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "n n"] | None, str]:
    """Distance of every pair of units in its own measure, the same in time (None without time), and the measure.

    Tokens: steps in the sequence. Fragments of a grid: Euclidean distance in cells, time in slots. Regions: Euclidean
    distance of the centres of their boxes in pixels, time in frames.
    """
    if units.axes == ("char",):
        return np.abs(positions[:, None] - positions[None, :]).astype(np.float64), None, "token steps"
    if units.grid is not None and int(np.prod(units.grid)) == len(units):
        places, measure = np.stack(np.unravel_index(np.arange(len(units)), units.grid), axis=1), "fragments"
    else:
        places, measure = units.extents.mean(axis=-1), "pixels"
    gaps = np.abs(places[:, None, :] - places[None, :, :]).astype(np.float64)
    time = gaps[..., 0] if gaps[..., 0].any() else None
    return np.hypot(gaps[..., 1], gaps[..., 2]), time, measure


def _entropy(weights: Float[np.ndarray, "q s"]) -> float:
    s = weights.shape[-1]
    logs = np.log(weights, out=np.zeros_like(weights), where=weights > 0)  # 0 log 0 is 0
    return float(-(weights * logs).sum(axis=-1).mean() / np.log(s)) if s > 1 else np.nan


def _top_share(received: Float[np.ndarray, " n"]) -> float:
    top = math.ceil(len(received) / 100)
    total = received.sum()
    return float(np.sort(received)[-top:].sum() / total) if total > 0 else np.nan


def _mean_distance(among: Float[np.ndarray, "n n"], distance: Float[np.ndarray, "n n"]) -> float:
    """Mean over queries of the attention-weighted distance, weights scaled to 1 among units."""
    mass = among.sum(axis=-1)
    heard = mass > 1e-9
    far = (among * distance).sum(axis=-1)
    return float((far[heard] / mass[heard]).mean()) if heard.any() else np.nan


def _against_uniform(rows: Float[np.ndarray, "l h"], distance: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "l h"]:
    uniform = distance.mean()
    return rows / uniform if uniform > 0 else np.full_like(rows, np.nan)
