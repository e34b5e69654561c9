"""Examples become augmented batches in an order that can be taken up again in the middle of an epoch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from featcore.learn.recipe import Examples, Recipe


class Batches:
    """Exactly as many batches of each phase as it asks for, starting new epochs as needed.

    Everything random comes from `rng`; `state` and `restore` move it together with the place in the epoch, so that a
    run that was killed goes on with the very batch it would have seen.
    """

    def __init__(
        self, recipe: Recipe, processor: Any, phases: Sequence[tuple[Examples, int]], rng: np.random.Generator
    ) -> None:
        self.recipe, self.processor, self.phases, self.rng = recipe, processor, phases, rng
        self.done, self._at = 0, 0
        self._start: Mapping[str, Any] | None = None  # the generator's state when the current epoch began

    @property
    def total(self) -> int:
        return sum(steps for _, steps in self.phases)

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        end = 0
        for examples, steps in self.phases:
            end += steps
            while self.done < end:
                left = self._epoch(examples)[self._at : self._at + end - self.done]
                for index, rows in enumerate(left, start=1):
                    batch = examples.take(rows)
                    tensors = self.recipe.augment(self.processor, batch.inputs, self.rng)
                    self.done, self._at = self.done + 1, self._at + 1
                    if index == len(left):  # whoever goes on from here begins a new epoch, maybe of another phase
                        self._start = None
                    yield tensors, torch.from_numpy(batch.targets)

    def state(self) -> dict[str, Any]:
        return {"done": self.done, "at": self._at, "start": self._start, "now": self.rng.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        self.done, self._at, self._start = state["done"], state["at"], state["start"]
        self.rng.bit_generator.state = state["now"]

    def _epoch(self, examples: Examples) -> list[np.ndarray]:
        """The rows of every batch of the current epoch; the same again when it was begun before."""
        now = self.rng.bit_generator.state
        if self._start is None:
            self._start, self._at = now, 0
            return list(self.recipe.order(examples, self.rng))
        self.rng.bit_generator.state = self._start
        rows = list(self.recipe.order(examples, self.rng))
        self.rng.bit_generator.state = now
        return rows
