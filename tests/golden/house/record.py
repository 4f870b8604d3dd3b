"""Recorded outputs: how a part is kept in `recorded/`, read again, and compared with what it is now.

A part is a set of documents, name to text. A part for reading is one text file. A bulky part is a manifest of digests,
which shows in a review what changed, and a compressed copy of the documents, from which `compare` prints differences.
"""

import difflib
import hashlib
import lzma
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

RECORDED = Path(__file__).parent / "recorded"
Documents = Mapping[str, str]
"""Text by name."""
_HEAD = "===== "
_DIGITS = 16
"""So many hexadecimal digits of SHA-256 tell two documents apart."""
_LINES = 60
"""So many lines of the difference of one document are shown."""
_SHOWN = 12
"""So many documents of a part are shown with their differences; the others by name."""


class Part(NamedTuple):
    """One part: how its documents are made, and how they are kept.

    A `slow` part takes a minute or more. The documents of a `bulky` part are kept compressed. A `loose` part may
    change: its difference is shown, but fails only who names the part.
    """

    name: str
    make: Callable[[], Documents]
    slow: bool = False
    bulky: bool = False
    loose: bool = False


def save(part: Part, documents: Documents) -> bool:
    """Write the documents of a part as the ones that must not change; return whether they are others than before."""
    RECORDED.mkdir(exist_ok=True)
    whole = _joined(documents)
    if not part.bulky:
        return _write(_file(part, "txt"), whole)
    packed = _file(part, "xz")
    # A release of liblzma may pack the same text into other bytes; then the file stays as it is.
    if not packed.exists() or lzma.decompress(packed.read_bytes()) != whole.encode():
        packed.write_bytes(lzma.compress(whole.encode(), preset=9 | lzma.PRESET_EXTREME))
    return _write(_file(part, "sha256"), manifest(documents))


def _write(file: Path, text: str) -> bool:
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(text, encoding="utf-8")
    return text != before


def recorded(part: Part) -> Documents:
    """Return the documents of a part as they were recorded; none where it never was."""
    if not part.bulky:
        file = _file(part, "txt")
        return _split(file.read_text(encoding="utf-8")) if file.exists() else {}
    packed = _file(part, "xz")
    documents = _split(lzma.decompress(packed.read_bytes()).decode()) if packed.exists() else {}
    if documents and manifest(documents) != _file(part, "sha256").read_text(encoding="utf-8"):
        raise AssertionError(f"{packed.name} does not hold what its manifest says: record {part.name} again")
    return documents


def manifest(documents: Documents) -> str:
    """Return one line for each document, in order of name: its digest and its name.

    Documents whose names have the same word before a space are one group, which has one line.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name, text in sorted(documents.items()):
        groups[name.partition(" ")[0]].append(f"{name}\n{text}\n")
    return "".join(
        f"{hashlib.sha256(''.join(texts).encode()).hexdigest()[:_DIGITS]} {len(texts):4} {group}\n"
        for group, texts in groups.items()
    )


def differences(before: Documents, after: Documents) -> list[str]:
    """Return lines that show what changed, a unified difference for each document; none where nothing did."""
    changed = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    lines: list[str] = []
    for name in changed[:_SHOWN]:
        lines += _difference(name, before.get(name), after.get(name))
    if rest := changed[_SHOWN:]:
        lines.append(f"... and {len(rest)} documents more: {', '.join(rest[:20])}{' ...' * (len(rest) > 20)}")
    return lines


def _difference(name: str, before: str | None, after: str | None) -> Iterator[str]:
    state = " (new)" if before is None else " (gone)" if after is None else ""
    yield f"--- {name}{state}"
    found = difflib.unified_diff((before or "").splitlines(), (after or "").splitlines(), lineterm="", n=2)
    for number, line in enumerate(found):
        if number >= _LINES:
            yield "..."
            return
        if number > 1:  # the two lines of the head say nothing here
            yield line


def _file(part: Part, suffix: str) -> Path:
    return RECORDED / f"{part.name}.{suffix}"


def _joined(documents: Documents) -> str:
    """Write documents one after the other, each below its name."""
    parts = []
    for name, text in sorted(documents.items()):
        assert "\n" not in name, name
        assert not any(line.startswith(_HEAD) for line in text.split("\n")), name
        parts.append(f"{_HEAD}{name}\n{text}\n")
    return "".join(parts)


def _split(whole: str) -> Documents:
    documents = {}
    for piece in ("\n" + whole).split("\n" + _HEAD)[1:]:
        name, _, text = piece.partition("\n")
        documents[name] = text
    last = next(reversed(documents), None)
    if last is not None:
        documents[last] = documents[last].removesuffix("\n")
    return documents
