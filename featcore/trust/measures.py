"""What a run over a set measures of every map."""

from featcore.measure.definitions import DEFINITIONS, Definition
from featcore.measure.truth import POINTING

MEASURES: dict[str, Definition] = POINTING | {
    name: DEFINITIONS[name] for name in ("abpc", "morf", "lerf", "insertion", "deletion", "infidelity")
}
"""Every measure with its definition; a record of before one was added lacks it."""
