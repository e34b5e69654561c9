"""`featcore bench`: named suites of measurements, as lines to read, as JSON, or kept in a file of records."""

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featcore.commands.terminal import in_words, progress, say, tell_line
from featcore.errors import FeatcoreError, NotDefined, UnknownName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featcore.types import Card

EVERYTHING, LIST, SWEEP = "all", "list", "scaling"
PAGES_BENCH = "tests/benchmarks/pages.py"


def bench(
    suite: Annotated[str, typer.Argument(help="a suite's name, 'all', or 'list' for their names")],
    encoder: Annotated[
        list[str] | None,
        typer.Option("--encoder", "-e", help="an embedded encoder, a folder, or a hub id; may be given again"),
    ] = None,
    budget_s: Annotated[float, typer.Option(min=0.01, help="seconds of timing one point")] = 1.0,
    axis: Annotated[
        str | None, typer.Option(help="of 'scaling' this alone: tokens, fragments, frames, patch or batch")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="append the records to this file; .jsonl or .jsonl.gz")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the records on stdout, one line of JSON each")] = False,
    follow: Annotated[Path | None, typer.Option("--progress", help="keep in this file, as JSON, how far it is")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16")] = None,
) -> None:
    """Measure as an expert would: warm-up, intervals, pairs with a control, FLOP, bytes and peak memory."""
    import json

    import featcore as fc
    from featcore.measure import records
    from featcore.measure.suites import SUITES, run

    with in_words():
        if suite == LIST:
            for each in SUITES.values():
                say(f"{each.name:<12} {each.title}")
            return
        if suite != EVERYTHING and suite not in SUITES:
            raise UnknownName(f"No suite is called '{suite}'. Known: {', '.join(SUITES)}, {EVERYTHING}.")
        if axis is not None and suite != SWEEP:
            raise NotDefined(f"Only '{SWEEP}' goes along an axis; '{suite}' does not. Leave --axis out.")
        loaded = [fc.load(name, device, dtype) for name in encoder or _default(fc.encoders())]
        for name in SUITES if suite == EVERYTHING else (suite,):
            if not as_json:
                say(f"{name}: {SUITES[name].title}")
            with progress(follow) as tell, records.writing(save) as keep:
                found = run(name, loaded, budget_s, tell, **({} if axis is None else {"axis": axis}))
                for record in chain(found, _of_pages()) if name == "goals" else found:
                    keep(record)
                    say(json.dumps(record, allow_nan=False) if as_json else _line(record))


def _default(cards: "list[Card]") -> list[str]:
    """The first encoder of each family, so that everything takes minutes and not an hour."""
    kinds = {card.family: card.name for card in reversed(cards)}
    return [card.name for card in cards if kinds[card.family] == card.name]


def _of_pages() -> "Iterator[dict[str, Any]]":
    """What an interaction of the app costs, from a process of its own; nothing where the app is not beside featcore."""
    import json
    import subprocess
    import sys

    from featcore.settings import ROOT

    if not (ROOT / PAGES_BENCH).is_file():
        tell_line("  G9 is of the app, which is not here: clone the repository and run this there.")
        return
    command = [sys.executable, "-m", PAGES_BENCH.removesuffix(".py").replace("/", "."), "--records"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if told.returncode:
        raise FeatcoreError(f"The app could not be measured: {(told.stderr.strip() or 'no reason given')[-300:]}")
    yield from map(json.loads, told.stdout.splitlines())


def _line(record: dict[str, Any]) -> str:
    """One record in one line: what, how long, with how much doubt, and what was reached."""
    what = [record.get("model_id"), record["stage"], record.get("axis"), record.get("axis_value")]
    name = " ".join(str(part) for part in what if part and part != "forward")
    disturbed = f"  (disturbed: {record['disturbance']})" if record["disturbed"] else ""
    if record.get("ratio_p50") is not None:
        (low, high), (least, most) = record["ratio_ci95"], record["aa_ci95"]
        return (
            f"  {record['variant']:<58} {record['ratio_p50']:6.3f} [{low:.3f}, {high:.3f}]  "
            f"A/A [{least:.3f}, {most:.3f}]  {_verdict(record)}{_apart(record)}{disturbed}"
        )
    if not record["n"]:
        return f"  {name:<42} {record['variant']:<16} not run: {record['stop_reason']}"
    interval = record["p50_ci95_s"]
    between = "" if interval is None else f" [{interval[0] * 1e3:.3f}, {interval[1] * 1e3:.3f}]"
    middle = "needs 5 samples" if record["p50_s"] is None else f"{record['p50_s'] * 1e3:.3f} ms{between}"
    reached = f"  {record['achieved_flops_s'] / 1e9:.1f} GFLOP/s" if record.get("achieved_flops_s") else ""
    ended = f"{record['n']} runs, {record['stop_reason']}{disturbed}"
    return f"  {name:<42} {record['variant']:<16} {middle}{reached}  {ended}"


def _apart(record: dict[str, Any]) -> str:
    """How far the answers of both sides lie apart, where that was asked."""
    if "rank_agreement" in record:
        from featcore.measure.formats import Ranking

        said = str(Ranking(record["rank_agreement"], record["ranked_units"], record["same_class"]))
        return f"; {said[0].lower()}{said[1:]}"
    if record.get("cosine") is None:
        return ""
    same = record.get("same_answers")
    labels = "" if same is None else f", {same} of {record['answers']} inputs get the same label"
    return f"; cosine {record['cosine']:.6f}{labels}"


def _verdict(record: dict[str, Any]) -> str:
    """What a ratio says; with a goal, whether it is met."""
    verdict = record["verdict"].replace("_", " ")
    if "judgement" not in record:
        return verdict
    least = record.get("goal_least")
    between = f"at most {record['goal_most']:.3f}" if least is None else f"{least:.3f} to {record['goal_most']:.3f}"
    why = f"; {record['why']}" if record.get("why") else ""
    return f"{verdict}; {record['goal']} {between}: {record['judgement'].replace('_', ' ')}{why}"
