"""Texts we wrote, photographs that scikit-image ships, and clips we rendered: something to look at without a file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from featcore.errors import UnknownName
from featcore.inputs.photographs import installed
from featcore.settings import settings
from featcore.types import Card, Modality, Source

CLIP_FRAMES, CLIP_SIZE_PX, CLIP_FPS = 24, 128, 12


@dataclass(frozen=True)
class Example:
    """One sample; `look_for` is one line on what to watch, `load` takes the options of the reader."""

    name: str
    title: str
    modality: Modality
    look_for: str
    load: Callable[..., Source] = field(compare=False, repr=False)


def samples(modality: Modality | None = None) -> list[Example]:
    """All samples, or those of one modality, in the order in which a page should offer them."""
    return [example for example in _EXAMPLES if modality in (None, example.modality)]


def sample(name: str) -> Example:
    """The sample of that name."""
    for example in _EXAMPLES:
        if example.name == name:
            return example
    raise UnknownName(f"No sample is called '{name}'. Known: {', '.join(each.name for each in _EXAMPLES)}.")


def first_for(card: Card) -> Source:
    """The first sample of an encoder's modality, a clip with as many frames as the encoder sees."""
    example = samples(card.modality)[0]
    return example.load(frames=card.input_size[0]) if card.modality == "video" else example.load()


def write_clips(folder: Path) -> list[Path]:
    """Render the sample clips and write them as VP9 in WebM, about 10 kB each; needs an encoder with libvpx."""
    import av

    from featcore.inputs.motion import render

    paths = []
    for name, _, motion, seed, _ in _CLIPS:
        frames = render(motion, seed, CLIP_FRAMES, CLIP_SIZE_PX)
        paths.append(folder / f"{name}.webm")
        # Bit-exact, one thread, no date in the file: the same frames give the same bytes.
        with av.open(paths[-1], "w", format="webm", options={"fflags": "+bitexact"}) as container:
            stream = container.add_stream("libvpx-vp9", rate=CLIP_FPS)
            stream.width, stream.height, stream.pix_fmt = CLIP_SIZE_PX, CLIP_SIZE_PX, "yuv420p"
            stream.options = {"crf": "20", "b": "0", "row-mt": "0"}
            stream.codec_context.thread_count = 1
            for picture in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
            container.mux(stream.encode())
    return paths


def _text(name: str, title: str, text: str, look_for: str) -> Example:
    def load() -> Source:
        from featcore.inputs.text import read_text

        return read_text(text, name=title)

    return Example(name, title, "text", look_for, load)


def _photograph(name: str, title: str, file: str, look_for: str) -> Example:
    def load() -> Source:
        from featcore.inputs.image import read_image

        # The files inside the installed package; skimage.data would download the others.
        return read_image(installed(f"skimage/data/{file}"), name=title)

    return Example(name, title, "image", look_for, load)


def _clip(name: str, title: str, motion: str, seed: int, look_for: str) -> Example:
    def load(**options: Any) -> Source:
        from featcore.inputs.video import read_video

        return read_video(settings().assets / "samples" / f"{name}.webm", name=title, **options)

    return Example(name, title, "video", look_for, load)


def _shapes() -> Source:
    """A red disc, a green square and a blue triangle on grey, 256 px."""
    from featcore.inputs.image import clip_key
    from featcore.types import Clip

    y, x = np.mgrid[:256, :256]
    frame = np.full((256, 256, 3), 200, np.uint8)
    frame[(x - 72) ** 2 + (y - 80) ** 2 < 44**2] = (200, 40, 40)
    frame[(abs(x - 184) < 40) & (abs(y - 80) < 40)] = (40, 150, 60)
    frame[(y > 144) & (y < 224) & (abs(x - 128) < (y - 144) / 2)] = (50, 70, 190)
    return Clip(clip_key(frame[None], np.zeros(1)), frame[None], np.zeros(1), "Three shapes", still=True)


def _page() -> Source:
    """The first sample text as the picture of text that `pixel-mini` reads."""
    from featcore.inputs.page import page

    return page(_TEXTS[0][2], name="A negation, as a picture")


_TEXTS = (
    ("not-good", "A negation", "This movie is not good.", "'good' alone is praise: does 'not' get its share?"),
    ("praise", "Plain praise", "A warm and funny film with wonderful acting.", "Several words agree; which one leads?"),
    ("not-bad", "Not bad", "Honestly, the ending was not bad at all.", "Two negative words make a kind one."),
    (
        "turn",
        "A turn in a long sentence",
        "The costumes are gorgeous, the music stays with you and the first hour simply flies by, but the story falls "
        "apart so badly in the end that I left the cinema feeling cheated.",
        "Everything before 'but' praises; the verdict stands behind it.",
    ),
    ("river-bank", "Bank, of a river", "We sat on the bank and watched the river.", "Compare 'bank' with its twin."),
    ("money-bank", "Bank, for money", "We went to the bank and paid in the money.", "Same word, other neighbours."),
    (
        "sarcasm",
        "Sarcasm",
        "Oh great, another two hours of people shouting at the rain.",
        "'great' is meant the other way round; few models notice.",
    ),
    (
        "chinese",
        "Chinese",
        "这部电影的画面很美，可是故事太长了。",
        "No spaces: where does the tokenizer cut, and what does it not know?",
    ),
    (
        "emoji",
        "Emoji",
        "Movie night with the family 👨‍👩‍👧‍👦 🍿, a comedy from 🇧🇷 and one from 🇯🇵, loved both! ❤️",
        "One family is seven characters and many bytes; a flag is two letters.",
    ),
)
_PHOTOGRAPHS = (
    ("cat", "Chelsea the cat", "chelsea.png", "A class of CIFAR-10 that fills the picture: eyes, ears or fur?"),
    ("astronaut", "An astronaut", "astronaut.png", "No class of CIFAR-10: what does a model say that must answer?"),
    ("rocket", "A rocket", "rocket.jpg", "Slender and bright before the sky: an airplane, a ship, or neither?"),
    ("coffee", "A cup of coffee", "coffee.png", "Round edges and a shiny spoon; no class of CIFAR-10."),
    ("horse", "A horse, as a shadow", "horse.png", "A class of CIFAR-10 without colour or texture: is shape enough?"),
    ("camera", "A man with a camera", "camera.png", "Grey only: colour cannot help."),
)
_CLIPS = (
    ("moves-right", "A shape moves right", "moves right", 3, "The fragments at the front and the back of the shape."),
    ("moves-left", "The same clip backwards", "moves left", 3, "Every frame of its twin, in the other order."),
    ("grows", "A shape grows", "grows", 8, "The rim changes, the middle stays."),
    ("turns", "A shape turns", "turns clockwise", 11, "It stays in its place: only the angle tells."),
    ("fades", "A shape fades", "fades", 14, "Nothing moves; brightness is all there is."),
)
_EXAMPLES: tuple[Example, ...] = (
    *(_text(*row) for row in _TEXTS),
    *(_photograph(*row) for row in _PHOTOGRAPHS),
    Example("shapes", "Three shapes", "image", "Flat colours: which fragments matter when nothing is there?", _shapes),
    Example("page", "A negation, as a picture", "image", "The words of a text as patches, for Pixel mini.", _page),
    *(_clip(*row) for row in _CLIPS),
)
