"""What "not" does to a word: contrast pairs for training, and two hundred words that training never negates by rule."""

from collections.abc import Mapping

import numpy as np

# A frame as it is, and negated. Treebank spacing, since half of the training texts have it.
FRAMES = (
    ("{}", "not {}"),
    ("it is {} .", "it is not {} ."),
    ("this is {} .", "this is not {} ."),
    ("the film is {}", "the film is n't {}"),
    ("this movie is {} .", "this movie is not {} ."),
    ("a {} movie", "not a {} movie"),
    ("it was {}", "it was never {}"),
    ("they are {}", "they are not at all {}"),
    ("i found it {} .", "i did n't find it {} ."),
    ("the acting is {} ,", "the acting is not {} ,"),
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Held out: "X" and "not X" of these words are what the tests ask.
GOOD = _words(
    """
    good great funny charming moving clever fresh beautiful touching brilliant entertaining memorable fascinating
    delightful engaging excellent wonderful amazing superb terrific fantastic perfect lovely enjoyable impressive
    powerful thoughtful intelligent smart witty hilarious sweet warm honest original creative imaginative inventive
    stunning gorgeous elegant compelling gripping exciting thrilling inspiring uplifting heartwarming subtle rich
    profound insightful wise sharp lively vibrant energetic playful amusing likable lovable appealing attractive
    captivating absorbing riveting dazzling breathtaking masterful accomplished skillful confident polished
    satisfying rewarding worthwhile refreshing pleasant pleasing nice cute cool strong solid successful effective
    convincing authentic sincere genuine heartfelt passionate magical unforgettable remarkable outstanding
    exceptional extraordinary marvelous glorious
    """
)
BAD = _words(
    """
    bad boring dull stupid bland terrible pointless annoying tedious lame flat horrible dreadful poor weak worthless
    useless empty shallow hollow mindless dumb ridiculous absurd idiotic moronic ugly nasty mean cruel offensive
    vulgar crude repulsive unpleasant painful dismal dreary bleak tiresome tiring slow sluggish plodding rambling
    messy sloppy clumsy awkward amateurish incoherent confusing confused muddled convoluted forced artificial fake
    phony pretentious preachy manipulative sappy corny cheesy formulaic generic unoriginal stale tired outdated
    trite banal mediocre forgettable disappointing frustrating irritating grating obnoxious unfunny humorless
    joyless charmless soulless unconvincing implausible inept incompetent stilted stiff uninspired unimaginative
    uninteresting irrelevant inconsequential overlong overwrought laughable pathetic
    """
)


def contrasts(grades: Mapping[str, int], frames: int, rng: np.random.Generator) -> list[tuple[str, float]]:
    """Every single word with a treebank grade, as it is and negated, in some of the frames; with P(positive).

    "Not good" is bad and "not bad" is fairly good. The treebank has too few of the second for a small model to learn.
    """
    held = {*GOOD, *BAD, "not", "never"}
    words = [word for word, grade in grades.items() if grade != 2 and word.isalpha() and word not in held]
    return [
        (FRAMES[frame][negated].format(word), (0.95, 0.05, 0.05, 0.9)[2 * (grades[word] < 2) + negated])
        for word in words
        for frame in rng.choice(len(FRAMES), frames, replace=False)
        for negated in (0, 1)
    ]
