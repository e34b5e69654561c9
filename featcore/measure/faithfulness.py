"""An attribution is judged by what the model does when its units are hidden, whatever made it and whatever they are.

Hiding a unit replaces its row of the unit embedding by the baseline's, as in `explain.perturbation`.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from featcore.explain.base import Progress, silent
from featcore.measure.curves import aopc, curves, evenly, falling
from featcore.measure.hiding import Scale, at_least_one, explained_target, hide, read_as, scores_of
from featcore.measure.infidelity import infidelity
from featcore.measure.randomisation import randomisation, redraws
from featcore.measure.stability import max_sensitivity
from featcore.types import Attribution, Faithfulness, Sample, Target

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

__all__ = ["infidelity", "judge", "max_sensitivity", "passes_of", "randomisation", "redraws"]


def passes_of(units: int, steps: int = 20) -> int:
    """Forward passes that `judge` needs for a map of so many units."""
    return 2 * len(evenly(units, steps)) - 2


def judge(
    encoder: Encoder,
    sample: Sample,
    attribution: Attribution,
    steps: int = 20,
    progress: Progress = silent,
    *,
    target: Target | int | str | None = None,
    scale: Scale = "probability",
    baseline: str = "auto",
    seed: int = 0,
) -> Faithfulness:
    """Deletion, insertion, MoRF, LeRF and ABPC of one map, with its curves and its completeness gap.

    Args:
        steps: parts that the order is cut into; inputs with fewer units have one step a unit.
        target: for maps that explain no output (attention, floors) what is read, the predicted class unless given.
        scale: whether curves read the softmax probability of the class or its logit.
        baseline: what hidden units are replaced by, a kind that the encoder knows.
        seed: of the permutation that breaks ties.

    Raises:
        NotDefined: the map is of other units, or its scores are not finite, or there are no steps.
    """
    start = perf_counter()
    at_least_one("steps", steps)
    scores = scores_of(sample, attribution)
    goal = read_as(explained_target(encoder, sample, attribution, target), scale, encoder.card.labels)
    kind = encoder.baseline_kind(baseline)
    game = hide(encoder, sample, goal, kind, progress, passes_of(len(scores), steps))
    deletion, lerf, insertion = curves(game, falling(scores, seed), steps, kind)
    progress(game.explained.passes, game.explained.passes)
    ties = "" if len(scores) == 1 or scores.max() > scores.min() else _CONSTANT.format(seed=seed)
    why = _why_no_gap(attribution)
    return Faithfulness(
        method=attribution.method,
        knobs=attribution.knobs,
        target=goal,
        baseline=kind,
        deletion=deletion.area,
        insertion=insertion.area,
        morf=aopc(deletion),
        lerf=aopc(lerf),
        abpc=aopc(deletion) - aopc(lerf),
        curves=(deletion, lerf, insertion),
        completeness=attribution.completeness_gap,
        undefined=(("completeness", why),) if why else (),
        notes=(ties,) if ties else (),
        units=len(scores),
        seed=seed,
        passes=game.explained.passes,
        seconds=perf_counter() - start,
        attribution_passes=attribution.passes,
        attribution_seconds=attribution.seconds,
        provenance=encoder.provenance("sdpa", seed),
    )


_CONSTANT = "All scores are equal, so units were hidden in a random order (seed {seed}): this is one random map."


def _why_no_gap(attribution: Attribution) -> str:
    if attribution.completeness_gap is not None:
        return ""
    if attribution.convergence_delta is None:
        return "This method does not promise that its scores add up to a change of the output."
    return "The output at the baseline is that at the input, so a relative gap means nothing."
