"""Ways to score units. Every module in this folder is imported, so a new method is one class in one file.

AttnLRP (Achtibat et al. 2024, arXiv:2402.05602) is left out because of its licence: that of its authors' code grants no
patent rights, and states that layer-wise relevance propagation is patented.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any

from featcore.encode.libraries import IMPORTING
from featcore.errors import NotDefined
from featcore.explain.base import METHODS, Method, make, resolve_target, silent, similarity
from featcore.explain.between import between
from featcore.explain.floor import FLOORS
from featcore.explain.shared import Shared
from featcore.types import Attribution, Card, Sample, Target

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")


def methods(card: Card | None = None) -> list[type[Method]]:
    """The methods, the floors last; with a card, only those that are defined for it."""
    defined = [method for method in METHODS.values() if card is None or not _refused(method, card)]
    return sorted(defined, key=lambda method: FLOORS.index(method.name) if method.name in FLOORS else -1)


def explain(
    encoder: Encoder,
    sample: Sample,
    method: str = "integrated_gradients",
    target: Target | int | str | None = None,
    progress: Callable[[int, int], None] = silent,
    other: Sample | None = None,
    **knobs: Any,
) -> Attribution:
    """One score per unit of a sample.

    Args:
        method: a registered name (`featcore.methods()`); knobs: its options, checked against their limits.
        target: a Target, a class index, a label, "a>b" for class a rather than class b, or a rule ("predicted",
            "difference", "probability", "similarity"); the logit of the predicted class unless given. Methods that
            explain no output (attention, random) ignore it.
        progress: called with (passes done, passes in all) after every chunk; raise `Cancelled` in it to stop.
        other: a second input: the one that a "similarity" is to; for any other target it takes the baseline's place,
            so that complete methods say what makes F(x) differ from F(other).

    Raises:
        NotDefined: the encoder lacks what the method needs, or the other input is cut otherwise.
        UnknownName: no such method, knob, class or rule.
    """
    # Who explains by several methods has a `Shared` already.
    shared: Any = encoder if isinstance(encoder, Shared) and encoder.sample is sample else Shared(encoder, sample)
    chosen = make(method, **knobs)
    if reason := why_not(METHODS[method], encoder):
        raise NotDefined(reason)
    resolved = resolve_target(shared, sample, target, other) if "target" in chosen.needs else None
    if other is not None and resolved is not None and resolved.kind != "similarity":
        return chosen(between(shared, sample, other, chosen), sample, resolved, progress)
    return chosen(shared, sample, resolved, progress)


def explain_all(
    encoder: Encoder,
    sample: Sample,
    methods: Iterable[str] | Mapping[str, Mapping[str, Any]],
    target: Target | int | str | None = None,
    progress: Callable[[int, int], None] = silent,
    other: Sample | None = None,
) -> dict[str, Attribution | NotDefined]:
    """Several methods over one sample, in passes that they share: F(x), the baseline and the explained class are found
    once, methods that take the same gradient share it, and so do those that read attention.

    The maps are those of single calls. `passes` and `seconds` of each count the passes that it stands on, as a single
    call does, so they do not depend on the order and add up to more than was spent.

    Args:
        methods: names, or names with the knobs of each; the others as in `explain`.

    Returns:
        Name to map, in the order asked; to the reason where a method is not defined here.

    Raises:
        UnknownName: no such method, knob, class or rule; of methods and knobs before anything is computed.
    """
    chosen = {name: dict(methods[name]) if isinstance(methods, Mapping) else {} for name in methods}
    planned = {name: make(name, **knobs).passes(sample) for name, knobs in chosen.items()}
    shared: Any = Shared(encoder, sample, several=True)
    found: dict[str, Attribution | NotDefined] = {}
    before, total = 0, sum(planned.values())
    for name, knobs in chosen.items():

        def step(done: int, _: int, before: int = before, most: int = planned[name]) -> None:
            progress(before + min(done, most), total)

        try:
            found[name] = one = explain(shared, sample, name, target, step, other, **knobs)
            target = one.target or target
        except NotDefined as error:
            found[name] = error
        before += planned[name]
    progress(total, total)
    return found


def explain_pair(
    first: tuple[Encoder, Sample],
    second: tuple[Encoder, Sample],
    method: str = "integrated_gradients",
    progress: Callable[[int, int], None] = silent,
    **knobs: Any,
) -> tuple[Attribution, Attribution]:
    """What makes two inputs alike, on both sides: the units of each scored for the cosine of their vectors.

    Args:
        first, second: an encoder and its sample; their vectors must lie in one space, as those of two towers of one
            checkpoint do ("folder#text" and "folder#image"), or as two inputs of one encoder.

    Raises:
        NotDefined: the vectors are of different lengths, or the method is not defined for one of the encoders.
    """
    sides = []
    for (encoder, sample), other in ((first, second), (second, first)):
        sides.append(explain(encoder, sample, method, similarity(*other), progress, **knobs))
    return sides[0], sides[1]


def undefined(encoder: Encoder) -> dict[str, str]:
    """Name and reason of every method that has no meaning for an encoder."""
    return {name: reason for name, method in METHODS.items() if (reason := why_not(method, encoder))}


def why_not(method: type[Method], encoder: Encoder) -> str:
    """Why a method has no meaning for an encoder; "" where it has one."""
    if refused := _refused(method, encoder.card):
        return refused
    refusal = getattr(method, "refusal", None)
    return refusal(encoder) if refusal else ""


def _refused(method: type[Method], card: Card) -> str:
    """What a card alone says against a method."""
    lacking = method.needs - card.provides
    if lacking:
        return (
            f"{method.title} is not defined for '{card.name}': it needs {', '.join(sorted(lacking))}, "
            "which this encoder does not provide. Choose another method."
        )
    refuses = getattr(method, "refuses", None)
    return refuses(card) if refuses else ""


def preload() -> None:
    """Import what encoding and explaining need, one thread at a time: seconds once, nothing afterwards."""
    with IMPORTING:
        import_module("captum.attr")
        import_module("featcore.encode.loading")


def knobs(method: type[Method]) -> dict[str, dict[str, Any]]:
    """Name to default, limits, choices and help of every knob of a method."""
    return {
        f.name: {"default": None if f.default is MISSING else f.default, **f.metadata}
        for f in fields(method)  # type: ignore[arg-type]
    }


class _Callable(ModuleType):
    """`featcore.explain` is this package and the public verb; importing a submodule rebinds the name to the package."""

    def __call__(self, *args: Any, **kwargs: Any) -> Attribution:
        return explain(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
