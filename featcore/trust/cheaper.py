"""Which methods a run can afford, and how far a knob of a dear one is turned down so that it can be judged as well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from featcore.explain import methods, why_not
from featcore.explain.base import METHODS, Method, make
from featcore.explain.floor import FLOORS
from featcore.types import Sample

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

AFFORDABLE = 150
"""Passes for one input above which a method has to be asked for by name, or is turned down."""


@dataclass(frozen=True)
class Turned:
    """A method with a knob that stands lower than by default."""

    method: Method
    knob: str
    default: int

    @property
    def value(self) -> int:
        return int(getattr(self.method, self.knob))

    @property
    def title(self) -> str:
        """The title with the knob: "LIME (sets 148)"."""
        return f"{self.method.title} ({self.knob} {self.value})"


def affordable(encoder: Encoder, sample: Sample) -> tuple[list[Method], dict[str, str]]:
    """The methods that are run unless others are asked for, floors last, and why others are not."""
    run_now, left = [], {}
    for method in methods():
        one = make(method.name)
        if reason := why_not(method, encoder):
            left[method.name] = reason
        elif one.passes(sample) > AFFORDABLE:
            left[method.name] = (
                f"It needs {one.passes(sample)} passes for one input; above {AFFORDABLE} it is run when asked for."
            )
        else:
            run_now.append(one)
    return sorted(run_now, key=lambda one: one.name in FLOORS), left


def turned_down(encoder: Encoder, sample: Sample, left: Iterable[str]) -> dict[str, Turned]:
    """Those of the methods left that become affordable with one knob turned down, by name."""
    dear = [make(name) for name in left if not why_not(METHODS[name], encoder)]
    return {one.name: found for one in dear if (found := _turned(one, sample)) is not None}


def _turned(method: Method, sample: Sample) -> Turned | None:
    """One knob as high as `AFFORDABLE` passes allow; None where no knob takes passes away."""
    for field in fields(method):  # type: ignore[arg-type]
        default, low = getattr(method, field.name), field.metadata["low"]
        if not isinstance(default, int) or low is None:
            continue
        lower = [replace(method, **{field.name: value}) for value in range(low, default)]  # type: ignore[type-var]
        fits = [one for one in lower if one.passes(sample) <= AFFORDABLE]
        if fits:
            # The first of those with as many passes: a rule of 129 points has a limit of 129, not of 256.
            return Turned(max(fits, key=lambda one: one.passes(sample)), field.name, default)
    return None
