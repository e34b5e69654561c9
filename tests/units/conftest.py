"""Small tokenizers of the three common kinds, made from a few sentences."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SENTENCES = ["the quick brown fox jumps over the lazy dog", "hello world, hello 世界", "unhappily héllo wörld! 3.5"] * 3


@pytest.fixture(scope="session")
def wordpiece() -> PreTrainedTokenizerFast:
    """BERT's kind: lower case, accents off, ## inside words, [CLS] and [SEP] around the text."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(SENTENCES, trainers.WordPieceTrainer(vocab_size=80, special_tokens=names))
    around = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=around)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]"
    )


def _byte_level(trim: bool, prefix: bool) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, special_tokens=["<s>", "</s>", "<unk>"])
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim, prefix)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", cls_token="<s>", sep_token="</s>")


@pytest.fixture(scope="session", params=[(False, False), (True, False), (True, True)], ids=["gpt2", "trim", "prefix"])
def byte_level(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    """GPT-2's kind: every byte has a sign; offsets with and without the leading blank, as in RoBERTa."""
    return _byte_level(*request.param)


@pytest.fixture(scope="session")
def gpt2_kind() -> PreTrainedTokenizerFast:
    """Byte-level without a blank in front and with trimmed offsets."""
    return _byte_level(trim=True, prefix=False)


@pytest.fixture(scope="session")
def metaspace() -> PreTrainedTokenizerFast:
    """SentencePiece's kind: ▁ for a blank, one put in front of the text, unknown characters as bytes."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.UnigramTrainer(vocab_size=90, special_tokens=["<unk>", "</s>", *fallback], unk_token="<unk>")
    tokenizer.train_from_iterator(SENTENCES, trainer)
    made = json.loads(tokenizer.to_str())
    made["model"]["byte_fallback"] = True
    made["added_tokens"] = [token for token in made["added_tokens"] if token["content"] not in fallback]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(made)), unk_token="<unk>", eos_token="</s>"
    )
