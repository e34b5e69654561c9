"""Four sets of inputs with marks: sentences, reviews, photographs and rendered clips."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featcore.errors import InputError, NotDefined
from featcore.keys import digest, file_digest
from featcore.measure import truth
from featcore.registry import Registry
from featcore.trust import phrases
from featcore.types import Card, Source, Truth, Units

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

LONGEST = 128
"""Tokens of a window of a review: what `text-mini` was trained on, and no more than an encoder has positions."""
HELD_OUT = 2000
"""Seeds of the clips of `video-mini`'s test split, 0 to here; training uses others."""


@dataclass(frozen=True)
class Marked:
    """One input of a set: `mark` says which of an encoder's units are marked, `label` which class is explained.

    Attributes:
        name: what it is called in its data set, without any of its content.
        label: None for the predicted class.
    """

    name: str
    source: Source
    mark: Callable[[Units], Truth]
    label: str | None


@dataclass(frozen=True)
class LeftOut:
    """An input that cannot be judged, and why."""

    reason: str


@dataclass(frozen=True)
class MarkedSet:
    """A set by name.

    Attributes:
        encoder: the one that it is meant for; title, about, target: for people: what it is, what is marked, and which
            output is explained.
        files: names below the folder of the data, "" for none; read: (folder, encoder, random generator) to its inputs
            in a random order, without end conditions: the caller stops when it has enough.
    """

    name: str
    title: str
    encoder: str
    about: str
    target: str
    files: str
    read: Callable[[Path, Encoder, np.random.Generator], Iterator[Marked | LeftOut]]

    def data_digest(self, data: Path) -> str:
        """SHA-256 of the files, by name and content; "" for rendered inputs, which the program's version stands for."""
        found = sorted(data.glob(self.files)) if self.files else []
        return digest(*((path.name, file_digest(path)) for path in found)) if found else ""


SETS: Registry[MarkedSet] = Registry("set with marks")


def _existing(path: Path) -> Path:
    if not path.exists():
        raise InputError(
            f"There is no '{path}', which this set is read from. Give the folder of the data with --data, or set "
            "FEATCORE_DATA; the set 'motion' needs none."
        )
    return path


def _polarity(card: Card, positive: bool) -> str:
    """The encoder's own name for negative or positive."""
    wanted = "positive" if positive else "negative"
    for label in card.labels:
        if label.lower() == wanted:
            return label
    raise NotDefined(
        f"'{card.name}' has no class called '{wanted}' (it knows {', '.join(card.labels) or 'none'}), so marks of a "
        "sentiment are no ground truth for it. Choose an encoder of sentiment, for example text-mini."
    )


def _words(words: tuple[str, ...], ranges: tuple[phrases.Range, ...], name: str, label: str) -> Marked:
    from featcore.inputs.text import read_text

    chars = phrases.chars_of(words, ranges)
    return Marked(name, read_text(" ".join(words), name), partial(_marked_chars, chars), label)


def _marked_chars(chars: list[phrases.Range], units: Units) -> Truth:
    return truth.of_chars(units, chars)


# --- sentences -------------------------------------------------------------------------------------------------------


def _sst(data: Path, encoder: Encoder, rng: np.random.Generator) -> Iterator[Marked | LeftOut]:
    lines = _existing(data / "sst_trees" / "test.txt").read_text(encoding="utf-8").splitlines()
    for line in rng.permutation(len(lines)):
        words, nodes = phrases.read_tree(lines[line])
        ranges, grade = phrases.strongest(nodes), nodes[-1].grade
        if grade == phrases.NEUTRAL:
            yield LeftOut("the sentence as a whole is neutral")
        elif not ranges:
            yield LeftOut("no short phrase has the sign of the sentence")
        else:
            yield _words(words, ranges, f"line {line + 1}", _polarity(encoder.card, grade > phrases.NEUTRAL))


SETS(
    MarkedSet(
        name="sst",
        title="Sentences of film reviews, phrases graded by people (Stanford Sentiment Treebank, test)",
        encoder="text-mini",
        about=(
            f"Marked are the words of the most strongly graded short phrases: of all phrases of 1 to {phrases.SHORT} "
            "words (the whole sentence is none of them), those whose grade lies furthest from neutral on the side of "
            "the sentence's own grade, and of such phrases inside one another only the innermost. Sentences whose own "
            "grade is neutral are not used."
        ),
        target="the logit of the class that people gave the sentence, whether or not the encoder predicts it",
        files="sst_trees/test.txt",
        read=_sst,
    )
)


# --- reviews ---------------------------------------------------------------------------------------------------------


def _rationales(data: Path, encoder: Encoder, rng: np.random.Generator) -> Iterator[Marked | LeftOut]:
    with gzip.open(_existing(data / "eraser_movies" / "test.jsonl.gz"), "rt", encoding="utf-8") as file:
        reviews = [json.loads(line) for line in file]
    most = min(LONGEST, encoder.card.input_size[0]) - 2  # beginning and end of a sequence
    for place in rng.permutation(len(reviews)):
        review = reviews[place]
        found = _window(encoder, tuple(review["words"]), [tuple(span) for span in review["rationale"]], most, rng)
        if found is None:
            yield LeftOut("no window of whole sentences holds both marked and unmarked words")
            continue
        (start, stop), ranges = found
        words, name = tuple(review["words"][start:stop]), f"{review['id']} {start}-{stop}"
        yield _words(words, ranges, name, _polarity(encoder.card, bool(review["label"])))


def _window(
    encoder: Encoder, words: tuple[str, ...], marked: list[phrases.Range], most: int, rng: np.random.Generator
) -> tuple[phrases.Range, tuple[phrases.Range, ...]] | None:
    """The first window, from sentences in a random order, that holds marked and unmarked words, and its marks."""
    spans = phrases.sentences(words)

    def tokens(span: phrases.Range) -> int:
        return _count(encoder, words[span[0] : span[1]])

    for first in rng.permutation(len(spans)):
        start, stop = phrases.window(spans, int(first), tokens, most)
        ranges = phrases.within(marked, (start, stop))
        if 0 < _covered(ranges) < stop - start:
            return (start, stop), ranges
    return None


def _count(encoder: Encoder, words: tuple[str, ...]) -> int:
    from featcore.inputs.text import read_text

    sample = encoder.prepare(read_text(" ".join(words)))
    return len(sample.units) + (encoder.card.input_size[0] if sample.left_out else 0)


def _covered(ranges: tuple[phrases.Range, ...]) -> int:
    return len({word for start, stop in ranges for word in range(start, stop)})


SETS(
    MarkedSet(
        name="rationales",
        title="Parts of long film reviews with the words that justify the label (ERASER movies, test)",
        encoder="text-mini",
        about=(
            "One window of each review: from a sentence drawn at random on, as many whole sentences as have at most "
            f"{LONGEST} tokens together, among those windows that hold at least one marked and one unmarked word. "
            "Marked are the words of the human rationales inside. The encoder was trained on single sentences, not on "
            "reviews, and the label is that of the whole review."
        ),
        target="the logit of the review's label, whether or not the encoder predicts it for the window",
        files="eraser_movies/test.jsonl.gz",
        read=_rationales,
    )
)


# --- photographs -----------------------------------------------------------------------------------------------------


def _boxes(data: Path, encoder: Encoder, rng: np.random.Generator) -> Iterator[Marked | LeftOut]:
    from featcore.inputs.image import read_image

    folder = _existing(data / "boxes")
    with (folder / "boxes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["filename"] for row in rows})
    for name in rng.permutation(names):
        own = [row for row in rows if row["filename"] == name]
        clip = read_image(folder / str(name))
        size = clip.frames.shape[:3]
        scale_x, scale_y = size[2] / int(own[0]["width"]), size[1] / int(own[0]["height"])
        if abs(scale_x / scale_y - 1) > 0.02:
            yield LeftOut("the file has other proportions than its boxes were drawn on")
            continue
        boxes = np.array([[int(row[edge]) for edge in ("xmin", "ymin", "xmax", "ymax")] for row in own], float)
        boxes *= [scale_x, scale_y, scale_x, scale_y]
        yield Marked(str(name), clip, partial(_marked_boxes, size, boxes), None)


def _marked_boxes(size: tuple[int, int, int], boxes: np.ndarray, units: Units) -> Truth:
    return truth.of_boxes(units, size, boxes)


SETS(
    MarkedSet(
        name="boxes",
        title="Photographs of raccoons with boxes drawn by people",
        encoder="image-mini",
        about=(
            "Marked are the patches that lie at least half inside a box. The embedded encoders of pictures know ten "
            "classes of 32 x 32 pixels, and a raccoon is none of them: what is asked is whether an answer about a "
            "photograph comes from its animal, not whether the answer is right. Most boxes are large and lie in the "
            "middle, so the floor to beat is the map that points at the centre of every picture."
        ),
        target="the logit of the predicted class, which cannot be the right one",
        files="boxes/*",
        read=_boxes,
    )
)


# --- clips -----------------------------------------------------------------------------------------------------------

TENTH = 0.1


def _motion(data: Path, encoder: Encoder, rng: np.random.Generator) -> Iterator[Marked | LeftOut]:
    from featcore.inputs.image import clip_key
    from featcore.inputs.motion import MOTIONS, covered, render_many
    from featcore.types import Clip

    frames, size_px = encoder.card.input_size[0], encoder.card.input_size[-1]
    for seed in rng.permutation(HELD_OUT):
        at = seed % len(MOTIONS)
        motion, times_s = MOTIONS[at], np.arange(frames) / 8
        picture = render_many(np.array([at]), np.array([seed]), frames, size_px, "test")[0]
        clip = Clip(clip_key(picture, times_s), picture, times_s, f"seed {seed}")
        inside = covered(motion, int(seed), frames, size_px)
        label = motion if motion in encoder.card.labels else None
        yield Marked(clip.name, clip, partial(_marked_pixels, inside), label)


def _marked_pixels(inside: np.ndarray, units: Units) -> Truth:
    return truth.of_mask(units, inside, least=TENTH)


SETS(
    MarkedSet(
        name="motion",
        title="Rendered clips of one moving shape (the test split of video-mini)",
        encoder="video-mini",
        about=(
            f"Marked are the tubelets of which the shape covers at least {TENTH:.0%} of the pixels in time and space. "
            "The shape is smaller than two tubelets side by side, so few are covered by half. Behind half of them "
            "stands a piece of a photograph."
        ),
        target="the logit of the motion that was rendered; of the predicted class for encoders that do not know it",
        files="",
        read=_motion,
    )
)
