"""The text loader: a Text becomes token ids, with the tokenizer's own encoding and nothing rewritten."""

from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from featcore.encode.layouts import Layout
from featcore.errors import CutError, LoadError, NotDefined
from featcore.types import Sample, Source, Text
from featcore.units.tokens import tokenize, units_of

_SENTENCEPIECE = ("tokenizer.model", "spiece.model", "spm.model", "sentencepiece.bpe.model")
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", *_SENTENCEPIECE)
_SIGNS = {"mask": "mask_token_id", "pad": "pad_token_id", "eos": "eos_token_id"}


class TextLoader:
    """Cuts and embeds text for one checkpoint folder."""

    def __init__(self, folder: str, config: dict, layout: Layout, card_name: str) -> None:
        _check_files(Path(folder), card_name)
        try:
            self.tokenizer = _tokenizer(folder)
        except Exception as error:  # the library tokenizers raises Exception itself
            raise LoadError(f"'{card_name}' has no tokenizer that loads: {error}") from error
        if not set(self.tokenizer.get_vocab()) - set(self.tokenizer.all_special_tokens):
            raise LoadError(
                f"The tokenizer of '{card_name}' ({type(self.tokenizer).__name__}) found no vocabulary in "
                f"{', '.join(_found(Path(folder)))}. Save the checkpoint with a tokenizer.json."
            )
        self.max_positions = min(self.tokenizer.model_max_length, layout.positions(config))
        self.bytes = False
        self.card_name, self.filled, self.table = card_name, layout.filled, int(config["vocab_size"])
        self._refuse_strange_signs()

    def prepare(self, source: Source, key: str) -> Sample:
        """Token ids of one text, truncated to what the checkpoint can see; what was left out is counted."""
        if not isinstance(source, Text):
            raise CutError(f"'{self.card_name}' reads text; this input is {source.modality}. Choose an encoder for it.")
        tokens = tokenize(source, self.tokenizer, self.max_positions, self.filled)
        units, positions = units_of(tokens)
        if not len(units):
            raise CutError(f"'{source.name}' has no token that '{self.card_name}' can read. Type at least one word.")
        encoded = self.tokenizer(
            source.text,
            truncation=True,
            max_length=self.max_positions,
            padding="max_length" if self.filled else False,
            return_attention_mask=not self.filled,  # what fills up is seen, as it was in training
            return_tensors="pt",
        )
        assert encoded["input_ids"][0].tolist() == tokens.ids.tolist()
        if (highest := int(tokens.ids.max())) >= self.table:
            raise CutError(
                f"The tokenizer of '{self.card_name}' gives '{tokens.strings[int(tokens.ids.argmax())]}' the number "
                f"{highest}; the model knows {self.table} tokens. The checkpoint's two files disagree."
            )
        unknown = int((tokens.unknown & ~tokens.special).sum())
        notes = []
        if unknown:
            notes.append(f"{unknown} of {len(units)} tokens are not in the vocabulary; the model sees them all alike.")
        if tokens.left_out:
            notes.append(
                f"{tokens.left_out} of {len(source.text)} characters were left out: "
                f"the model sees {self.max_positions} positions at most."
            )
        return Sample(
            key=key,
            units=units,
            positions=positions,
            rows=positions,
            sequence=tuple(tokens.surfaces),
            tensors=dict(encoded),
            source=source,
            notes=tuple(notes),
            unknown=unknown,
            left_out=tokens.left_out,
        )

    def coloured(self, pixels: torch.Tensor) -> torch.Tensor:
        """A text has no pixels, so nothing is ever coloured."""
        return pixels

    def vocabulary(self, size: int) -> tuple[str, ...]:
        """The spelling of every id that a language model can answer with."""
        return tuple(str(token) for token in self.tokenizer.convert_ids_to_tokens(list(range(size))))

    def baselines(self, declared: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the family's baselines whose token this tokenizer has."""
        return tuple(
            kind for kind in declared if kind not in _SIGNS or getattr(self.tokenizer, _SIGNS[kind]) is not None
        )

    def _refuse_strange_signs(self) -> None:
        """Refuse a tokenizer whose own signs have no row in the model's table: any text, or its baseline, needs them.

        Raises:
            LoadError: names the sign, its number and the size of the table.
        """
        for kind in ("mask", "pad", "eos", "bos", "cls", "sep", "unk"):
            number = getattr(self.tokenizer, f"{kind}_token_id")
            if number is not None and number >= self.table:
                raise LoadError(
                    f"The tokenizer of '{self.card_name}' gives its {kind} token "
                    f"'{getattr(self.tokenizer, f'{kind}_token')}' the number {number}; the model knows {self.table} "
                    "tokens. Give the model a row for each (model.resize_token_embeddings(len(tokenizer))) and save "
                    "both again."
                )

    def blank(self, sample: Sample, kind: str) -> torch.Tensor:
        """Int[1 s]: the ids with every unit replaced by the mask or padding token; special positions stay.

        Raises:
            NotDefined: the tokenizer has no such token.
        """
        token = getattr(self.tokenizer, _SIGNS[kind])
        if token is None:
            raise NotDefined(f"'{self.card_name}' has no {kind} token. Choose another baseline, for example 'zero'.")
        ids = sample.tensors["input_ids"].clone()
        ids[0, torch.from_numpy(sample.positions)] = token
        return ids


def _found(folder: Path) -> list[str]:
    return [name for name in VOCABULARIES if (folder / name).is_file()]


def _check_files(folder: Path, card_name: str) -> None:
    """Refuse a folder whose vocabulary is missing or cannot be read: transformers would build a tokenizer that knows
    five tokens or single characters, and say nothing."""
    found, save = _found(folder), "Save the checkpoint with a tokenizer.json."
    if not found:
        raise LoadError(f"'{card_name}' has no tokenizer: none of {', '.join(VOCABULARIES)} is in the folder.")
    if found == ["vocab.json"] and not (folder / "merges.txt").is_file():
        raise LoadError(f"'{card_name}' has a vocab.json, but no merges.txt that says how its tokens are put together.")
    if set(found) <= set(_SENTENCEPIECE) and find_spec("sentencepiece") is None:
        raise LoadError(
            f"The tokenizer of '{card_name}' is a sentencepiece model ({found[0]}), and the library that reads it is "
            f"not installed. Run 'pip install sentencepiece' and start again. Or: {save}"
        )


def _tokenizer(folder: str) -> PreTrainedTokenizerBase:
    """The folder's tokenizer; the same vocabulary in a plain class where its own does not load, or does not say where
    tokens lie.

    SigLIP names a class of sentencepiece and brings a tokenizer.json beside it.
    """
    same = Path(folder) / "tokenizer.json"
    try:
        own = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library tokenizers raises Exception itself
        if not same.is_file():
            raise error
        own = None
    if same.is_file() and not getattr(own, "is_fast", False):
        return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    assert own is not None
    return own
