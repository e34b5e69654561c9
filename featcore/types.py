"""Every noun of the project: frozen records of NumPy arrays, the same for text, image and video.

Axis letters: n units, s sequence positions (special ones included), m rows of the unit embedding, l layers, h heads,
d width, k classes, t y x frames rows columns, c colour, b batch. Scores are raw; only `draw` scales them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from math import comb
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

Modality = Literal["text", "image", "video"]


# --- what comes in ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Text:
    """A text as typed or decoded; `key` is a SHA-256 of its content, `name` is for people.

    `notes` say what was done to a file while reading, in words ("read as UTF-16").
    """

    key: str
    text: str
    name: str = "text"
    notes: tuple[str, ...] = ()

    @property
    def modality(self) -> Modality:
        return "text"


@dataclass(frozen=True, eq=False)
class Timeline:
    """Which frames of a file became the clip.

    Attributes:
        times_s: presentation time of every frame that was decoded, in seconds, rising.
        used: index into `times_s` of every frame of the clip, in order; a repeated index is a repeated frame.
        rule: how they were chosen, in words.
        padded: how many frames at the end of the clip are repetitions, because the file is too short.
    """

    times_s: Float[np.ndarray, " all"]
    used: Int[np.ndarray, " t"]
    rule: str
    padded: int = 0


@dataclass(frozen=True, eq=False)
class Clip:
    """RGB frames; a picture is a clip of one frame.

    Attributes:
        key: SHA-256 of frames and times; caches use it, never the array.
        frames: uint8 RGB.
        times_s: time of each frame in seconds from the start of the file.
        still: True for a picture; a video of one frame is no picture.
        notes: what was done to the file while reading, in words ("turned by EXIF", "scaled to 1024 px").
    """

    key: str
    frames: UInt8[np.ndarray, "t y x 3"]
    times_s: Float[np.ndarray, " t"]
    name: str = "clip"
    still: bool = False
    notes: tuple[str, ...] = ()
    timeline: Timeline | None = None

    @property
    def modality(self) -> Modality:
        return "image" if self.still else "video"


Source = Text | Clip


# --- units -----------------------------------------------------------------------------------------------------------


CELL = "cell "
"""How the labels of cells begin."""


@dataclass(frozen=True, eq=False)
class Units:
    """The parts of one input that can be scored or hidden: tokens, patches, tubelets, regions.

    Attributes:
        axes: ("char",) for text, ("t", "y", "x") for pixels.
        extents: half-open [start, stop) of each unit on each axis, in the source's own characters, frames and
            pixels, so that an overlay is drawn on the original.
        labels: what a person calls each unit: the token's text, "t0 y2 x5", or "cell y2 x5" where it is a cell of a
            convolutional network's last feature map, which reads beyond its extent.
        grid: units along t, y, x when they form a regular lattice in reading order, else None.
        regions: for irregular units the unit index of every pixel (-1: none), else None.
    """

    axes: tuple[str, ...]
    extents: Int[np.ndarray, "n axes 2"]
    labels: tuple[str, ...]
    grid: tuple[int, int, int] | None = None
    regions: Int[np.ndarray, "t y x"] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def kind(self) -> str:
        """The word a person reads: token, patch, tubelet, cell of a feature map, or region."""
        if self.axes == ("char",):
            return "token"
        if self.regions is not None:
            return "region"
        if self.labels and self.labels[0].startswith(CELL):
            return "cell"
        deep = len(self) > 0 and int((self.extents[:, 0, 1] - self.extents[:, 0, 0]).max()) > 1
        return "tubelet" if deep else "patch"


@dataclass(frozen=True, eq=False)
class Tokens:
    """A text cut by one tokenizer: one row a sequence position, special ones included.

    Attributes:
        text: the text that was cut.
        tokenizer: name of the tokenizer.
        ids: vocabulary index of each position.
        strings: the vocabulary's own spelling of each position ("##ing", "Ġthe", "<0xE2>").
        surfaces: the slice of the text, whitespace made visible; the string where a position has no text.
        chars: half-open character extent in the text; (0, 0) for special positions.
        bytes: half-open extent in the UTF-8 bytes of the text.
        special: positions that are no unit ([CLS], </s>, padding).
        unknown: positions where the vocabulary had no entry.
        words: index of the whitespace word a position belongs to, -1 if none.
        graphemes: index of the first grapheme (what a person calls a character) a position touches, -1 if none.
        left_out: characters of the text behind the last position that was kept; 0 unless truncated.
    """

    text: str
    tokenizer: str
    ids: Int[np.ndarray, " s"]
    strings: tuple[str, ...]
    surfaces: tuple[str, ...]
    chars: Int[np.ndarray, "s 2"]
    bytes: Int[np.ndarray, "s 2"]
    special: Bool[np.ndarray, " s"]
    unknown: Bool[np.ndarray, " s"]
    words: Int[np.ndarray, " s"]
    graphemes: Int[np.ndarray, " s"]
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.strings)


@dataclass(frozen=True, eq=False)
class Sample:
    """What a model eats, with the map from its units to its sequence.

    Attributes:
        key: SHA-256 of source, encoder and weights.
        positions: where each unit stands in the encoder's sequence; special positions are in no unit.
        rows: which row of the unit embedding each unit is (positions less what the model prepends later).
        sequence: a name for every sequence position, special ones included.
        tensors: keyword arguments of the model's forward, batch of one.
        notes: what a person should know: "12 characters were left out", "scaled from 640x480 to 32x32".
        unknown: tokens the vocabulary does not hold; left_out: characters behind the last position.
    """

    key: str
    units: Units
    positions: Int[np.ndarray, " n"]
    rows: Int[np.ndarray, " n"]
    sequence: tuple[str, ...]
    tensors: dict[str, Any]
    source: Source
    notes: tuple[str, ...] = ()
    unknown: int = 0
    left_out: int = 0


# --- what ought to be found ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Truth:
    """Which units ought to carry the answer, by somebody who knows and not by the model.

    Attributes:
        share: part of each unit that lies inside what was marked, 0 to 1.
        mask: the units that count as marked; rule: how the mask follows from the share, in words.
    """

    share: Float[np.ndarray, " n"]
    mask: Bool[np.ndarray, " n"]
    rule: str

    @property
    def chance(self) -> float | None:
        """Share of the units that are marked, |M| / n: what scores that know nothing get; None without units."""
        return float(self.mask.mean()) if len(self.mask) else None


@dataclass(frozen=True)
class Localisation:
    """How well scores point at a truth, each 0 to 1, high is good; what scores that know nothing get is `chance`.

    Attributes:
        pointing: 1 if the highest score lies on a marked unit; with ties the share of the highest that do.
        mass: share of the positive score that lies on marked units; None where no score is positive.
        rank: share of the |M| highest scores that lie on marked units; with ties at the border its expectation.
        marked, units: |M| and n. All three are None where nothing is marked: there was nothing to hit.
    """

    pointing: float | None
    mass: float | None
    rank: float | None
    marked: int
    units: int

    @property
    def chance(self) -> float | None:
        return self.marked / self.units if self.units else None


# --- what a model answers --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Provenance:
    """What is needed to repeat a number; travels with every result and every export.

    `revision` is the `state` of the encoder's card.
    """

    encoder: str
    revision: str
    weights_sha256: str
    device: str
    dtype: str
    attention: str
    threads: int
    versions: tuple[tuple[str, str], ...]
    time_utc: str
    machine: str = ""
    seed: int | None = None


@dataclass(frozen=True)
class Target:
    """The output being explained.

    Attributes:
        index: class index; label: its name.
        kind: "logit", "difference" (logit less the logit of class `against`), "probability" (softmax), or of the vector
            that a classifier would read "norm" (its length) and "similarity" (its cosine with `reference`).
        reference: a vector of that kind, of an input the explained one is compared with.
    """

    index: int
    label: str
    kind: Literal["logit", "difference", "probability", "norm", "similarity"] = "logit"
    against: int | None = None
    reference: tuple[float, ...] = field(default=(), repr=False)

    @property
    def of_vector(self) -> bool:
        """Whether it is a number of the pooled vector and not of class scores."""
        return self.kind in ("norm", "similarity")

    def __str__(self) -> str:
        return f"{self.kind} {'to' if self.kind == 'similarity' else 'of'} '{self.label}'"


@dataclass(frozen=True)
class Look:
    """Which attention of a pass is asked for; the rest of it never leaves the device.

    Attributes:
        layers, heads: counted from 0, or back from -1; None: all of them.
        rolled: the row of the rollout alone, and no map.
    """

    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None
    rolled: bool = False


@dataclass(frozen=True, eq=False)
class Encoding:
    """One forward pass, in float32 on the host.

    Attributes:
        hidden: vectors after the embedding and after every layer.
        attention: weights as the model computed them; rows are queries and sum to 1. None with `why_no_attention`.
        logits: class scores, None for an encoder without a head.
        labels: class names, as many as logits.
        reading: how much of each sequence position enters the classifier; adds up to 1.
        layers, heads: numbers, from 0, of those that `attention` holds where it does not hold all; else ().
        rollout: attention rolled from what the classifier reads down to the input, where that alone was asked for.
    """

    units: Units
    positions: Int[np.ndarray, " n"]
    sequence: tuple[str, ...]
    hidden: Float[np.ndarray, "l1 s d"]
    attention: Float[np.ndarray, "l h s s"] | None
    logits: Float[np.ndarray, " k"] | None
    labels: tuple[str, ...]
    reading: Float[np.ndarray, " s"]
    provenance: Provenance
    why_no_attention: str = ""
    notes: tuple[str, ...] = ()
    unknown: int = 0
    left_out: int = 0
    layers: tuple[int, ...] = ()
    heads: tuple[int, ...] = ()
    rollout: Float[np.ndarray, " s"] | None = None

    def head(self, layer: int, head: int) -> Float[np.ndarray, "s s"]:
        """The map of one head, by its numbers in the model, counted from 0."""
        assert self.attention is not None
        at = self.layers.index(layer) if self.layers else layer
        return self.attention[at, self.heads.index(head) if self.heads else head]

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, Float[k]."""
        assert self.logits is not None
        shifted = np.exp(self.logits - self.logits.max())
        return shifted / shifted.sum()

    @property
    def readout(self) -> int | None:
        """The one sequence position that the classifier reads, None when it reads a mean."""
        read = np.flatnonzero(self.reading)
        return int(read[0]) if len(read) == 1 else None

    @property
    def special(self) -> np.ndarray:
        """Bool[s]: positions that are no unit."""
        mask = np.ones(len(self.sequence), bool)
        mask[self.positions] = False
        return mask


@dataclass(frozen=True, eq=False)
class Attribution:
    """One score per unit for one target; never normalised here.

    Attributes:
        scores: signed unless `signed` is False.
        method: registered name; knobs: the options it ran with.
        baseline: the input that stands for "nothing there", in words; "" for methods without one.
        target_score: F(x), the explained output at the input; baseline_score: F(x0), None without a baseline.
        convergence_delta: sum of scores - (F(x) - F(x0)); None where completeness is not promised.
        special_share: share of absolute score that fell on special positions (these are in no unit).
        passes: samples that went forward through the model; seconds: wall time of the whole call. Both count a pass
            that several methods shared, to each of them.
    """

    units: Units
    scores: Float[np.ndarray, " n"]
    target: Target | None
    method: str
    knobs: tuple[tuple[str, Any], ...]
    signed: bool
    provenance: Provenance
    baseline: str = ""
    target_score: float | None = None
    baseline_score: float | None = None
    convergence_delta: float | None = None
    special_share: float = 0.0
    passes: int = 0
    seconds: float = 0.0

    @property
    def completeness_gap(self) -> float | None:
        """|sum - (F(x) - F(x0))| / |F(x) - F(x0)|, a share; None where not promised or nothing changed."""
        if self.convergence_delta is None or self.target_score is None or self.baseline_score is None:
            return None
        change = abs(self.target_score - self.baseline_score)
        return abs(self.convergence_delta) / change if change > 1e-6 else None


# --- whether an attribution is right ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Curve:
    """The explained output F while more and more units are hidden or put back, in the order of one map.

    Attributes:
        kind: "deletion" (units of the highest score hidden first), "lerf" (those of the lowest hidden first), or
            "insertion" (all hidden, those of the highest score put back first).
        share: share of the units hidden, or put back, rising from 0 to 1; values: F at each share.
        baseline: what hidden units are replaced by, in words.
    """

    kind: Literal["deletion", "lerf", "insertion"]
    share: Float[np.ndarray, " p"]
    values: Float[np.ndarray, " p"]
    baseline: str

    @property
    def area(self) -> float:
        """Area under the curve by trapezoids, over shares from 0 to 1: a mean of F, in its unit."""
        return float(np.trapezoid(self.values, self.share))


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """How the explained output follows one map when units are hidden and put back; `measure.definitions` says what
    each number means.

    Attributes:
        method: of the attribution that was judged; knobs: its options.
        target: what was read while units were hidden: a softmax probability or a logit.
        baseline: what hidden units were replaced by.
        deletion, insertion: areas under the curves; morf, lerf: AOPC with the highest or the lowest scores hidden
            first; abpc: their difference.
        curves: deletion, lerf and insertion.
        completeness: share of F(x) - F(x0) that the scores miss; None where not promised, `undefined` says why.
        undefined: name of a number and why it is not there; notes: what a person should know.
        seed: of the permutation that breaks ties.
        passes, seconds: of the judging; attribution_passes, attribution_seconds: of the map.
    """

    method: str
    knobs: tuple[tuple[str, Any], ...]
    target: Target
    baseline: str
    deletion: float
    insertion: float
    morf: float
    lerf: float
    abpc: float
    curves: tuple[Curve, ...]
    completeness: float | None
    undefined: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    units: int
    seed: int
    passes: int
    seconds: float
    attribution_passes: int
    attribution_seconds: float
    provenance: Provenance

    def curve(self, kind: str) -> Curve:
        """The curve of one kind."""
        return next(curve for curve in self.curves if curve.kind == kind)


@dataclass(frozen=True)
class Infidelity:
    """How far the scores of hidden units are from what hiding them changes, over random sets of hidden units.

    Attributes:
        raw: mean of (sum of the hidden scores - fall of F)^2, in the unit of F squared.
        scaled: the same with the scores multiplied by `scale`, the factor that makes it smallest.
        changes: mean of (fall of F)^2: what a map of zeros gets.
    """

    method: str
    target: Target
    baseline: str
    raw: float
    scaled: float
    scale: float
    changes: float
    draws: int
    seed: int
    passes: int
    seconds: float

    @property
    def share(self) -> float | None:
        """`scaled` / `changes`, 0 (the scores foretell every change) to 1 (they foretell nothing); None where F never
        changed."""
        return self.scaled / self.changes if self.changes > 1e-12 else None


@dataclass(frozen=True)
class Sensitivity:
    """How much a map changes when the unit embedding is shaken a little.

    Attributes:
        value: largest |phi(y) - phi(x)| / |phi(x)| over the draws; None with `why` where phi(x) is zero.
        radius: no entry of a unit's row moves further, in the unit of the embedding; share: radius over the standard
            deviation of the entries of all units.
    """

    method: str
    value: float | None
    why: str
    radius: float
    share: float
    draws: int
    seed: int
    passes: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Randomisation:
    """How alike a map and those of the same model with its weights drawn anew are, from the head down.

    Attributes:
        stages: what was drawn anew, one name a step, each step keeping the ones before; the last is the whole model.
        similarity: Spearman correlation of |phi| with |phi| of each step; NaN where a map is constant.
        other_class: Spearman correlation with the map of another class on the untouched model; None with `why` where
            undefined.
        signed: whether `other_class` compares phi itself, or |phi| of a method without signs.
        maps: phi of the untouched model, then of each step.
    """

    method: str
    stages: tuple[str, ...]
    similarity: Float[np.ndarray, " l"]
    other_class: float | None
    signed: bool
    why: str
    maps: Float[np.ndarray, "l1 n"]
    seed: int
    passes: int
    seconds: float

    @property
    def last(self) -> float | None:
        """Similarity with the map of the wholly random model; None where it is undefined."""
        return float(self.similarity[-1]) if np.isfinite(self.similarity[-1]) else None


@dataclass(frozen=True, eq=False)
class Redraws:
    """How alike a map and those of the wholly random model are, over several draws of all its weights.

    Attributes:
        cascade: the first draw, from the head down.
        similarity: Spearman correlation of |phi| with |phi| of the wholly random model, one a draw, the cascade's last
            first; NaN where a map is constant.
        maps: phi of the untouched model, then of each draw.
        seeds: of the draws; passes, seconds: of all of them.
    """

    cascade: Randomisation
    similarity: Float[np.ndarray, " r"]
    maps: Float[np.ndarray, "r1 n"]
    seeds: tuple[int, ...]
    passes: int
    seconds: float

    @property
    def mean(self) -> float | None:
        """Mean similarity over the draws where it is defined; None without any."""
        known = self.similarity[np.isfinite(self.similarity)]
        return float(known.mean()) if len(known) else None

    @property
    def reach(self) -> tuple[float, float] | None:
        """The least and the greatest similarity of a draw; None where it is defined for none."""
        known = self.similarity[np.isfinite(self.similarity)]
        return (float(known.min()), float(known.max())) if len(known) else None


# --- what it costs ---------------------------------------------------------------------------------------------------

# Smallest number of samples whose maximum bounds the percentile with 95 % confidence: 0.95 <= 1 - p^n.
SAMPLES_NEEDED = {50: 5, 90: 29, 95: 59, 99: 299}


def median_interval(samples: Iterable[float]) -> tuple[float, float] | None:
    """The 95 % interval of the median, in the unit of the samples, or None with fewer than 6.

    Two order statistics, symmetric in rank, that hold the median with at least 95 % probability whatever the
    distribution: the number of samples below the median is binomial(n, 1/2). With 10 samples they are the 2nd and the
    9th. Assumes independent samples, which calls of one process only roughly are.
    """
    ordered = sorted(samples)
    rank = _rank(len(ordered))
    return None if rank is None else (ordered[rank - 1], ordered[-rank])


@lru_cache(maxsize=1024)
def _rank(n: int) -> int | None:
    """The largest rank r, counted from 1, with P(binomial(n, 1/2) < r) <= 2.5 %; None when there is none."""
    rank, below = 0, 0
    while rank < n:
        below += comb(n, rank)
        if 40 * below > 2**n:
            break
        rank += 1
    return rank or None


@dataclass(frozen=True, eq=False)
class Latency:
    """Raw wall times of one stage; percentiles exist only where the number of samples allows them.

    Attributes:
        stage: read, cut, transfer, encode, attention, attribution:<method>, or total, which is all of them but
            attention as one call; with " (device clock)" behind it the time by the clock of a GPU, which leaves out
            what the host did meanwhile.
        samples_s: seconds of each timed call, in run order, after `warmup` untimed calls.
        first_s: the first (cold) call of this measurement, in seconds.
        stopped: why timing ended: "precise", "stable", "budget" or "count" (see `measure.timer.Timing`).
        disturbed: why the machine was not quiet, in words; "" when it was.
        units: units of the input, to give a cost per unit.
    """

    stage: str
    samples_s: Float[np.ndarray, " r"]
    warmup: int
    first_s: float
    stopped: str
    units: int
    provenance: Provenance
    disturbed: str = ""

    def percentile_s(self, percent: int) -> float | None:
        """The percentile in seconds, or None with fewer than `SAMPLES_NEEDED[percent]` samples."""
        if len(self.samples_s) < SAMPLES_NEEDED[percent]:
            return None
        return float(np.percentile(self.samples_s, percent))

    @property
    def p50_s(self) -> float | None:
        return self.percentile_s(50)


@dataclass(frozen=True)
class Card:
    """What a person should know about an encoder before choosing it.

    Attributes:
        name: what `featcore.load` takes; checkpoint: folder or hub id.
        revision: the commit of the hub that it is, 40 hexadecimal digits; None for a folder that is none of the hub's.
        provides: capabilities that methods ask for: "target", "gradient", "attention"; "logits" with a classifier.
        baselines: the kinds of baseline `Encoder.baseline` knows, the default first.
        input_size: (t, y, x) that a vision model sees, (positions,) for text.
        weights_sha256: of the weights file, "" when not known before loading.
    """

    name: str
    title: str
    modality: Modality
    family: str
    checkpoint: str
    revision: str | None
    licence: str
    parameters: int
    provides: frozenset[str]
    baselines: tuple[str, ...]
    input_size: tuple[int, ...]
    labels: tuple[str, ...] = ()
    weights_sha256: str = ""
    accuracy: str = ""
    about: str = ""
    config: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)

    @property
    def state(self) -> str:
        """What tells this encoder from an earlier or later one of its name: the hub's commit, else the beginning of the
        weights' digest, "random" where the weights are of no file."""
        return self.revision or self.weights_sha256[:12] or "random"
