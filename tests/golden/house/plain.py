"""What outputs are freed of before they are recorded.

These are places of this machine, versions, names of modules, and how long something took.
"""

import re
from pathlib import Path
from typing import Any

import msgspec

from engine.release import RELEASE, commit

HOME = Path(__file__).resolve().parents[3]
_MODULE = re.compile(r"\b(?:engine|notifiers)(?:[./]\w+)+(?:\.py)?\b")

_ELAPSED = re.compile(r"^(\d+/\d+ ━.*) \d+:\d\d:\d\d$", re.MULTILINE)
"""How long it took, at the end of a bar of progress."""


def plain(text: str, **places: object) -> str:
    """Return a text with the value of each place replaced by its name, and no trailing blanks."""
    for name, place in sorted(places.items(), key=lambda pair: -len(str(pair[1]))):
        text = text.replace(str(place), name.upper())
    text = text.replace(str(HOME), "HOME")
    text = re.sub(rf"(?<![\w.]){re.escape(RELEASE)}(?![\w.])", "RELEASE", text)
    if len(commit()) >= 7:
        text = text.replace(commit(), "COMMIT")
    text = _MODULE.sub("MODULE", text)
    text = _ELAPSED.sub(r"\1", text)
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")


def written(value: Any) -> str:
    """Return a value as JSON for people, its keys in order."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1).decode()
