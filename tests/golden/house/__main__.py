"""`python -m tests.golden.house record|compare [part ...]`: what must not change while the house is rebuilt.

`record` makes every output anew and keeps it, `compare` makes it anew and shows what differs from what is kept. The
exit code of `compare` is 1 where something differs. `--quick` leaves the slow parts out.
"""

# ruff: noqa: T201 -- a program: what it prints is what it is for
import argparse
import sys
import time
import traceback

from engine.runtime import logging
from engine.settings import Log
from tests.golden.house.parts import PARTS
from tests.golden.house.record import Part, differences, recorded, save


def main() -> int:
    arguments = argparse.ArgumentParser(prog="./run golden", description=__doc__)
    arguments.add_argument("act", choices=("record", "compare", "list"))
    arguments.add_argument("parts", nargs="*", metavar="part", help="parts; all where none is named")
    arguments.add_argument("--quick", action="store_true", help="leave the slow parts out")
    given = arguments.parse_args()
    if unknown := sorted(set(given.parts) - {part.name for part in PARTS}):
        arguments.error(f"no such part: {', '.join(unknown)}; there are {', '.join(p.name for p in PARTS)}")
    chosen = [
        part
        for part in PARTS
        if (part.name in given.parts if given.parts else not (given.quick and part.slow))
    ]
    if given.act == "list":
        for part in chosen:
            kinds = (("slow", part.slow), ("bulky", part.bulky), ("loose", part.loose))
            words = " ".join(word for word, is_so in kinds if is_so)
            print(f"{part.name:14} {words:12} {(part.make.__doc__ or '').splitlines()[0]}")
        return 0
    return max([_do(given.act, part, is_named=bool(given.parts)) for part in chosen], default=0)


def _do(act: str, part: Part, *, is_named: bool) -> int:
    began = time.monotonic()
    logging.set_up(Log(level="error"))  # each time: a part may set up the log of its own
    try:
        documents = part.make()
    except Exception:  # noqa: BLE001 -- it is shown, and the other parts are still compared
        print(f"{part.name:14} CANNOT BE MADE:\n{traceback.format_exc()}", flush=True)
        return 1
    took = f"{len(documents)} documents, {time.monotonic() - began:.1f} s"
    if act == "record":
        is_changed = save(part, documents)
        print(f"{part.name:14} recorded: {took}{', changed' if is_changed else ''}", flush=True)
        return 0
    lines = differences(recorded(part), documents)
    word = "the same" if not lines else "differs, as it may" if part.loose else "DIFFERS"
    print(f"{part.name:14} {word}: {took}", flush=True)
    for line in lines:
        print(f"  {line}")
    return int(bool(lines) and (is_named or not part.loose))


if __name__ == "__main__":
    sys.exit(main())
