"""Attention as scores: what the read-out position looks at, in one layer or rolled through all of them."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from featcore.encode.layouts import layout_of
from featcore.errors import NotDefined
from featcore.explain.base import METHODS, Progress, knob, without_passes
from featcore.explain.shared import reused_s
from featcore.types import Attribution, Card, Encoding, Look, Sample, Target

if TYPE_CHECKING:
    from featcore.encode.base import Encoder


def attention_scores(encoding: Encoding, layer: int = -1, head: int = -1) -> np.ndarray:
    """Float[s]: attention that each position receives from what the classifier reads: one position, or the mean over
    those it averages. head -1 is the mean over the heads that were kept."""
    maps = _maps(encoding)
    if encoding.layers:
        layer = encoding.layers.index(layer)
    if encoding.heads and head != -1:
        head = encoding.heads.index(head)
    check_layer(layer, len(maps))
    if not -1 <= head < maps.shape[1]:
        raise NotDefined(f"Head {head} does not exist; the encoder has {maps.shape[1]}, counted from 0 (-1: mean).")
    weights = maps[layer].mean(0) if head == -1 else maps[layer, head]
    return encoding.reading @ weights


def rollout_scores(encoding: Encoding) -> np.ndarray:
    """Float[s]: attention rolled from what the classifier reads down to the input, adding up to 1.

    As `featcore.encode.maps.rolled`, of maps that are on the host; or the row that was rolled on the device.
    Source: Abnar & Zuidema 2020, arXiv:2005.00928.
    """
    if encoding.rollout is not None:
        return encoding.rollout
    maps = _maps(encoding)
    assert not encoding.layers, "all layers are rolled"
    row = encoding.reading.astype(maps.dtype, copy=False)
    shares = np.full(maps.shape[1], 1 / maps.shape[1], maps.dtype)
    for heads in maps[::-1]:
        row = (shares @ (row @ heads) + row) / 2
    return row


def _maps(encoding: Encoding) -> np.ndarray:
    if encoding.attention is None:
        raise NotDefined(f"There is no attention to show: {encoding.why_no_attention}")
    return encoding.attention


def not_square(title: str, card: Card) -> str:
    """Why the layers of an encoder are no square maps over the same positions; "" where they are."""
    kind = layout_of(card.family).attention
    if kind in ("full", "causal"):
        return ""
    return (
        f"{title} is not defined for '{card.name}': its attention is {kind}, "
        "so its layers are not square matrices over the same positions. Choose occlusion or a gradient method."
    )


def check_layer(layer: int, layers: int) -> None:
    """Refuse a layer that the encoder does not have."""
    if not -layers <= layer < layers:
        raise NotDefined(f"Layer {layer} does not exist; the encoder has {layers}, counted from 0 (-1 is the last).")


@METHODS
@dataclass(frozen=True)
class Attention:
    """How much the read-out position attends to each unit, in one layer and head: a weight, not an effect.

    sum_i r[i] A_l[h i j], or its mean over h: A_l = softmax(Q K^T / sqrt(d)) from query i to key j, and r the share of
    each position in what the classifier reads.
    Source: Vaswani et al. 2017, arXiv:1706.03762; why it is no explanation: Jain & Wallace 2019, arXiv:1902.10186.
    """

    name: ClassVar[str] = "attention"
    title: ClassVar[str] = "Attention"
    needs: ClassVar[frozenset[str]] = frozenset({"attention"})
    signed: ClassVar[bool] = False
    complete: ClassVar[bool] = False

    layer: int = knob(-1, "layer, counted from 0; -1 is the last", low=-1, high=47)
    head: int = knob(-1, "head, counted from 0; -1 is the mean over heads", low=-1, high=31)

    def passes(self, sample: Sample) -> int:
        return 1

    def __call__(self, encoder: Encoder, sample: Sample, target: Target | None, progress: Progress) -> Attribution:
        start = perf_counter() - reused_s(encoder)
        heads = None if self.head == -1 else (self.head,)
        encoding = encoder.encode(sample, Look((self.layer,), heads))
        layer = encoding.layers[0] if encoding.layers else self.layer
        row = attention_scores(encoding, layer, self.head)
        return _placed(self, encoder, sample, encoding, row, start)


@METHODS
@dataclass(frozen=True)
class Rollout:
    """Attention multiplied through the layers with the residual added; not specific to a class.

    r B_L ... B_1 with B_l = (mean_h A_l[h] + I) / 2, and r the share of each position in what the classifier reads.
    Source: Abnar & Zuidema 2020, arXiv:2005.00928, equation 1.
    """

    name: ClassVar[str] = "attention_rollout"
    title: ClassVar[str] = "Attention rollout"
    needs: ClassVar[frozenset[str]] = frozenset({"attention"})
    signed: ClassVar[bool] = False
    complete: ClassVar[bool] = False

    @staticmethod
    def refusal(encoder: Encoder) -> str:
        return not_square("Rollout", encoder.card)

    def passes(self, sample: Sample) -> int:
        return 1

    def __call__(self, encoder: Encoder, sample: Sample, target: Target | None, progress: Progress) -> Attribution:
        start = perf_counter() - reused_s(encoder)
        encoding = encoder.encode(sample, Look(rolled=True))
        return _placed(self, encoder, sample, encoding, rollout_scores(encoding), start)


def _placed(
    method: Attention | Rollout, encoder: Encoder, sample: Sample, encoding: Encoding, row: np.ndarray, start: float
) -> Attribution:
    """The scores of the units; what fell on special positions is stated, not spread over the units."""
    scores = row[sample.positions]
    return without_passes(
        method,
        encoder,
        sample,
        scores,
        perf_counter() + reused_s(encoder) - start,
        encoding.provenance,
        special_share=max(0.0, 1 - float(scores.sum() / row.sum())),
        passes=1,
    )
