"""Real vocabularies and real texts: known ids, naughty strings, fifty languages."""

import json

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from featcore.settings import ROOT
from featcore.units.tokens import summary
from tests.units.token_checks import assert_bytes_tile, cut

DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def bert() -> PreTrainedTokenizerFast:
    path = DATA / "tokenizers" / "bert_base_uncased_vocab.txt"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    vocabulary = {line: i for i, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    around = [("[CLS]", 101), ("[SEP]", 102)]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=around)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")


@pytest.fixture(scope="session")
def gpt2() -> PreTrainedTokenizerFast:
    path = DATA / "tokenizers" / "gpt2_merges.txt"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    merges = [tuple(line.split()) for line in path.read_text(encoding="utf-8").split("\n")[1:] if line]
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    signs = [chr(byte) for byte in printable] + [chr(0x100 + i) for i in range(256 - len(printable))]
    names = [*signs, *("".join(pair) for pair in merges), "<|endoftext|>"]
    tokenizer = Tokenizer(models.BPE({name: i for i, name in enumerate(names)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=end, eos_token=end)


@pytest.mark.shared_data
def test_real_vocabularies_give_the_known_ids(bert, gpt2):
    assert cut("hello world", bert).ids.tolist() == [101, 7592, 2088, 102]
    assert cut("hello world", gpt2).ids.tolist() == [31373, 995]
    assert cut("unaffable", bert).strings[1:-1] == ("una", "##ffa", "##ble")


@pytest.mark.shared_data
def test_naughty_strings_are_cut_and_byte_level_rebuilds_them(bert, gpt2):
    path = DATA / "texts" / "blns" / "blns.txt"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    lines = path.read_text(encoding="utf-8").split("\n")
    assert len(lines) > 500
    for line in lines:
        assert_bytes_tile(cut(line, gpt2))
        summary(cut(line, bert))
    assert_bytes_tile(cut("\n".join(lines), gpt2))


@pytest.mark.shared_data
def test_fifty_languages_are_cut_and_byte_level_rebuilds_them(bert, gpt2):
    path = DATA / "texts" / "multilingual_samples.json"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    fertility = {}
    for language in json.loads(path.read_text(encoding="utf-8")):
        tokens = cut(language["text"], gpt2)
        assert_bytes_tile(tokens)
        assert not tokens.unknown.any()
        fertility[language["code"]] = summary(tokens).bytes_per_token
        counts = summary(cut(language["text"], bert, 64))
        assert counts.characters + counts.left_out == len(language["text"])
    assert max(fertility, key=fertility.get) == "eng", "GPT-2's vocabulary was made from English"
