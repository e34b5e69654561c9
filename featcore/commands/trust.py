"""`featcore trust`: methods over a set of inputs that people marked, as a table, as JSON, or kept in a file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from featcore.commands.terminal import in_words, progress, say, tell_line, write_json

MARKS = {"better": "+", "worse": "-", "cannot tell": "."}


def trust(
    name: Annotated[str, typer.Option("--set", help="sst, rationales, boxes or motion")],
    n: Annotated[int, typer.Option("--n", min=1, help="inputs; the whole set where it has fewer")] = 200,
    encoder: Annotated[
        str | None, typer.Option("--encoder", "-e", help="the one the set is meant for by default")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option("--method", "-m", help="all that are affordable by default; may be given again")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="folder of the data")] = None,
    seed: Annotated[int, typer.Option(help="of the order of inputs, the random floor and the intervals")] = 0,
    save: Annotated[Path | None, typer.Option(help="write the record to this file; it holds no input")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the record, for programs")] = False,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16")] = None,
) -> None:
    """Do the methods point where people say the answer lies, and is what they point at what the model uses?

    Stopped with Ctrl-C, it gives what was finished and says so.
    """
    import featcore as fc

    with in_words():
        from featcore.trust.run import run
        from featcore.trust.sets import SETS
        from featcore.trust.shipped import save as write

        loaded = fc.load(encoder or SETS[name].encoder, device, dtype)
        with progress() as tell:
            record = run(name, loaded, n, tuple(method or ()), data, seed, tell)
        if save is not None:
            write(save, record)
    if as_json:
        return write_json(record)
    write_record(record)
    if not record["complete"]:
        tell_line(f"Stopped after {record['n']} of {record['asked']} inputs; the numbers are of these.")


def write_record(record: dict[str, Any]) -> None:
    """A row a method; behind each number how it stands to the random floor."""
    from featcore.trust.shipped import percent

    say(f"{record['title']}: {record['n']} inputs, encoder {record['encoder']}, seed {record['seed']}")
    say(record["marked"])
    say(f"Explained is {record['target']}.")
    if record["right"] is not None:
        say(f"The encoder's answer is the marked one for {record['right']:.0%} of them.")
    say(f"{percent(record['chance'], 1)} of the units are marked; that is the chance level of the first three columns.")
    for reason, count in record["skipped"].items():
        say(f"left out, {count} times: {reason}")
    titles = [title for title, *_ in record["measures"].values()]
    say("")
    say(f"{'':<22} " + " ".join(f"{title:<19}" for title in titles) + " gap median, worst    passes     s")
    for one in record["methods"]:
        cells = [
            f"{percent(found['mean'])} {MARKS.get(found.get('beats_random', ''), ' ')}"
            for found in one["numbers"].values()
        ]
        gap = "" if one["gap"] is None else f"{one['gap'][1]:.1%}, {one['gap'][2]:.1%}"
        say(
            f"{one['name']:<22} "
            + " ".join(f"{cell:<19}" for cell in cells)
            + f" {gap:<18} {one['passes']:>8} {one['seconds'][0]:>5.3f}"
        )
    say("")
    say("+ better, - worse than the random floor with the whole interval of the paired difference; . cannot tell")
    for measure, best in record["best"].items():
        if best:
            title, alike = record["measures"][measure][0], ", ".join(best["not_told_apart"])
            say(f"{title}: best is {best['method']}" + (f", not told apart from {alike}" if alike else ""))
    for method, reason in record["not_run"].items():
        say(f"{method}: not run. {reason}")
    say(f"intervals: {record['interval']}")
    if record["disturbed"]:
        say(f"seconds are disturbed: {record['disturbed']}")
