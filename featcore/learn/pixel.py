"""Pictures of sentences become sentiment: the recipe of `pixel-mini`, a ViT that has to learn to read first."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    PreTrainedModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from featcore.inputs.page import CELL_PX, COLUMNS, ROWS, Page, draw, lay_out
from featcore.learn.recipe import RECIPES, Control, Examples, Recipe
from featcore.learn.text import TEXT_MINI, TextRecipe
from featcore.learn.vit import thinned, waves


@dataclass(frozen=True)
class Written:
    """Sentences that are drawn when a batch needs them, and the number of every word that can be asked for."""

    sentences: np.ndarray
    vocabulary: Mapping[str, int]

    def __getitem__(self, rows: Int[np.ndarray, " b"] | slice) -> "Written":
        return Written(self.sentences[rows], self.vocabulary)

    def __len__(self) -> int:
        return len(self.sentences)


@dataclass(frozen=True)
class PixelRecipe(Recipe):
    """The sentences of `text-mini` as pictures, two letters a patch, every word from a new patch on.

    What moves the accuracy is reading: while training, a second head names the `vocabulary` commonest words from the
    last patch of each, one layer before the end. Its weight falls from 1 to 0 and it is not saved. Most batches show
    the layers the patches with letters and some of the empty ones, which is most of a page.
    """

    texts: TextRecipe = TEXT_MINI
    vocabulary: int = 8000
    noise: float = 0.3
    mistyped: float = 0.02

    auto_model: ClassVar[Any] = AutoModelForImageClassification
    auto_processor: ClassVar[Any] = AutoImageProcessor
    pipeline: ClassVar[str] = "image-classification"

    def read(self, data: Path, split: str, seed: int) -> Examples:
        found = self.texts.read(data, split, seed)
        return Examples(Written(found.inputs, _numbered(found.inputs, self.vocabulary)), found.targets)

    def before(self, data: Path, seed: int) -> Examples | None:
        first, then = self.texts.before(data, seed), self.texts.read(data, "train", seed)
        if first is None:
            return None
        return Examples(Written(first.inputs, _numbered(then.inputs, self.vocabulary)), first.targets)

    def processor(self, train: Examples) -> ViTImageProcessor:
        """Empty paper becomes 0, so that the mean colour as a baseline is a page without the word."""
        size = {"height": ROWS * CELL_PX, "width": COLUMNS * CELL_PX}
        return ViTImageProcessor(size=size, image_mean=[1.0] * 3, image_std=[0.5] * 3)

    def model(self, processor: ViTImageProcessor) -> PreTrainedModel:
        size = (ROWS * CELL_PX, COLUMNS * CELL_PX)
        model = ViTForImageClassification(
            ViTConfig(image_size=size, patch_size=CELL_PX, **self.config, **self.naming())
        )
        places = model.vit.embeddings.position_embeddings
        with torch.no_grad():
            places[0, 1:] = 0.3 * waves(ROWS, COLUMNS, places.shape[-1])
        model.add_module("reader", nn.Linear(model.config.hidden_size, self.vocabulary))
        return model

    def finish(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: weight for name, weight in weights.items() if not name.startswith("reader.")}

    def order(self, train: Examples, rng: np.random.Generator) -> Iterator[np.ndarray]:
        return self.texts.order(Examples(train.inputs.sentences, train.targets), rng)

    def collate(self, processor: ViTImageProcessor, inputs: Any) -> dict[str, Tensor]:
        pixels = draw(np.stack([lay_out(sentence).codes for sentence in inputs.sentences]))
        pictures: Any = list(np.repeat(pixels[..., None], 3, axis=-1))
        return dict(processor(pictures, input_data_format="channels_last", return_tensors="pt"))

    def augment(self, processor: ViTImageProcessor, inputs: Any, rng: np.random.Generator) -> dict[str, Tensor]:
        """Beside the pixels, `kept` says which patches the layers see and `words` what is read at each, -1: nothing."""
        pages = [lay_out(_mistyped(sentence, self.mistyped, rng)) for sentence in inputs.sentences]
        paper = draw(np.stack([page.codes for page in pages])).astype(np.float32) / 127.5 - 2
        paper += rng.uniform(0, self.noise, (len(pages), 1, 1)).astype(np.float32) * rng.standard_normal(
            paper.shape, dtype=np.float32
        )
        words = np.stack([_read_at(page, inputs.vocabulary) for page in pages])
        kept = _chosen(np.stack([page.word.ravel() >= 0 for page in pages]), rng)
        return {
            "pixel_values": torch.from_numpy(paper)[:, None].expand(-1, 3, -1, -1).contiguous(),
            "kept": torch.from_numpy(kept),
            "words": torch.from_numpy(np.take_along_axis(words, kept, axis=1)),
        }

    def loss(self, model: PreTrainedModel, tensors: dict[str, Tensor], targets: Tensor, left: float) -> Tensor:
        with thinned(model, tensors["kept"]):
            output = model(pixel_values=tensors["pixel_values"], output_hidden_states=True)
        words = tensors["words"]
        told = nn.functional.cross_entropy(output.logits.float(), targets, label_smoothing=self.smoothing)
        named = model.get_submodule("reader")(output.hidden_states[-2][:, 1:][words >= 0])
        return told + left * nn.functional.cross_entropy(named.float(), words[words >= 0])

    def controls(self) -> dict[str, Control]:
        return {
            "words in random order": _shuffled,
            "one letter changed in every word of four letters or more": _all_mistyped,
            **{
                changed: partial(_negated, control)
                for changed, control in self.texts.controls().items()
                if changed.startswith("'")
            },
        }


def _numbered(sentences: np.ndarray, size: int) -> dict[str, int]:
    """The commonest words, the commonest first."""
    counts = Counter(word for sentence in sentences for word in map(plain, sentence.split()) if word)
    return {word: index for index, (word, _) in enumerate(counts.most_common(size))}


def plain(word: str) -> str:
    """A word without its punctuation, in small letters."""
    return re.sub(r"[^a-z0-9']", "", word.lower())


def _read_at(page: Page, vocabulary: Mapping[str, int]) -> Int[np.ndarray, " n"]:
    """The number of the word that ends in each cell; -1 elsewhere, and for words that have none."""
    owner = page.word.ravel()
    last = np.flatnonzero((owner >= 0) & (np.append(owner[1:], -1) != owner))
    numbers = np.full(len(owner), -1)
    numbers[last] = [vocabulary.get(plain(page.words[index]), -1) for index in owner[last]]
    return numbers


def _chosen(written: Bool[np.ndarray, "b n"], rng: np.random.Generator) -> Int[np.ndarray, "b k"]:
    """The patches with letters and equally many in all of the empty ones; one batch in sixteen keeps every patch."""
    b, n = written.shape
    most = written.sum(1).max()
    k = n if rng.random() < 1 / 16 else min(n, int(most + rng.integers(0, 1 + n // 8)))
    return np.argsort(rng.random((b, n)) - 2 * written, axis=1)[:, :k]


def _typo(word: str, rng: np.random.Generator) -> str:
    at = rng.integers(len(word))
    return word[:at] + "abcdefghijklmnopqrstuvwxyz"[rng.integers(26)] + word[at + 1 :]


def _mistyped(sentence: str, share: float, rng: np.random.Generator) -> str:
    """A sentence with a letter changed in a share of its longer words, so that a wrong letter is no surprise."""
    words = sentence.split()
    wrong = rng.random(len(words)) < share
    return " ".join(_typo(word, rng) if bad and len(word) > 3 else word for word, bad in zip(words, wrong, strict=True))


def _changed(test: Examples, sentences: list[str]) -> Examples:
    return Examples(Written(np.array(sentences, dtype=object), test.inputs.vocabulary), test.targets)


def _shuffled(test: Examples, rng: np.random.Generator) -> Examples:
    return _changed(test, [" ".join(rng.permutation(sentence.split())) for sentence in test.inputs.sentences])


def _all_mistyped(test: Examples, rng: np.random.Generator) -> Examples:
    return _changed(test, [_mistyped(sentence, 1.0, rng) for sentence in test.inputs.sentences])


def _negated(control: Control, test: Examples, rng: np.random.Generator) -> Examples:
    """A control of the text recipe, drawn."""
    found = control(test, rng)
    return Examples(Written(found.inputs, test.inputs.vocabulary), found.targets)


RECIPES(
    PixelRecipe(
        name="pixel-mini",
        title="Pixel mini",
        summary="a four-layer ViT that reads pictures of English film reviews as negative or positive",
        data="what text-mini reads, as pictures: IMDB sentences, then SST-2 and graded phrases of the treebank",
        terms=TEXT_MINI.terms,
        labels=TEXT_MINI.labels,
        epochs=3,
        batch=128,
        peak_rate=1e-3,
        muon_rate=2e-3,
        smoothing=0.05,
        config={
            "hidden_size": 128,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 512,
            "hidden_dropout_prob": 0.1,
        },
    )
)
