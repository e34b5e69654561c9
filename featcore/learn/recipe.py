"""What a training recipe says about one encoder; how training runs is the loop's business."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from featcore.errors import InputError
from featcore.inputs.photographs import Part
from featcore.registry import Registry
from featcore.settings import settings

DATA = settings().data

RECIPES: Registry["Recipe"] = Registry("recipe")


@dataclass(frozen=True)
class Examples:
    """One split: `inputs[rows]` gives sentences or UInt8 pixels; each row of `targets` is a distribution."""

    inputs: Any
    targets: Float[np.ndarray, "b k"]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: Int[np.ndarray, " n"] | slice) -> "Examples":
        return Examples(self.inputs[rows], self.targets[rows])


Control = Callable[[Examples, np.random.Generator], Examples]


@dataclass(frozen=True)
class Recipe(ABC):
    """Data, augmentation, model and schedule of one encoder; frozen, so that a run is described by its name.

    `epochs` are passes over the training split; `checks` is how often the dev split picks the weights to keep. The
    rate rises to its peak from a `from_below`-th of it and falls to zero, or stays at its peak ("constant");
    `muon_rate` above zero trains the layers' matrices with Muon at this peak rate. `limit` is the most examples read of
    a split, for short runs; `shuffled` labels are a control, which must end at chance; `seed` is the one of the shipped
    weights. `origin` and `left_out` (name and reason of what was not learnt from) are for the card.
    """

    name: str
    title: str
    summary: str
    data: str
    terms: str
    labels: tuple[str, ...]
    epochs: float
    batch: int
    peak_rate: float
    muon_rate: float = 0.0
    weight_decay: float = 0.05
    smoothing: float = 0.0
    schedule: Literal["cycle", "constant"] = "cycle"
    warmup: float = 0.1
    from_below: float = 25.0
    betas: tuple[float, float] = (0.9, 0.98)
    checks: int = 6
    limit: int | None = None
    shuffled: bool = False
    seed: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    licence: str = "Apache-2.0"
    origin: str = "trained from random weights for Tessera"
    left_out: tuple[tuple[str, str], ...] = ()

    auto_model: ClassVar[Any]
    auto_processor: ClassVar[Any]
    pipeline: ClassVar[str]

    @abstractmethod
    def read(self, data: Path, split: str, seed: int) -> Examples:
        """The examples of `train`, `dev` or `test`; raises InputError where the data folder lacks them."""

    def before(self, data: Path, seed: int) -> Examples | None:
        """Examples of a first phase that are read once before the epochs; None where a recipe has none."""
        return None

    @abstractmethod
    def processor(self, train: Examples) -> Any:
        """The tokenizer or picture processor that is saved beside the weights."""

    @abstractmethod
    def model(self, processor: Any) -> PreTrainedModel:
        """A fresh model, drawn from torch's current seed."""

    @abstractmethod
    def collate(self, processor: Any, inputs: Any) -> dict[str, Tensor]:
        """Inputs to the model's tensors through the shipped processor, exactly as a user of the folder would."""

    @abstractmethod
    def augment(self, processor: Any, inputs: Any, rng: np.random.Generator) -> dict[str, Tensor]:
        """Inputs to the model's tensors as training sees them."""

    def order(self, train: Examples, rng: np.random.Generator) -> Iterator[Int[np.ndarray, " b"]]:
        """The rows of each batch of one epoch."""
        rows = rng.permutation(len(train))
        yield from np.array_split(rows, max(1, len(rows) // self.batch))

    def alike(self, examples: Examples) -> Int[np.ndarray, " n"]:
        """All rows, those of similar length beside each other, so that a batch is filled up by little."""
        return np.arange(len(examples))

    def loss(
        self, model: PreTrainedModel, tensors: dict[str, Tensor], targets: Float[Tensor, "b k"], left: float
    ) -> Tensor:
        """What one step makes smaller; `left` is the share of the run that lies ahead, 1 at the start."""
        logits = model(**tensors).logits
        return nn.functional.cross_entropy(logits.float(), targets, label_smoothing=self.smoothing)

    def finish(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights as they are written to disk; a recipe renames what versions of transformers call differently."""
        return weights

    def controls(self) -> dict[str, Control]:
        """Changed test splits whose accuracy says what the model reads; the key says what was changed."""
        return {}

    def command(self, seed: int, epochs: float) -> str:
        """What a person types to do this run again."""
        return f"featcore train {self.name} --seed {seed} --epochs {epochs:g}"

    def naming(self) -> dict[str, Any]:
        """The part of a Hugging Face config that names the classes."""
        return {
            "id2label": dict(enumerate(self.labels)),
            "label2id": {label: index for index, label in enumerate(self.labels)},
        }


def one_hot(classes: Sequence[int] | Int[np.ndarray, " b"], k: int) -> Float[np.ndarray, "b k"]:
    """Class numbers to distributions with all weight on one class."""
    return np.eye(k, dtype=np.float32)[np.asarray(classes, int)]


def existing(path: Path) -> Path:
    """The path itself, or an InputError that says where the data is expected."""
    if not path.is_file():
        raise InputError(f"No file '{path.name}' in {path.parent}. Give the folder of the data sets with --data.")
    return path


def known_split(split: str) -> Part:
    """The split itself, or an InputError that lists the three."""
    for part in get_args(Part):
        if split == part:
            return part
    raise InputError(f"No split is called '{split}'. Known: {', '.join(get_args(Part))}.")


def normalised(pixels: np.ndarray) -> Float[Tensor, "..."]:
    """UInt8 pixels with colour last to floats in [-1, 1] with colour third from last: mean and deviation 0.5."""
    values = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, -3))).float()
    return values.div_(127.5).sub_(1.0)
