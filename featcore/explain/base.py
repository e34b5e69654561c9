"""What every method shares: its knobs, its target, and the function it explains: embedded units in, logits out.

Torch is imported where it is used: a page lists methods and knobs before it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, fields
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from featcore.errors import NotDefined, UnknownName
from featcore.explain.shared import reused_s
from featcore.registry import Registry
from featcore.types import Attribution, Provenance, Sample, Target

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder, States

Progress = Callable[[int, int], None]
"""Called with (passes done, passes in all) after every chunk; it may raise `Cancelled` to stop the work."""


def silent(done: int, total: int) -> None:
    """Progress that tells nobody."""


@runtime_checkable
class Method(Protocol):
    """A frozen dataclass: its fields are its knobs, calling it runs it.

    `needs` are the capabilities of a card it asks for; `signed` says whether scores below zero mean something;
    `complete` whether the scores promise to add up to F(x) - F(baseline).
    """

    name: ClassVar[str]
    title: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    signed: ClassVar[bool]
    complete: ClassVar[bool]

    # Methods that need logits get a Target, the others None.
    def __call__(self, encoder: Encoder, sample: Sample, target: Any, progress: Progress) -> Attribution: ...

    def passes(self, sample: Sample) -> int: ...


METHODS: Registry[type[Method]] = Registry("method")


def knob(default: Any, help: str, low: Any = None, high: Any = None, choices: tuple = ()) -> Any:
    """A field that a person may turn; a page shows it with its limits or choices."""
    return field(default=default, metadata={"help": help, "low": low, "high": high, "choices": choices})


BASELINE_HELP = "what stands for 'nothing there'; auto: mask token for text, mean colour for pixels"


def knobs_of(method: Method) -> tuple[tuple[str, Any], ...]:
    """Names and values of the knobs of a method, sorted."""
    return tuple(sorted((f.name, getattr(method, f.name)) for f in fields(method)))  # type: ignore[arg-type]


def make(name: str, **knobs: Any) -> Method:
    """A method by name, with its knobs checked against their limits.

    Raises:
        UnknownName: no such method or knob, or a value outside its limits.
    """
    method_class = METHODS[name]
    known = {f.name: f.metadata for f in fields(method_class)}  # type: ignore[arg-type]
    for key, value in knobs.items():
        if key not in known:
            raise UnknownName(f"'{name}' has no knob '{key}'. Known: {', '.join(sorted(known)) or 'none'}.")
        low, high, choices = known[key]["low"], known[key]["high"], known[key]["choices"]
        if (low is not None and value < low) or (high is not None and value > high):
            raise UnknownName(f"{key}={value} of '{name}' lies outside {low} to {high}. Choose a value between them.")
        if choices and value not in choices:
            raise UnknownName(f"{key}='{value}' of '{name}' is not offered. Known: {', '.join(map(str, choices))}.")
    return method_class(**knobs)


def resolve_target(
    encoder: Encoder, sample: Sample, target: Target | int | str | None, other: Sample | None = None
) -> Target:
    """The target that a class index, a label, a rule or nothing stands for; nothing is the predicted class's logit,
    or, of an encoder without a classifier, the length of its pooled vector.

    Args:
        target: a Target, a class index, a label, "a>b" for the logit of class a less that of class b, or one of the
            rules "predicted", "difference", "probability" (all for the predicted class; "difference" is against the
            runner-up), "similarity" (to `other`).
    """
    if isinstance(target, Target):
        return target
    labels = encoder.card.labels
    if target == "similarity" and target not in labels:
        if other is None:
            raise NotDefined("A similarity is that to a second input, and none was given. Give one, or another target.")
        return similarity(encoder, other)
    if "logits" not in encoder.card.provides:
        if target in (None, "predicted", "logit", "norm"):
            return Target(0, "the pooled vector", "norm")
        raise NotDefined(
            f"'{encoder.card.name}' has no classifier, so '{target}' is no target of it. Explain the length of its "
            "pooled vector (norm), or the similarity to another input."
        )
    if isinstance(target, str) and (found := class_of(labels, target)) is not None:
        target = found
    if isinstance(target, str) and (pair := rather_than(labels, target)) is not None:
        return difference_of(labels, *pair)
    if isinstance(target, int):
        if not 0 <= target < len(labels):
            raise UnknownName(f"Class {target} of '{encoder.card.name}' does not exist. Known: 0 to {len(labels) - 1}.")
        return Target(target, labels[target])
    if target not in (None, "predicted", "logit", "difference", "probability"):
        raise UnknownName(
            f"No class or rule of '{encoder.card.name}' is called '{target}'. Known classes: {some(labels)}; "
            "rules: predicted, difference, probability, similarity, and 'a>b' for class a rather than class b."
        )
    import torch

    with torch.no_grad():
        order = encoder.logits(sample, encoder.embed(sample))[0].argsort(descending=True).tolist()
    kind = target if target in ("difference", "probability") else "logit"
    if kind == "difference":
        if len(order) < 2:
            raise NotDefined(f"'{encoder.card.name}' has one output; there is no runner-up. Explain the logit.")
        return difference_of(labels, order[0], order[1])
    return Target(order[0], labels[order[0]], kind)  # type: ignore[arg-type]


def class_of(labels: tuple[str, ...], name: str) -> int | None:
    """The class that a label or, where no label reads so, a number stands for."""
    if name in labels:
        return labels.index(name)
    return int(name) if name.isdecimal() and int(name) < len(labels) else None


def rather_than(labels: tuple[str, ...], target: str) -> tuple[int, int] | None:
    """The two classes of "a>b"; a label may itself hold a ">"."""
    for at, sign in enumerate(target):
        if sign == ">":
            first, second = (class_of(labels, part.strip()) for part in (target[:at], target[at + 1 :]))
            if first is not None and second is not None:
                return first, second
    return None


def difference_of(labels: tuple[str, ...], index: int, against: int) -> Target:
    """Why this class rather than that one: the difference of their logits."""
    if index == against:
        raise NotDefined(f"'{labels[index]}' rather than itself is 0 for every input. Choose two classes.")
    return Target(index, f"{labels[index]} less {labels[against]}", "difference", against)


def some(labels: tuple[str, ...], most: int = 20) -> str:
    """The first labels, and how many more there are."""
    more = f" and {len(labels) - most:,} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more


def read_target(logits: Tensor, target: Target) -> Tensor:
    """Float[b]: the explained output of each row of logits[b k]."""
    if target.kind == "probability":
        return logits.softmax(-1)[:, target.index]
    if target.kind == "difference":
        assert target.against is not None
        return logits[:, target.index] - logits[:, target.against]
    return logits[:, target.index]


def read_vector(vectors: Tensor, target: Target) -> Tensor:
    """Float[b]: length of each vector, or its cosine with the target's reference."""
    if target.kind == "norm":
        return vectors.norm(dim=-1)
    if len(target.reference) != vectors.shape[1]:
        raise NotDefined(
            f"The reference '{target.label}' is a vector of {len(target.reference)} numbers, this encoder gives "
            f"{vectors.shape[1]}: they share no space. Take the reference from the same checkpoint."
        )
    reference = vectors.new_tensor(target.reference)
    return vectors @ reference / (vectors.norm(dim=-1) * reference.norm())


def read(answer: Tensor, target: Target) -> Tensor:
    """Float[b]: the explained output, of logits[b k] or, where the target is of the vector, of vectors[b d]."""
    return read_vector(answer, target) if target.of_vector else read_target(answer, target)


def similarity(encoder: Encoder, sample: Sample) -> Target:
    """The target "how alike is an input to this one", for any encoder, with or without a classifier."""
    import torch

    with torch.no_grad():
        vector = encoder.pooled(sample, encoder.embed(sample))[0].float().tolist()
    return Target(0, sample.source.name, "similarity", reference=tuple(vector))


End = Literal["input", "baseline"]


@dataclass
class Explained:
    """The function a method explains, F: Tensor[b m d] to Tensor[b]; it counts passes and reports progress.

    `ends` are what F is stated at, Tensor[1 m d] each, and `known` is F there, Float[], once a pass has given it: no
    method computes either twice.
    """

    encoder: Encoder
    sample: Sample
    target: Target
    progress: Progress
    total: int
    passes: int = 0
    ends: dict[End, Tensor] = field(default_factory=dict)
    known: dict[End, Tensor] = field(default_factory=dict)

    def __call__(self, embedded: Tensor, stays: Tensor | None = None) -> Tensor:
        """F of each row of a batch; with `stays`, Int[b k], of those positions of the sequence alone."""
        self.progress(self.passes, self.total)
        if stays is not None:
            if self.target.of_vector:
                raise NotDefined(
                    f"'{self.target.label}' of a shorter input is not defined here: the vector is read from the whole "
                    "sequence. Replace units by the baseline instead, or explain a class."
                )
            self.passes += len(embedded)
            return read(self.encoder.logits(self.sample, embedded, stays), self.target)
        answer = self.encoder.pooled if self.target.of_vector else self.encoder.logits
        scores = read(answer(self.sample, embedded), self.target)
        self.passes += len(embedded)
        return scores

    def inside(self, embedded: Tensor, layers: int | None = None) -> tuple[Tensor, States]:
        """F of each row of a batch, Float[b], and the states it came from, to take gradients of; `layers` as there."""
        import torch

        self.progress(self.passes, self.total)
        with torch.enable_grad():
            states = self.encoder.states(self.sample, embedded, layers)
            answer = states.pooled if self.target.of_vector else states.logits
            assert answer is not None
            scores = read(answer, self.target)
        self.passes += len(embedded)
        if layers in (None, self.encoder.layers):
            # Eager attention rounds otherwise than fused attention, so no other method is told.
            self.known.setdefault("input", scores[0].detach())
        return scores, states

    def inside_input(self) -> tuple[Tensor, States]:
        """As `inside` of the input itself: one pass for all methods that share the encoder."""
        before = self.passes
        score, states = self._once("states", lambda: self.inside(leaf(self.ends["input"])))
        if self.passes == before:
            self.passes += 1  # another method's pass, which this map stands on as well
            self.known.setdefault("input", score[0].detach())
        return score, states

    def gradients(self, score: Tensor, of: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
        """The gradient of F with respect to each part of a pass; None where F does not depend on it."""
        import torch

        kept = getattr(self.encoder, "several", False)  # the next method goes back through the same pass
        return torch.autograd.grad(score, of, allow_unused=True, retain_graph=kept)

    def slope(self) -> Tensor:
        """The gradient of F at the input, Tensor[1 m d]: one pass there and back for all methods that share the
        encoder."""
        from captum.attr import Saliency

        return self._once("slope", lambda: Saliency(self.whole).attribute(leaf(self.ends["input"]), abs=False))

    def _once(self, what: str, compute: Callable[[], Any]) -> Any:
        once = getattr(self.encoder, "once", None)  # a `Shared` has it
        return compute() if once is None else once((what, self.target), compute)

    def joined(self, embedded: Tensor, at: dict[End, int] | None = None, adds: bool = True) -> Tensor:
        """F of each row of a batch, and of the ends that are not known yet in the same pass.

        Args:
            at: the rows of the batch that are an end themselves.
            adds: whether other ends are added to it; they are where that makes the batch no more than a quarter
                longer, since its length was chosen for the memory.
        """
        import torch

        places = dict(at or {})
        added = self._missing(besides=places) if adds else []
        added = added if 4 * len(added) <= len(embedded) else []
        places |= {end: len(embedded) + index for index, end in enumerate(added)}
        scores = self(torch.cat([embedded, *(self.ends[end] for end in added)]) if added else embedded)
        for end, place in places.items():
            self.learn(end, scores[place])
        return scores[: len(embedded)]

    def whole(self, embedded: Tensor) -> Tensor:
        """F of a batch that begins with the input itself."""
        return self.joined(embedded, {"input": 0})

    def learn(self, end: End, score: Tensor) -> None:
        """Keep F at an end that some pass has given."""
        self.known.setdefault(end, score.detach())
        tell = getattr(self.encoder, "tell", None)  # a `Shared` has it
        if tell is not None and end in self.ends:
            tell(self.ends[end], self.target, self.known[end])

    def at(self, end: End) -> Tensor:
        """F at an end, Float[1], without gradients; a pass only if it is not known."""
        import torch

        if end in self._missing():
            with torch.no_grad():
                self.learn(end, self(self.ends[end])[0])
        return self.known[end][None]

    def at_ends(self) -> tuple[float, float | None]:
        """F(x) and, where there is one, F(baseline); in one pass what is not known of them."""
        import torch

        missing = self._missing()
        if missing:
            with torch.no_grad():
                scores = self(torch.cat([self.ends[end] for end in missing]))
            for end, score in zip(missing, scores, strict=True):
                self.learn(end, score)
        return float(self.known["input"]), float(self.known["baseline"]) if "baseline" in self.known else None

    def _missing(self, besides: Collection[End] = ()) -> list[End]:
        """The ends at which F is not known, other methods and the pass that chose the target asked first."""
        missing = [end for end in self.ends if end not in self.known and end not in besides]
        for end in missing:
            score = self._told(end)
            if score is not None:
                self.learn(end, score)
                self.passes += 1  # made for this call, though before the method began
        return [end for end in missing if end not in self.known]

    def _told(self, end: End) -> Tensor | None:
        """F at an end, Float[], where a pass for another purpose has given it."""
        told = getattr(self.encoder, "told", None)  # a `Shared` has it
        score = None if told is None else told(self.ends[end], self.target)
        if score is not None or end == "baseline":
            return score
        answered = getattr(self.encoder, "answered", None)
        answer = None if answered is None else answered(self.target.of_vector)
        return None if answer is None else read(answer, self.target)[0]


def leaf(embedded: Tensor) -> Tensor:
    """A copy that gradients can be taken of; contiguous, since some Captum classes call `view`."""
    return embedded.detach().clone().contiguous().requires_grad_()


def chunk_size(encoder: Encoder, sample: Sample, gradients: bool) -> int:
    """Samples that go through the model at once: about 256 MiB of activations as measured, between 1 and 64.

    Without gradients a layer's activations are given back before the next one runs; a quarter is on the safe side.
    """
    needed = encoder.activation_bytes(sample) // (1 if gradients else 4)
    return int(max(1, min(64, 2**28 // max(needed, 1))))


def attribute(
    method: Method,
    encoder: Encoder,
    sample: Sample,
    target: Target,
    progress: Progress,
    compute: Callable[[Explained, Tensor, Tensor | None], Tensor],
    baseline: str | None = None,
    seed: int | None = None,
    at: Literal["rows", "positions"] = "rows",
) -> Attribution:
    """Run a method on the unit embedding and gather what every attribution states.

    Args:
        compute: (F, embedded[1 m d], baseline[1 m d] or None) to one score a row, Float[m].
        baseline: kind of baseline, None for methods that have none.
        at: "positions" where a method scores positions of the sequence, Float[s], and not rows of the embedding.
    """
    start, reused = perf_counter(), reused_s(encoder)
    embedded = encoder.embed(sample)
    blank = None if baseline is None else encoder.baseline(sample, baseline)
    ends: dict[End, Tensor] = {"input": embedded} if blank is None else {"input": embedded, "baseline": blank}
    explained = Explained(encoder, sample, target, progress, method.passes(sample), ends=ends)
    rows = compute(explained, embedded, blank).detach().float().cpu().numpy()
    at_input, at_baseline = explained.at_ends()
    progress(explained.total, explained.total)
    scores = rows[sample.rows if at == "rows" else sample.positions].astype(np.float64)
    # Special rows count towards completeness: their baseline equals their input, so complete methods give them 0.
    delta = None
    if method.complete and at_baseline is not None:
        delta = float(rows.sum() - (at_input - at_baseline))
    everything = float(np.abs(rows).sum())
    return Attribution(
        units=sample.units,
        scores=scores,
        target=target,
        method=method.name,
        knobs=knobs_of(method),
        signed=method.signed,
        provenance=encoder.provenance("sdpa" if at == "rows" else "eager", seed),
        baseline="" if baseline is None else encoder.baseline_kind(baseline),
        target_score=at_input,
        baseline_score=at_baseline,
        convergence_delta=delta,
        special_share=max(0.0, 1 - float(np.abs(scores).sum()) / everything) if everything else 0.0,
        passes=explained.passes,
        seconds=perf_counter() - start + reused_s(encoder) - reused,
    )


def without_passes(
    method: Method, encoder: Encoder, sample: Sample, scores: np.ndarray, seconds: float, provenance: Provenance, **more
) -> Attribution:
    """An attribution of a method that explains no output: attention, or a floor."""
    return Attribution(
        units=sample.units,
        scores=scores.astype(np.float64),
        target=None,
        method=method.name,
        knobs=knobs_of(method),
        signed=method.signed,
        provenance=provenance,
        seconds=seconds,
        **more,
    )
