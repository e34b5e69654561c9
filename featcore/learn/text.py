"""Sentences become sentiment: the recipe of `text-mini`, a small BERT with its own WordPiece vocabulary."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Int
from tokenizers import BertWordPieceTokenizer
from torch import Tensor
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    PreTrainedModel,
)

from featcore.learn.negation import BAD, GOOD, contrasts
from featcore.learn.recipe import RECIPES, Control, Examples, Recipe, existing, known_split, one_hot

NEGATION = re.compile(r"(^| )(not|n't|never|no|nothing|neither|nor|without|hardly|cannot)( |$)")

# The treebank's five grades as the probability of "positive".
GRADE = (0.0, 0.1, 0.5, 0.9, 1.0)

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class TextRecipe(Recipe):
    """SST-2 phrases and the graded phrases of the training trees, after sentences of long reviews.

    The first phase reads `pieces` sentences of each IMDB review; what the reviewer thought of the film is a noisy label
    of a sentence. Negation is what a bag of words gets wrong. So neutral phrases with a negation ("never boring") stay
    in, as half positive, and graded words come as contrast pairs in `frames` frames each (see `negation`). A share of
    the tokens is replaced by [MASK], fewer by [UNK], so that hiding a token is something the model has seen.
    """

    vocabulary: int = 8000
    max_tokens: int = 128
    masked: float = 0.04
    unknown: float = 0.01
    joined: float = 0.5
    frames: int = 4
    pieces: int = 6

    auto_model: ClassVar[Any] = AutoModelForSequenceClassification
    auto_processor: ClassVar[Any] = AutoTokenizer
    pipeline: ClassVar[str] = "text-classification"

    def read(self, data: Path, split: str, seed: int) -> Examples:
        rows = _table(existing(data / "sst2" / f"{known_split(split)}.tsv"))
        sentences = [sentence for sentence, _ in rows]
        targets = one_hot([label for _, label in rows], 2)
        if split == "train":
            rng = np.random.default_rng(seed)
            trees = _trees(existing(data / "sst_trees" / "train.txt"))
            extra = [*_graded(*trees, set(sentences)), *contrasts(trees[1], self.frames, rng)]
            positive = np.array([share for _, share in extra], np.float32)
            targets = np.concatenate([targets, np.stack([1 - positive, positive], axis=1)])
            sentences += [sentence for sentence, _ in extra]
            held_out = _held_out(data)
            new = [i for i, sentence in enumerate(sentences) if letters(sentence) not in held_out]
            sentences, targets = [sentences[i] for i in new], targets[new]
            join = rng.random(len(sentences)) < self.joined
            sentences = [natural(s) if j else s for s, j in zip(sentences, join, strict=True)]
        return Examples(np.array(sentences, dtype=object), targets)

    def before(self, data: Path, seed: int) -> Examples | None:
        rng, held_out = np.random.default_rng(seed), _held_out(data)
        sentences: list[str] = []
        positive: list[float] = []
        with gzip.open(existing(data / "imdb" / "train.jsonl.gz"), "rt", encoding="utf-8") as file:
            for review in map(json.loads, islice(file, self.limit)):
                pieces = [piece for piece in SENTENCE_END.split(review["text"]) if 3 < len(piece.split()) < 50]
                pieces = [piece for piece in pieces if letters(piece) not in held_out]
                sentences += rng.choice(pieces, min(self.pieces, len(pieces)), replace=False).tolist() if pieces else []
                positive += [0.15 + 0.7 * review["label"]] * (len(sentences) - len(positive))
        share = np.array(positive, np.float32)
        return Examples(np.array(sentences, dtype=object), np.stack([1 - share, share], axis=1))

    def processor(self, train: Examples) -> BertTokenizer:
        trainer = BertWordPieceTokenizer(lowercase=True)
        letters = sorted(set(trainer.normalizer.normalize_str(" ".join(train.inputs))))
        # Left alone, the trainer numbers "##a" and its like anew each time, and breaks ties by these numbers.
        first = [*("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), *(f"##{c}" for c in letters if c.isalnum())]
        trainer.train_from_iterator(train.inputs, vocab_size=self.vocabulary, special_tokens=first, show_progress=False)
        return BertTokenizer(vocab=trainer.get_vocab(), do_lower_case=True, model_max_length=256)

    def model(self, processor: BertTokenizer) -> PreTrainedModel:
        config = BertConfig(
            vocab_size=len(processor),
            max_position_embeddings=256,
            pad_token_id=processor.pad_token_id,
            **self.config,
            **self.naming(),
        )
        return BertForSequenceClassification(config)

    def order(self, train: Examples, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Batches of similar length, in random order."""
        length = np.array([len(sentence) for sentence in train.inputs])
        rows = np.argsort(length * rng.uniform(0.9, 1.1, len(length)), kind="stable")
        batches = np.array_split(rows, max(1, len(rows) // self.batch))
        yield from (batches[i] for i in rng.permutation(len(batches)))

    def alike(self, examples: Examples) -> Int[np.ndarray, " n"]:
        return np.argsort([len(sentence) for sentence in examples.inputs], kind="stable")

    def collate(self, processor: BertTokenizer, inputs: Any) -> dict[str, Tensor]:
        encoded = processor(
            list(inputs), padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )
        return dict(encoded)

    def augment(self, processor: BertTokenizer, inputs: Any, rng: np.random.Generator) -> dict[str, Tensor]:
        tensors = self.collate(processor, inputs)
        ids = tensors["input_ids"]
        draw = torch.from_numpy(rng.random(ids.shape, dtype=np.float32))
        plain = ~torch.isin(ids, torch.tensor(processor.all_special_ids))
        ids = ids.masked_fill(plain & (draw < self.masked), processor.mask_token_id)
        hidden = (draw >= self.masked) & (draw < self.masked + self.unknown)
        return {**tensors, "input_ids": ids.masked_fill(plain & hidden, processor.unk_token_id)}

    def controls(self) -> dict[str, Control]:
        return {
            "words in random order": _shuffled,
            "contractions joined (is n't -> isn't)": lambda test, _: Examples(
                np.array([natural(s) for s in test.inputs], dtype=object), test.targets
            ),
            "'X', words that training never negated": lambda *_: _pairs("{}", 1, 0),
            "'not X', X positive, should be negative": lambda *_: _pairs("not {}", 0, None),
            "'not X', X negative, should be positive": lambda *_: _pairs("not {}", None, 1),
            "'This movie is not X.', X positive": lambda *_: _pairs("This movie is not {}.", 0, None),
            "'This movie is not X.', X negative": lambda *_: _pairs("This movie is not {}.", None, 1),
        }


def natural(sentence: str) -> str:
    """Undo the treebank's spacing: "is n't", "it 's" and "movie ." become "isn't", "it's" and "movie."."""
    sentence = sentence.replace("-lrb-", "(").replace("-rrb-", ")").replace("``", '"').replace("''", '"')
    return re.sub(r" (n't|'(?:s|re|ve|ll|d|m)\b|[.,;:!?])", r"\1", sentence)


def letters(sentence: str) -> str:
    """What two sentences must share to count as the same: small letters and digits, in order."""
    return re.sub(r"[^a-z0-9]+", " ", sentence.lower()).strip()


def _held_out(data: Path) -> set[str]:
    """The dev and test sentences, which training must not see: a few of SST-2 stand in its train part too."""
    tables = (_table(existing(data / "sst2" / f"{split}.tsv")) for split in ("dev", "test"))
    return {letters(sentence) for table in tables for sentence, _ in table}


def _table(path: Path) -> list[tuple[str, int]]:
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    pairs = (line.rsplit("\t", 1) for line in lines)
    return [(sentence.strip(), int(label)) for sentence, label in pairs]


def _trees(path: Path) -> tuple[list[str], dict[str, int]]:
    """The whole sentences, and the grade 0..4 of every phrase, from one bracketed tree a line."""
    whole, grades = [], {}
    for line in path.read_text(encoding="utf-8").splitlines():
        open_phrases: list[tuple[int, list[str]]] = []
        for part in re.findall(r"\(\d|\)|[^\s()]+", line):
            if part.startswith("("):
                open_phrases.append((int(part[1]), []))
            elif part == ")":
                grade, words = open_phrases.pop()
                phrase = " ".join(words).lower().replace("\\/", "/")
                grades[phrase] = grade
                if open_phrases:
                    open_phrases[-1][1].extend(words)
                else:
                    whole.append(phrase)
            else:
                open_phrases[-1][1].append(part)
    return whole, grades


def _graded(whole: list[str], grades: dict[str, int], known: set[str]) -> list[tuple[str, float]]:
    """Phrases that SST-2 lacks, with their probability of "positive"; whole sentences twice more.

    Phrases average half the length of the sentences that the test split asks about.
    """
    new = [p for p, grade in grades.items() if p not in known and (grade != 2 or NEGATION.search(p))]
    return [(p, GRADE[grades[p]]) for p in new + [p for p in whole if grades[p] != 2] * 2]


def _shuffled(test: Examples, rng: np.random.Generator) -> Examples:
    shuffled = [" ".join(rng.permutation(sentence.split())) for sentence in test.inputs]
    return Examples(np.array(shuffled, dtype=object), test.targets)


def _pairs(frame: str, good: int | None, bad: int | None) -> Examples:
    """Sentences from a frame and the label that each kind of word should give; None leaves the kind out."""
    rows = [(frame.format(word), label) for words, label in ((GOOD, good), (BAD, bad)) if label is not None
            for word in words]  # fmt: skip
    return Examples(np.array([s for s, _ in rows], dtype=object), one_hot([label for _, label in rows], 2))


TEXT_MINI = RECIPES(
    TextRecipe(
        name="text-mini",
        title="Text mini",
        summary="a four-layer BERT that reads English film reviews as negative or positive",
        data="sentences of IMDB reviews, then SST-2 phrases and graded phrases of the treebank (training trees)",
        terms="research (Maas et al. 2011, Socher et al. 2013); the data are not redistributed",
        labels=("negative", "positive"),
        epochs=1.6,
        batch=128,
        peak_rate=8e-4,
        smoothing=0.05,
        config={
            "hidden_size": 128,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 512,
            "hidden_dropout_prob": 0.15,
            "attention_probs_dropout_prob": 0.1,
        },
    )
)

# Two models of one recipe: how far they agree is the most that any two models can be asked for.
RECIPES(replace(TEXT_MINI, name="text-mini-b", title="Text mini B", seed=1))
