"""Tiny encoders of every family, built once a session; nothing here needs a network or a GPU."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["FEATCORE_WARM_UP"] = "0"  # what a test imports is what it asked for

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from featcore.types import Sample, Source
from tests import tiny

if TYPE_CHECKING:
    from featcore.encode.base import Encoder


@dataclass(frozen=True, eq=False)
class Case:
    """A tiny checkpoint of one family, loaded, with a source that it reads."""

    name: str
    folder: Path
    encoder: "Encoder"
    source: Source
    sample: Sample

    def bare(self, attention: str = "sdpa") -> Any:
        """The class of transformers, loaded by the test itself; featcore has no hand in it."""
        import torch
        import transformers

        if self.name in tiny.TORCHVISION:
            return tiny.bare_torchvision(self.folder, self.name)
        model_class = getattr(transformers, tiny.class_of(self.name))
        kind = {"attn_implementation": attention} if model_class._supports_sdpa else {}
        model = model_class.from_pretrained(self.folder, dtype=torch.float32, **kind)
        if getattr(model.config, "pad_token_id", 0) is None:
            model.config.pad_token_id = -1
        return model.eval()

    def another(self, seed: int = 1) -> Sample:
        """A sample of other content."""
        return self.encoder.prepare(tiny.source_for(self.name, seed))


@pytest.fixture(scope="session", autouse=True)
def _two_threads() -> None:
    """Sums in torch depend on the number of threads; the machine should not decide about the last digit."""
    import sys

    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(2)


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    """A family's name to its Case."""
    import torch

    from featcore.encode.catalog import load

    torch.set_num_threads(2)

    @cache
    def build(name: str) -> Case:
        family, tower = name.removesuffix("_text_model"), "#text" if name.endswith("_text_model") else ""
        make = tiny.build_towers if tower else tiny.build
        folder = make(family, tmp_path_factory.mktemp("tiny") / family)
        encoder = load(f"{folder}{tower}", device="cpu", dtype="float32")
        source = tiny.text() if tower else tiny.source_for(name)
        return Case(name, folder, encoder, source, encoder.prepare(source))

    return build


@pytest.fixture(params=tiny.FAMILIES)
def case(request: pytest.FixtureRequest, cases: Callable[[str], Case]) -> Case:
    """Every family in turn."""
    return cases(request.param)


@pytest.fixture(params=tiny.TEXT)
def text_case(request: pytest.FixtureRequest, cases: Callable[[str], Case]) -> Case:
    return cases(request.param)


@pytest.fixture(params=tiny.PIXELS)
def pixel_case(request: pytest.FixtureRequest, cases: Callable[[str], Case]) -> Case:
    return cases(request.param)


@pytest.fixture(scope="session")
def headless(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A BertModel without a classifier."""
    from featcore.encode.catalog import load

    folder = tiny.build_headless(tmp_path_factory.mktemp("tiny") / "headless")
    encoder = load(str(folder), device="cpu", dtype="float32")
    source = tiny.text()
    return Case("bert", folder, encoder, source, encoder.prepare(source))
