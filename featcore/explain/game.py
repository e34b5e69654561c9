"""The game v(z) = F with the players where z = 0 hidden; a player is a unit, or all units of a larger part together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from featcore.errors import NotDefined
from featcore.explain.base import End, Explained, Progress, attribute, chunk_size
from featcore.types import Attribution, Sample, Target
from featcore.units.coarser import LEVELS, coarser
from featcore.units.words import Groups

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder

LEFT_OUT = "left out"
FILLED = 8
"""Sequences that differ by fewer positions than this share a pass, where the model can be told what fills them up."""
HIDING = ("baseline", LEFT_OUT)
UNIT = "unit"
PLAYERS = (UNIT, *(level for levels in LEVELS.values() for level in levels[1:]))
"""Who plays: single units, or one of the larger parts of `LEVELS`, which no two kinds of input share."""


def players_of(sample: Sample, level: str) -> Groups:
    """The units of each player; every unit belongs to one.

    Raises:
        NotDefined: an input of this kind has no such parts.
    """
    if level == UNIT:
        return [np.array([unit]) for unit in range(len(sample.units))]
    kind = sample.source.modality
    known = (UNIT, *LEVELS[kind][1:])
    if level not in known:
        raise NotDefined(f"An input of kind {kind} has no '{level}' that could be hidden. Known: {', '.join(known)}.")
    return coarser(sample.units, sample.source, level)[1]


def owners(sample: Sample, level: str) -> Int[np.ndarray, " n"] | None:
    """The player that each unit belongs to; None where every unit plays for itself."""
    if level == UNIT:
        return None
    owner = np.empty(len(sample.units), np.int64)
    for player, units in enumerate(players_of(sample, level)):
        owner[units] = player
    return owner


@dataclass
class Game:
    """v: sets of kept players, one row each with 1 for kept and 0 for hidden, to the target with the others hidden.

    Hidden units are replaced by rows of `blank`; without it they are left out of the sequence.

    Attributes:
        owner: the player that each unit belongs to, Int[n]; None where every unit plays for itself.
        meets: whether the whole and the empty set will be asked for in any case.
    """

    explained: Explained
    embedded: Tensor
    blank: Tensor | None
    rows: Tensor
    chunk: int
    owner: Int[np.ndarray, " n"] | None = None
    meets: bool = False

    @property
    def units(self) -> int:
        return len(self.rows)

    @property
    def players(self) -> int:
        return self.units if self.owner is None else int(self.owner.max()) + 1

    @property
    def shorter(self) -> bool:
        return self.blank is None

    def __call__(self, kept: Tensor) -> Tensor:
        import torch

        if self.owner is not None:
            kept = kept[:, torch.from_numpy(self.owner)]
        if self.blank is None:
            return self._left_out(kept > 0.5)
        stays = kept.to(self.embedded)[..., None]
        whole = self.embedded.expand(len(kept), -1, -1).clone()
        whole[:, self.rows] = stays * self.embedded[:, self.rows] + (1 - stays) * self.blank[:, self.rows]
        with torch.no_grad():
            return self.explained.joined(whole, ends_among(kept), not self.meets).float().cpu()

    def _left_out(self, kept: Tensor) -> Tensor:
        """v by sequences without the hidden units; sets of one size, or nearly, go through the model together."""
        import torch

        sample, encoder = self.explained.sample, self.explained.encoder
        stays = torch.ones(len(kept), len(sample.sequence), dtype=torch.bool)
        stays[:, torch.from_numpy(sample.positions)] = kept
        # Kept positions first, in their order, then -1: a row is as long as the longest of its pass.
        places = torch.where(stays, torch.arange(stays.shape[1]), stays.shape[1]).sort(1).values
        places[places == stays.shape[1]] = -1
        sizes, found = stays.sum(1), torch.empty(len(kept))
        alike = sizes // FILLED if encoder.fills_up else sizes
        for size in alike.unique():
            rows = alike == size
            index = places[rows, : sizes[rows].max()].to(self.embedded.device)
            with torch.no_grad():
                found[rows] = self.explained(self.embedded.expand(len(index), -1, -1), index).float().cpu()
        for end, row in ends_among(kept).items():
            self.explained.learn(end, found[row])
        return found

    def kept_units(self, kept: np.ndarray) -> int:
        """How many units one set of players keeps, Bool[p]."""
        return int(np.count_nonzero(kept if self.owner is None else kept[self.owner]))

    def shared(self, scores: Float[np.ndarray, " p"]) -> Float[np.ndarray, " n"]:
        """Each player's score in equal parts for its units, so that the parts add up to it."""
        return scores if self.owner is None else (scores / np.bincount(self.owner))[self.owner]

    def values(self, kept: np.ndarray) -> np.ndarray:
        """Float[b]: v of each row, in chunks."""
        import torch

        parts = torch.from_numpy(kept).float().split(self.chunk)
        return torch.cat([self(part) for part in parts]).double().numpy()


def ends_among(kept: Tensor) -> dict[End, int]:
    """The rows of Tensor[b n] that keep every unit or none, one of each where there is one."""
    kinds: tuple[tuple[End, Tensor], ...] = (("input", (kept > 0.5).all(1)), ("baseline", (kept < 0.5).all(1)))
    return {end: int(found.int().argmax()) for end, found in kinds if found.any()}


def play(
    method: Any,
    encoder: Encoder,
    sample: Sample,
    target: Target,
    progress: Progress,
    scores: Callable[[Game], np.ndarray],
    shorter: bool = False,
) -> Attribution:
    """An attribution by a method that only plays the game; `shorter` leaves hidden units out of the sequence.

    Args:
        scores: the game to one score a player, Float[p]; `method.players` says who plays, single units unless given.
    """
    if shorter and len(sample.positions) == len(sample.sequence):
        raise NotDefined(
            f"Every position of '{encoder.card.name}' is a unit, so with all of them left out there is no sequence, "
            "where Shapley values begin. Replace units by the baseline instead."
        )
    nothing = 0.0

    def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
        nonlocal nothing
        import torch

        rows = torch.from_numpy(sample.rows).to(encoder.device)
        owner = owners(sample, getattr(method, "players", UNIT))
        game = Game(explained, embedded, blank, rows, chunk_size(encoder, sample, gradients=False), owner)
        found = torch.zeros(embedded.shape[1], dtype=torch.float64)
        found[sample.rows] = torch.from_numpy(game.shared(scores(game)))
        if shorter:  # KernelSHAP has met the empty set; it is no end of its own, since it has no embedding
            nothing = float(explained.known.pop("baseline"))
        return found

    baseline, seed = None if shorter else method.baseline, getattr(method, "seed", None)
    found = attribute(method, encoder, sample, target, progress, compute, baseline, seed)
    if not shorter:
        return found
    assert found.target_score is not None
    gap = float(found.scores.sum()) - (found.target_score - nothing)
    return replace(found, baseline=LEFT_OUT, baseline_score=nothing, convergence_delta=gap)
