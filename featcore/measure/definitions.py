"""What every number about an attribution means, in one sentence; pages and terminal print it beside the number."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Definition:
    """One number: its name, the symbol of the field, which way is better, and what it is.

    `better` is "" for a number that describes and does not judge.
    """

    name: str
    symbol: str
    better: Literal["lower", "higher", ""]
    sentence: str
    source: str


DEFINITIONS: dict[str, Definition] = {
    "deletion": Definition(
        "Deletion",
        "DEL",
        "lower",
        "Area under F while the units of the highest scores are hidden first, over the share hidden; a good map makes "
        "F fall early.",
        "Petsiuk et al. 2018, arXiv:1806.07421",
    ),
    "insertion": Definition(
        "Insertion",
        "INS",
        "higher",
        "Area under F while all units are hidden and those of the highest scores are put back first; a good map brings "
        "F back early.",
        "Petsiuk et al. 2018, arXiv:1806.07421",
    ),
    "morf": Definition(
        "AOPC, most relevant first",
        "MoRF",
        "higher",
        "Mean fall of F over all steps while the units of the highest scores are hidden first; not comparable between "
        "models, since each has a reach of its own.",
        "Samek et al. 2017, arXiv:1509.06321; on models: Edin et al. 2024, arXiv:2408.08137",
    ),
    "lerf": Definition(
        "AOPC, least relevant first",
        "LeRF",
        "lower",
        "Mean fall of F over all steps while the units of the lowest scores are hidden first; not comparable between "
        "models.",
        "Samek et al. 2017, arXiv:1509.06321",
    ),
    "abpc": Definition(
        "Area between the curves",
        "ABPC",
        "higher",
        "Mean over all steps of F with the least relevant units hidden, less F with as many of the most relevant "
        "hidden; 0 is expected of a random map, below 0 is worse than random.",
        "Samek et al. 2017, arXiv:1509.06321; as a difference: Achtibat et al. 2024, arXiv:2402.05602",
    ),
    "completeness": Definition(
        "Completeness gap",
        "gap",
        "lower",
        "|sum of the scores - (F(x) - F(x0))| / |F(x) - F(x0)| for the output that was explained; only for methods "
        "that promise the sum.",
        "Sundararajan et al. 2017, arXiv:1703.01365",
    ),
    "infidelity": Definition(
        "Infidelity, share",
        "INFD",
        "lower",
        "Mean squared miss between the scores of randomly hidden units, added up and multiplied by the best single "
        "factor, and the fall of the output; as a share of the mean squared fall, so 1 foretells nothing. Equal scores "
        "foretell by the number of hidden units alone: read it beside the floors.",
        "Yeh et al. 2019, arXiv:1901.09392, with 0/1 masks of whole units",
    ),
    "infidelity_raw": Definition(
        "Infidelity, raw",
        "INFD0",
        "lower",
        "The same miss without a factor, in the unit of the output squared; scores that are no changes of the output "
        "(attention, gradients) cannot be judged by it.",
        "Yeh et al. 2019, arXiv:1901.09392, with 0/1 masks of whole units",
    ),
    "sensitivity": Definition(
        "Max-sensitivity",
        "SENS",
        "lower",
        "Largest relative change of the map, |phi(y) - phi(x)| / |phi(x)|, over random moves of the unit embedding "
        "within a small box; a map that ignores the input scores 0, so it never stands alone.",
        "Yeh et al. 2019, arXiv:1901.09392",
    ),
    "randomisation": Definition(
        "Randomisation gate",
        "MPRT",
        "lower",
        "Spearman correlation of |phi| with that of the same model with all weights drawn anew, mean over several "
        "draws; a map that stays alike does not show the model. A gate, not a ranking: noise passes it.",
        "Adebayo et al. 2018, arXiv:1810.03292; its limits: Binder et al. 2023, arXiv:2211.12486",
    ),
    "other_class": Definition(
        "Other class",
        "RLOG",
        "lower",
        "Spearman correlation of phi with that of the runner-up class, of |phi| for methods without signs; 1 is a map "
        "that does not depend on the class, below 0 it turned round, as it should where what speaks for one class "
        "speaks against the other: of two classes whose logits mirror each other a map with signs gives -1, and a "
        "length of gradients 1, since it has no sign to turn.",
        "Sixt et al. 2020, arXiv:1912.09818",
    ),
    "seconds": Definition("Seconds", "s", "lower", "Wall time of the one call that made the map.", ""),
    "passes": Definition("Passes", "n", "lower", "Samples that went forward through the model for the map.", ""),
}
