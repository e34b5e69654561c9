"""Scores from many random sets of kept units: the game v(z) = F with the units where z = 0 replaced by the baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from featcore.errors import NotDefined
from featcore.explain.base import BASELINE_HELP, METHODS, End, Explained, Progress, attribute, chunk_size, knob
from featcore.types import Attribution, Sample, Target

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder

DRAWS_HELP = "random sets of units; more sets, less noise"
SEED_HELP = "seed of the random sets"
LEFT_OUT = "left out"
FILLED = 8
"""Sequences that differ by fewer positions than this share a pass, where the model can be told what fills them up."""
HIDING = ("baseline", LEFT_OUT)


@METHODS
@dataclass(frozen=True)
class RandomMasks:
    """Mean of the target over random masks that keep a unit, less the mean over those that hide it.

    Each unit is kept with probability 1/2, each mask comes with its complement. The expectation is the unit's Banzhaf
    value; RISE's own sum of F(masked) times mask is the same ranking plus a constant that depends on the baseline.
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

    def passes(self, sample: Sample) -> int:
        return 2 * (self.masks // 2) + 2

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def scores(game: Game) -> np.ndarray:
            half = np.random.default_rng(self.seed).random((self.masks // 2, game.units)) < 0.5
            kept = np.concatenate([half, ~half]).astype(np.float64)
            values = game.values(kept)
            return values @ kept / kept.sum(0) - values @ (1 - kept) / (1 - kept).sum(0)

        return play(self, encoder, sample, target, progress, scores)


@METHODS
@dataclass(frozen=True)
class Lime:
    """Weights of a ridge regression from which units are kept to the target, sets near the whole input counting more.

    Units are kept with probability 1/2; a set z counts exp(-d^2 / 2 w^2), d its cosine distance from the whole.
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

    def passes(self, sample: Sample) -> int:
        return self.sets + 2

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def scores(game: Game) -> np.ndarray:
            from captum.attr._core.lime import get_exp_kernel_similarity_function
            from sklearn.linear_model import Ridge

            rng = np.random.default_rng(self.seed)
            near = get_exp_kernel_similarity_function("cosine", self.width)
            drawn = (rng.random(game.units) < 0.5 for _ in range(self.sets))
            return fitted(game, drawn, self.sets, Ridge(alpha=1.0), near)

        return play(self, encoder, sample, target, progress, scores)


@METHODS
@dataclass(frozen=True)
class KernelShap:
    """Shapley values by a weighted regression from which units are kept to the target.

    Sizes k of a set are drawn in proportion to (n - 1) / (k (n - k)), sets of a size evenly, each with its complement;
    the empty and the whole set hold with a weight of 10^6, so the scores add up to F(x) - F(baseline).
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

    def passes(self, sample: Sample) -> int:
        return self.sets  # the empty and the whole one are among them

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        n = len(sample.units)
        if self.sets < n + 2:
            raise NotDefined(
                f"KernelSHAP from {self.sets} sets is not determined for {n} units: a regression needs as many sets "
                f"as units and two more. Choose sets of {n + 2} or more, or Random masks."
            )

        def scores(game: Game) -> np.ndarray:
            from sklearn.linear_model import LinearRegression

            def weight(original: Tensor, kept: Tensor, interpretable: Tensor, **_: Any) -> float:
                return 1e6 if float(kept.sum()) in (0, n) else 1.0

            drawn = self._sets(n)
            if game.shorter:  # sets of one size can share a pass, and the regression does not mind the order
                drawn = iter(sorted(islice(drawn, self.sets), key=np.count_nonzero))
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

    Each order adds up to F(x) - F(baseline), so the scores do. Needs as many passes an order as there are units.
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

    def passes(self, sample: Sample) -> int:
        return self.orders * len(sample.units) + 1

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
            whole = torch.ones(1, game.units)
            found = sampling.attribute(whole, baselines=0.0, n_samples=self.orders, perturbations_per_eval=game.chunk)
            return found[0].double().numpy()

        return play(self, encoder, sample, target, progress, scores)


@dataclass
class Game:
    """v: sets of kept units, one row each with 1 for kept and 0 for hidden, to the target with the others hidden.

    Hidden units are replaced by rows of `blank`; without it they are left out of the sequence. `meets` says that the
    whole and the empty set will be asked for in any case.
    """

    explained: Explained
    embedded: Tensor
    blank: Tensor | None
    rows: Tensor
    chunk: int
    meets: bool = False

    @property
    def units(self) -> int:
        return len(self.rows)

    @property
    def shorter(self) -> bool:
        return self.blank is None

    def __call__(self, kept: Tensor) -> Tensor:
        import torch

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
    """An attribution by a method that only plays the game; `shorter` leaves hidden units out of the sequence."""
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
        game = Game(explained, embedded, blank, rows, chunk_size(encoder, sample, gradients=False))
        found = torch.zeros(embedded.shape[1], dtype=torch.float64)
        found[sample.rows] = torch.from_numpy(scores(game))
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


def fitted(game: Game, drawn: Iterator[np.ndarray], sets: int, model: Any, weight: Callable) -> np.ndarray:
    """Float[n]: coefficients of a model fitted to v of the drawn sets, each with its weight."""
    import torch
    from captum.attr import LimeBase

    def draw(original: Tensor, **_: Any) -> Tensor:
        return torch.from_numpy(next(drawn)).float()[None]

    def same(kept: Tensor, *_: Any, **__: Any) -> Tensor:
        return kept

    lime = LimeBase(game, Regression(model), weight, draw, True, same, same)
    whole = torch.ones(1, game.units)
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
