"""Attention that a model computes on parts of its sequence, put together to one map over all of it."""

import torch
from jaxtyping import Float
from torch import Tensor


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
