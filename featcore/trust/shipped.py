"""Records of runs over a set: kept in a file, read back from any machine or refused, and as a table of the README."""

import json
import os
from pathlib import Path
from typing import Any

from featcore.errors import InputError
from featcore.manifest import put
from featcore.trust.sets import SETS

SCHEMA = 1
NEEDED = ("set", "title", "marked", "target", "encoder", "n", "chance", "measures", "methods", "best", "provenance")
START, END = "<!-- trust -->", "<!-- end of trust -->"

COMPARED = ("integrated_gradients", "occlusion")
"""Methods whose difference to the random map stands in the README for every set."""

Record = dict[str, Any]


def save(path: Path, record: Record) -> None:
    """Write a record as JSON, one line a method; the file is there as a whole or not at all."""
    lines = [f" {json.dumps(key)}: {_written(value)}" for key, value in record.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    os.replace(unfinished, path)


def _written(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"  {_written(each)}" for each in value) + "\n ]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def read(path: Path) -> Record:
    """A record from its file.

    Raises:
        InputError: the file is no such record, or of a later version of the program.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(
            f"'{path.name}' cannot be read as a record: {error}. Write it anew with `featcore trust`."
        ) from error
    missing = [name for name in NEEDED if not isinstance(record, dict) or name not in record]
    if missing or record.get("what") != "trust":
        raise InputError(
            f"'{path.name}' is no record of `featcore trust`; it lacks {', '.join(missing) or 'its kind'}."
        )
    if record["schema"] > SCHEMA:
        raise InputError(f"'{path.name}' was written by a later version. Update Tessera to read it.")
    return record


def shipped(assets: Path) -> list[Record]:
    """The records that come with Tessera: words before pictures before clips, sets in the order of `sets.SETS`."""
    found = [read(path) for path in sorted((assets / "records").glob("trust-*.json"))]
    order = list(SETS)
    return sorted(found, key=lambda record: order.index(record["set"]) if record["set"] in order else len(order))


def numbers(record: Record, method: str, measure: str) -> Record | None:
    """n, mean and differences of one measure of one method; None where the record is older than the measure."""
    return next(one["numbers"].get(measure) for one in record["methods"] if one["name"] == method)


def mean_of(found: Record | None) -> list[float] | None:
    """The mean of one measure with its interval, None where it is not defined or was not measured."""
    return None if found is None else found["mean"]


def turned_down(record: Record) -> list[str]:
    """Which methods were judged with a knob below its default, each in a sentence; older records have none."""
    return [
        f"{one['name']}: {knob} {value} instead of {default}, so that one input needs few enough passes."
        for one in record["methods"]
        if one.get("turned_down")
        for knob, default, value in [one["turned_down"]]
    ]


def came_later(record: Record) -> list[str]:
    """Methods of today that a record neither judged nor gives a reason for: it is older than they are."""
    from featcore.explain import METHODS

    return sorted(set(METHODS) - {one["name"] for one in record["methods"]} - set(record.get("not_run", ())))


def percent(interval: list[float] | None, digits: int = 0) -> str:
    """A mean and its interval in percent: "61% (54 to 68)"."""
    if interval is None:
        return "not defined"
    mean, low, high = (f"{100 * each:.{digits}f}" for each in interval)
    return f"{mean}% ({low} to {high})"


def trust_table(assets: Path) -> str:
    """Which method points best on each set, beside the floors, and what two methods add to noise."""
    lines = [
        "| set | encoder | inputs | chance | points best | hits a marked unit | centre | random | not told apart | "
        + " | ".join(f"{name.replace('_', ' ')} less random" for name in COMPARED)
        + " |",
        "|---|---|---|---|---|---|---|---|---|" + "---|" * len(COMPARED),
    ]
    for record in shipped(assets):
        best = record["best"]["pointing"]
        known = [one["name"] for one in record["methods"]]
        floors = [
            percent(mean_of(numbers(record, floor, "pointing"))) if floor in known else "not run"
            for floor in ("centre", "random")
        ]
        alike = ", ".join(_called(record, name) for name in best["not_told_apart"]) or "none"
        hits = percent(mean_of(numbers(record, best["method"], "pointing")))
        over = " | ".join(_over_random(record, name) if name in known else "not run" for name in COMPARED)
        lines.append(
            f"| {record['title']} | `{record['encoder']}` | {record['n']} | {record['chance'][0]:.0%} | "
            f"{_called(record, best['method'])} | {hits} | {floors[0]} | {floors[1]} | {alike} | {over} |"
        )
    return "\n".join(lines)


def _called(record: Record, method: str) -> str:
    """The name, with the knob that was turned down."""
    one = next(one for one in record["methods"] if one["name"] == method)
    knob = one.get("turned_down")
    return f"`{method}`" + (f" ({knob[0]} {knob[2]})" if knob else "")


def _over_random(record: Record, method: str) -> str:
    """How many points of a hundred a method hits more often than noise, pair by pair: "+43 (34 to 52), clear of 0"."""
    found = numbers(record, method, "pointing")
    if found is None or not found.get("over_random"):
        return "not measured"
    mean, low, high = (100 * each for each in found["over_random"])
    said = "not told apart" if found["beats_random"] == "cannot tell" else "clear of 0"
    return f"{mean:+.0f} ({low:+.0f} to {high:+.0f}), {said}"


def trust_notes(assets: Path) -> str:
    """A line for every record that is older than some methods, which so were not judged there."""
    lines = [
        f"Younger than the run on `{record['set']}` with `{record['encoder']}`, so not judged there: "
        + ", ".join(f"`{name}`" for name in came_later(record))
        + "."
        for record in shipped(assets)
        if came_later(record)
    ]
    return "\n\n".join(lines)


def write_trust(readme: Path, assets: Path) -> None:
    """Put the table of what points best, and what it leaves out, between its two marks in the README."""
    notes = trust_notes(assets)
    put(readme, START, trust_table(assets) + (f"\n\n{notes}" if notes else ""), END)
