"""Well-known checkpoints of the hub, each pinned to a commit.

A revision is a commit that public code names for that repository. Where public code also names `model.safetensors` at
that commit the row is proven; else the list says so, because a commit that holds pickled weights alone is refused.
Parameters are those of the class that is loaded, computed from transformers' config classes; licences are as the
models' cards state them, and the card on the hub decides.
"""

from dataclasses import dataclass

from featcore.encode.towers import has_two
from featcore.types import Modality


@dataclass(frozen=True)
class Curated:
    """One checkpoint of the hub.

    Attributes:
        revision: 40 hexadecimal digits.
        parameters: of the loaded class; answers: what it answers with, in words.
        proven: whether `model.safetensors` is known to be at the revision.
        modality: what it reads; family: `config.model_type`.
    """

    name: str
    family: str
    modality: Modality
    revision: str
    licence: str
    parameters: int
    answers: str
    proven: bool = True

    @property
    def non_commercial(self) -> bool:
        return "-nc" in self.licence

    @property
    def towers(self) -> bool:
        """Whether it holds two encoders, one for text and one for pictures."""
        return has_two({"model_type": self.family})

    @property
    def parts(self) -> tuple[tuple[str, Modality], ...]:
        """What `featcore.load` takes for each encoder in it, and what that reads."""
        if not self.towers:
            return ((self.name, self.modality),)
        return (f"{self.name}#text", "text"), (f"{self.name}#image", "image")


_APACHE, _MIT, _NC = "apache-2.0", "mit", "cc-by-nc-4.0"
_VECTOR, _NEXT, _IMAGENET = "a vector", "the next token", "1,000 classes of ImageNet"
_SST2 = "distilbert/distilbert-base-uncased-finetuned-sst-2-english"

CURATED: dict[str, Curated] = {
    row[0]: Curated(*row)
    for row in (
        (_SST2, "distilbert", "text", "714eb0fa89d2f80546fda750413ed43d93601a13", _APACHE, 66_955_010, "2 classes"),
        (
            *("google-bert/bert-base-uncased", "bert", "text", "86b5e0934494bd15c9632b12f734a8a67f723594"),
            *(_APACHE, 109_482_240, _VECTOR),
        ),
        (
            *("FacebookAI/roberta-base", "roberta", "text", "e2da8e2f811d1448a5b465c236feacd80ffbac7b"),
            *(_MIT, 124_645_632, _VECTOR),
        ),
        (
            "papluca/xlm-roberta-base-language-detection",
            *(
                "xlm-roberta",
                "text",
                "9865598389ca9d95637462f743f683b51d75b87b",
                _MIT,
                278_059_028,
                "20 languages",
                False,
            ),
        ),
        (
            *("cross-encoder/qnli-electra-base", "electra", "text", "c7dea87c98b2269a935686c31336e97e837cbbeb"),
            *(_APACHE, 109_483_009, "1 score"),
        ),
        (
            *("cross-encoder/nli-deberta-v3-small", "deberta-v2", "text", "fa2804872c3b4bd748f38c0185cc85775361e735"),
            *(_APACHE, 141_897_219, "3 classes"),
        ),
        (
            *("answerdotai/ModernBERT-base", "modernbert", "text", "8949b909ec900327062f0ebf497f51aef5e6f0c8"),
            *(_APACHE, 149_014_272, _VECTOR),
        ),
        (
            *("sentence-transformers/all-mpnet-base-v2", "mpnet", "text", "e8c3b32edf5434bc2275fc9bab85f82640a19130"),
            *(_APACHE, 109_486_464, _VECTOR),
        ),
        (
            *("openai-community/gpt2", "gpt2", "text", "607a30d783dfa663caf39e06633721c8d4cfcd7e"),
            *(_MIT, 124_439_808, _NEXT),
        ),
        (
            *("HuggingFaceTB/SmolLM2-135M", "llama", "text", "93efa2f097d58c2a74874c7e644dbc9b0cee75a2"),
            *(_APACHE, 134_515_008, _NEXT),
        ),
        (
            *("Qwen/Qwen2.5-0.5B", "qwen2", "text", "060db6499f32faf8b98477b0a26969ef7d8b9987"),
            *(_APACHE, 494_032_768, _NEXT),
        ),
        (
            *("google/vit-base-patch16-224", "vit", "image", "3f49326eb077187dfe1c2a2bb15fbd74e6ab91e3"),
            *(_APACHE, 86_567_656, _IMAGENET),
        ),
        (
            *("facebook/deit-base-distilled-patch16-224", "deit", "image", "155831199e645cc8ec9ace65a38ff782be6217e1"),
            *(_APACHE, 87_338_192, _IMAGENET, False),
        ),
        (
            *("microsoft/beit-base-patch16-224-pt22k-ft22k", "beit", "image"),
            *("9da301148150e37e533abef672062fa49f6bda4f", _APACHE, 102_557_713, "21,841 classes of ImageNet", False),
        ),
        (
            *("facebook/dinov2-small", "dinov2", "image", "ed25f3a31f01632728cabb09d1542f84ab7b0056"),
            *(_APACHE, 22_056_576, _VECTOR),
        ),
        (
            *("facebook/dinov2-base", "dinov2", "image", "f9e44c814b77203eaa57a6bdbbd535f21ede1415"),
            *(_APACHE, 86_580_480, _VECTOR),
        ),
        (
            *("facebook/dinov2-with-registers-base", "dinov2_with_registers", "image"),
            *("a1d738ccfa7ae170945f210395d99dde8adb1805", _APACHE, 86_583_552, _VECTOR),
        ),
        (
            *("microsoft/swin-tiny-patch4-window7-224", "swin", "image", "d00d478bfaf1f417d34a1186673ad4b4be264c51"),
            *(_APACHE, 28_288_354, _IMAGENET),
        ),
        (
            *("google/siglip-base-patch16-224", "siglip", "image", "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed"),
            *(_APACHE, 92_884_224, _VECTOR),
        ),
        (
            *("openai/clip-vit-large-patch14", "clip", "image", "32bd64288804d66eefd0ccbe215aa642df71cc41"),
            *("see the card", 303_966_208, _VECTOR),
        ),
        (
            *("microsoft/resnet-50", "resnet", "image", "34c2154c194f829b11125337b98c8f5f9965ff19"),
            *("see the card", 25_557_032, _IMAGENET),
        ),
        (
            *("facebook/convnext-tiny-224", "convnext", "image", "6166b7613034066690a621d8bf25ffdf181a34f0"),
            *(_APACHE, 28_589_128, _IMAGENET, False),
        ),
        (
            "MCG-NJU/videomae-base-finetuned-kinetics",
            *("videomae", "video", "488eb9a0565f257b32866000305c8178965eb9f6", _NC, 86_534_800, "400 actions"),
        ),
        (
            *("google/vivit-b-16x2-kinetics400", "vivit", "video", "8a7171a57f79b9aaa58bc8d977c002a0ea0f0d42"),
            *(_MIT, 88_954_000, "400 actions", False),
        ),
        (
            "facebook/timesformer-base-finetuned-k400",
            *(
                "timesformer",
                "video",
                "8aaf40ea7d3d282dcb0a5dea01a198320d15d6c0",
                _NC,
                121_566_352,
                "400 actions",
                False,
            ),
        ),
        (
            *("facebook/vjepa2-vitl-fpc16-256-ssv2", "vjepa2", "video", "4aa02df83918538fc21cfaf576382fa20e489a80"),
            *(_MIT, 375_485_998, "174 actions"),
        ),
    )
}
