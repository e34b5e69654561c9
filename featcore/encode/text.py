"""The text loader: a Text becomes token ids, with the tokenizer's own encoding and nothing rewritten."""

from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from featcore.encode.layouts import Layout
from featcore.errors import CutError, LoadError, NotDefined
from featcore.types import Sample, Source, Text
from featcore.units.tokens import tokenize, units_of

VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
)


class TextLoader:
    """Cuts and embeds text for one checkpoint folder."""

    def __init__(self, folder: str, config: dict, layout: Layout, card_name: str) -> None:
        # Without a vocabulary transformers builds a tokenizer that knows five tokens, and says nothing.
        if not any((Path(folder) / name).is_file() for name in VOCABULARIES):
            raise LoadError(f"'{card_name}' has no tokenizer: none of {', '.join(VOCABULARIES)} is in the folder.")
        try:
            self.tokenizer = _tokenizer(folder)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise LoadError(f"'{card_name}' has no tokenizer that loads: {error}") from error
        self.max_positions = min(self.tokenizer.model_max_length, layout.positions(config))
        self.card_name, self.filled = card_name, layout.filled

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

    def vocabulary(self, size: int) -> tuple[str, ...]:
        """The spelling of every id that a language model can answer with."""
        return tuple(str(token) for token in self.tokenizer.convert_ids_to_tokens(list(range(size))))

    def blank(self, sample: Sample, kind: str) -> torch.Tensor:
        """Int[1 s]: the ids with every unit replaced by the mask or padding token; special positions stay.

        Raises:
            NotDefined: the tokenizer has no such token.
        """
        tokens = {"mask": "mask_token_id", "pad": "pad_token_id", "eos": "eos_token_id"}
        token = getattr(self.tokenizer, tokens[kind])
        if token is None:
            raise NotDefined(f"'{self.card_name}' has no {kind} token. Choose another baseline, for example 'zero'.")
        ids = sample.tensors["input_ids"].clone()
        ids[0, torch.from_numpy(sample.positions)] = token
        return ids


def _tokenizer(folder: str) -> PreTrainedTokenizerBase:
    """The folder's tokenizer; where its own class does not say where tokens lie, the same vocabulary in one that does.

    SigLIP names a class of sentencepiece and brings a tokenizer.json beside it.
    """
    same = Path(folder) / "tokenizer.json"
    try:
        own = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except ImportError:
        if not same.is_file():
            raise
        own = None  # its class needs a library that is not here
    if same.is_file() and not getattr(own, "is_fast", False):
        return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    assert own is not None
    return own
