"""Scores from many random sets of kept players: single units, or larger parts of the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from featcore.errors import NotDefined
from featcore.explain.base import BASELINE_HELP, METHODS, Progress, knob
from featcore.explain.game import HIDING, LEFT_OUT, PLAYERS, UNIT, Game, play, players_of
from featcore.types import Attribution, Sample, Target

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder

DRAWS_HELP = "random sets of units; more sets, less noise"
SEED_HELP = "seed of the random sets"
PLAYERS_HELP = "what is hidden or kept as a whole: single units, or all units of a larger part together"


@METHODS
@dataclass(frozen=True)
class RandomMasks:
    """Mean of the target over random masks that keep a unit, less the mean over those that hide it.

    Each player, a unit or a larger part, is kept with probability 1/2, each mask comes with its complement. The
    expectation is the player's Banzhaf value, which its units share evenly; RISE's own sum of F(masked) times mask is
    the same ranking plus a constant that depends on the baseline.
    Source: Petsiuk et al. 2018, arXiv:1806.07421, equation 6, with masks of whole units instead of enlarged grids.
    """

    name: ClassVar[str] = "random_masks"
    title: ClassVar[str] = "Random masks (RISE)"
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = False

    masks: int = knob(256, "random masks; more masks, less noise", low=2, high=8192)
    seed: int = knob(0, SEED_HELP, low=0, high=1000)
    baseline: str = knob("auto", BASELINE_HELP)
    players: str = knob(UNIT, PLAYERS_HELP, choices=PLAYERS)

    def passes(self, sample: Sample) -> int:
        return 2 * (self.masks // 2) + 2

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def scores(game: Game) -> np.ndarray:
            half = np.random.default_rng(self.seed).random((self.masks // 2, game.players)) < 0.5
            kept = np.concatenate([half, ~half]).astype(np.float64)
            values = game.values(kept)
            return values @ kept / kept.sum(0) - values @ (1 - kept) / (1 - kept).sum(0)

        return play(self, encoder, sample, target, progress, scores)


@METHODS
@dataclass(frozen=True)
class Lime:
    """Weights of a ridge regression from which units are kept to the target, sets near the whole input counting more.

    Units are kept with probability 1/2; a set z counts exp(-d^2 / 2 w^2), d its cosine distance from the whole. Larger
    players (words, superpixels, time slots) have one weight each, which their units share evenly.
    Source: Ribeiro et al. 2016, arXiv:1602.04938, by Captum's LimeBase; ridge penalty 1, as in its authors' code.
    """

    name: ClassVar[str] = "lime"
    title: ClassVar[str] = "LIME"
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = False

    sets: int = knob(256, DRAWS_HELP, low=2, high=8192)
    width: float = knob(
        0.25, "width w of the kernel: how far from the whole input sets still count", low=0.01, high=25.0
    )
    seed: int = knob(0, SEED_HELP, low=0, high=1000)
    baseline: str = knob("auto", BASELINE_HELP)
    players: str = knob(UNIT, PLAYERS_HELP, choices=PLAYERS)

    def passes(self, sample: Sample) -> int:
        return self.sets + 2

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def scores(game: Game) -> np.ndarray:
            from captum.attr._core.lime import get_exp_kernel_similarity_function
            from sklearn.linear_model import Ridge

            rng = np.random.default_rng(self.seed)
            near = get_exp_kernel_similarity_function("cosine", self.width)
            drawn = (rng.random(game.players) < 0.5 for _ in range(self.sets))
            return fitted(game, drawn, self.sets, Ridge(alpha=1.0), near)

        return play(self, encoder, sample, target, progress, scores)


@METHODS
@dataclass(frozen=True)
class KernelShap:
    """Shapley values by a weighted regression from which units are kept to the target.

    Sizes k of a set are drawn in proportion to (n - 1) / (k (n - k)), sets of a size evenly, each with its complement;
    the empty and the whole set hold with a weight of 10^6, so the scores add up to F(x) - F(baseline). With larger
    players (words, superpixels, time slots) n counts them, and the units of each share its value evenly.
    Hidden units are replaced by the baseline, or left out of the sequence, where the others keep their places: another
    game with other values, and half the rows to compute on average.
    Source: Lundberg & Lee 2017, arXiv:1705.07874, theorem 2, by Captum's LimeBase; pairs: Covert & Lee 2021,
    arXiv:2012.01536.
    """

    name: ClassVar[str] = "kernel_shap"
    title: ClassVar[str] = "KernelSHAP"
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = True

    sets: int = knob(512, f"{DRAWS_HELP}; at least two more than units", low=4, high=8192)
    seed: int = knob(0, SEED_HELP, low=0, high=1000)
    baseline: str = knob("auto", BASELINE_HELP)
    hiding: str = knob("baseline", "hidden units are replaced by the baseline, or left out", choices=HIDING)
    players: str = knob(UNIT, PLAYERS_HELP, choices=PLAYERS)

    def passes(self, sample: Sample) -> int:
        return self.sets  # the empty and the whole one are among them

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        n = len(players_of(sample, self.players))
        if self.sets < n + 2:
            raise NotDefined(
                f"KernelSHAP from {self.sets} sets is not determined for {n} {self.players}s: a regression needs as "
                f"many sets as {self.players}s and two more. Choose sets of {n + 2} or more, larger players, or Random "
                "masks."
            )

        def scores(game: Game) -> np.ndarray:
            from sklearn.linear_model import LinearRegression

            def weight(original: Tensor, kept: Tensor, interpretable: Tensor, **_: Any) -> float:
                return 1e6 if float(kept.sum()) in (0, n) else 1.0

            drawn = self._sets(n)
            if game.shorter:  # sets of one size can share a pass, and the regression does not mind the order
                drawn = iter(sorted(islice(drawn, self.sets), key=game.kept_units))
            return fitted(game, drawn, self.sets, LinearRegression(), weight)

        return play(self, encoder, sample, target, progress, scores, shorter=self.hiding == LEFT_OUT)

    def _sets(self, n: int) -> Iterator[np.ndarray]:
        yield np.zeros(n, bool)
        yield np.ones(n, bool)
        rng, sizes = np.random.default_rng(self.seed), np.arange(1, n)
        chances = 1 / (sizes * (n - sizes))
        while True:
            kept = np.zeros(n, bool)
            if n > 1:
                kept[rng.permutation(n)[: rng.choice(sizes, p=chances / chances.sum())]] = True
            yield kept
            yield ~kept


@METHODS
@dataclass(frozen=True)
class ShapleySampling:
    """What a unit adds when units come back one by one in a random order, averaged over orders: its Shapley value.

    Each order adds up to F(x) - F(baseline), so the scores do. Needs as many passes an order as there are units, or
    larger players (words, superpixels, time slots), whose units share the value of each evenly.
    Source: Castro et al. 2009, doi:10.1016/j.cor.2008.04.004, by Captum's ShapleyValueSampling.
    """

    name: ClassVar[str] = "shapley_sampling"
    title: ClassVar[str] = "Shapley sampling"
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = True

    orders: int = knob(8, "random orders; more orders, less noise", low=1, high=512)
    seed: int = knob(0, SEED_HELP, low=0, high=1000)
    baseline: str = knob("auto", BASELINE_HELP)
    players: str = knob(UNIT, PLAYERS_HELP, choices=PLAYERS)

    def passes(self, sample: Sample) -> int:
        return self.orders * len(players_of(sample, self.players)) + 1

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def scores(game: Game) -> np.ndarray:
            import torch
            from captum.attr import ShapleyValueSampling

            def orders(units: int, count: int) -> Iterator[list[int]]:
                rng = np.random.default_rng(self.seed)
                return (rng.permutation(units).tolist() for _ in range(count))

            game.meets = True
            sampling = ShapleyValueSampling(game)
            sampling.permutation_generator = orders  # Captum's own draws from torch's global generator
            whole = torch.ones(1, game.players)
            found = sampling.attribute(whole, baselines=0.0, n_samples=self.orders, perturbations_per_eval=game.chunk)
            return found[0].double().numpy()

        return play(self, encoder, sample, target, progress, scores)


def fitted(game: Game, drawn: Iterator[np.ndarray], sets: int, model: Any, weight: Callable) -> np.ndarray:
    """Float[n]: coefficients of a model fitted to v of the drawn sets, each with its weight."""
    import torch
    from captum.attr import LimeBase

    def draw(original: Tensor, **_: Any) -> Tensor:
        return torch.from_numpy(next(drawn)).float()[None]

    def same(kept: Tensor, *_: Any, **__: Any) -> Tensor:
        return kept

    lime = LimeBase(game, Regression(model), weight, draw, True, same, same)
    whole = torch.ones(1, game.players)
    return lime.attribute(whole, n_samples=sets, perturbations_per_eval=game.chunk)[0].double().numpy()


class Regression:
    """A linear model of scikit-learn as LimeBase asks for it, in double precision.

    It reads the tensors behind the loader: iterating over a loader draws from torch's global generator.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, loader: Any) -> None:
        kept, values, weights = (tensor.double().numpy() for tensor in loader.dataset.tensors)
        self.model.fit(kept, values, sample_weight=weights)

    def representation(self) -> Tensor:
        import torch

        return torch.from_numpy(self.model.coef_)[None]
