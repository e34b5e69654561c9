"""What featcore adds to the libraries below it, at length; by hand: `python -m tests.benchmarks.bench [blocks]`."""

import sys

import numpy as np

import featcore as fc
from featcore.encode.device import describe
from featcore.measure.aims import defined, goals_on
from featcore.measure.goals import measure
from featcore.measure.pairs import Paired
from featcore.measure.trial import own

NAMES = ("text-mini", "image-mini", "video-mini")
BUDGET_S = 60.0


def line(found: Paired, goal: float) -> str:
    """A comparison in one line, judged by the largest ratio that is allowed."""
    (low, high), (least, most) = found.interval, found.control_interval
    return (
        f"{found.name:<44} {found.ratio:6.3f} [{low:.3f}, {high:.3f}]  A/A [{least:.3f}, {most:.3f}]  "
        f"{found.a} {np.median(found.a_s) * 1e3:8.2f} ms  {len(found.ratios)} blocks, {found.stopped}  "
        f"goal <= {goal:.2f}: {found.judge(goal)}" + (f"  (disturbed: {found.disturbed})" if found.disturbed else "")
    )


def main(blocks: int = 30) -> None:
    known = {card.name for card in fc.encoders()}
    for name in NAMES:
        if name not in known:
            print(f"{name}: not there, left out")
            continue
        encoder = fc.load(name)
        where = f"{describe(encoder.device)}, {encoder.provenance('sdpa').dtype}"
        print(f"{name}: {own(encoder).positions} positions, {where}, at most {blocks} blocks A B B A")
        for goal in goals_on(encoder.device.type):
            if not goal.base and defined(goal, encoder):
                found = measure(goal, encoder, BUDGET_S, most=blocks)
                print("  ", goal.key, line(found, goal.limit(found)), flush=True)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
