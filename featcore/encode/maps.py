"""What a model computes on parts of its sequence, put together: attention as one map, feature maps as rows."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from featcore.errors import NotDefined


def cells(rows: Tensor) -> Float[Tensor, "b s d"]:
    """A feature map (b d y x, or b d t y x) as one row a cell, in reading order; what has rows already stays."""
    return rows.flatten(2).transpose(1, 2) if rows.ndim > 3 else rows


def numbers(asked: Sequence[int] | None, n: int, what: str) -> tuple[int, ...]:
    """Layers or heads counted from 0, of `n`; all of them for None.

    Raises:
        NotDefined: the model does not have one of them.
    """
    for number in asked or ():
        if not -n <= number < n:
            raise NotDefined(f"{what} {number} does not exist; the encoder has {n}, counted from 0.")
    return tuple(range(n)) if asked is None else tuple(number % n for number in asked)


def rolled(maps: Sequence[Float[Tensor, "h s s"]], reading: Float[Tensor, " s"]) -> Float[Tensor, " s"]:
    """Attention rolled from what the classifier reads down to the input, adding up to 1.

    Only a row vector is carried: v <- v (A_l + I) / 2 from the last layer to the first, with A_l the mean over heads.
    Same row as the full matrix product at 2 h s^2 instead of 2 s^3 a layer, and no mean over heads is written down.
    Source: Abnar & Zuidema 2020, arXiv:2005.00928.
    """
    row = reading.float()
    for heads in reversed(maps):
        row = ((row @ heads.float()).mean(0) + row) / 2
    return row


def across_frames(
    attention: Float[Tensor, "t h p p"], grid: tuple[int, int, int] | None, time_fastest: bool
) -> Float[Tensor, "h s s"]:
    """One map from one a frame, each over the class position and the frame's own patches.

    A patch attends within its frame alone. The class position takes part in every frame and is averaged afterwards, so
    its row is the mean of its rows.
    """
    assert grid is not None
    (frames, rows, columns), heads = grid, attention.shape[1]
    cells = rows * columns
    whole = attention.new_zeros(heads, 1 + frames * cells, 1 + frames * cells)
    for t in range(frames):
        place = torch.arange(cells) * frames + t if time_fastest else torch.arange(cells) + t * cells
        at = torch.cat([torch.zeros(1, dtype=torch.long), 1 + place]).to(attention.device)
        own = at[1:, None]
        whole[:, own, at] = attention[t][:, 1:]
        whole[:, 0, at] += attention[t][:, 0] / frames
    return whole


def across_times(attention: Float[Tensor, "p h t t"], time_fastest: bool) -> Float[Tensor, "h s s"]:
    """One map from one a place in the picture, each over that place's time slots.

    The class position takes no part and is handed on as it is, so its row is 1 at itself.
    """
    places, heads, frames = attention.shape[:3]
    whole = attention.new_zeros(heads, 1 + places * frames, 1 + places * frames)
    whole[:, 0, 0] = 1
    for p in range(places):
        slot = torch.arange(frames, device=attention.device)
        at = 1 + (p * frames + slot if time_fastest else slot * places + p)
        whole[:, at[:, None], at] = attention[p]
    return whole


def across_windows(
    attention: Float[Tensor, "w h c c"],
    cells: tuple[int, int],
    window: int,
    moved: int,
    grid: tuple[int, int, int] | None,
) -> Float[Tensor, "h n n"]:
    """One map over the units from one a window, the windows put back where they were cut.

    What the cells of a unit look at is averaged, what falls on the cells of a unit is added up; rows still sum to 1.

    Args:
        cells: rows and columns of the stage, whole multiples of `window` and of the units' grid.
        moved: how far the picture was rolled up and left before it was cut into windows.
    """
    assert grid is not None
    (rows, columns), (_, y, x) = cells, grid
    at = torch.arange(rows)[:, None] // (rows // y) * x + torch.arange(columns) // (columns // x)
    at = at.roll((-moved, -moved), (0, 1)).unflatten(1, (-1, window)).unflatten(0, (-1, window))
    member = torch.nn.functional.one_hot(at.transpose(1, 2).flatten(2).flatten(0, 1), y * x).to(attention)  # w c n
    onto = attention @ member[:, None]
    return (member.transpose(1, 2)[:, None] @ onto).sum(0) * (y * x / (rows * columns))
