"""Which release of Siaga this is; `pyproject.toml` says the same.

Here: the number and the commit, for what is written today and read by another release. Not here: versions of rules
(`documents.rules.rules`), stored values (`store.codec`) or files, which change apart from it.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

RELEASE = "0.1.0"
UNKNOWN = "unknown"
COMMIT_VARIABLE = "SIAGA_COMMIT"
"""Environment variable with the commit, for a build that has no `.git`."""
_SHOWN = 12


@cache
def commit() -> str:
    """Return the beginning of the commit that the software lies here as, or `unknown`.

    It is read from the files of git, which needs no program and asks nobody whose folder it is.
    """
    given = os.environ.get(COMMIT_VARIABLE, "")
    return (given or _checked_out(Path(__file__).resolve().parents[1]))[:_SHOWN] or UNKNOWN


def _checked_out(root: Path) -> str:
    try:
        place = root / ".git"
        if place.is_file():  # a worktree
            place = root / place.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        head = (place / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head
        name = head.removeprefix("ref:").strip()
        shared = place / "commondir"
        common = place / shared.read_text(encoding="utf-8").strip() if shared.exists() else place
        if (common / name).exists():
            return (common / name).read_text(encoding="utf-8").strip()
        packed = (common / "packed-refs").read_text(encoding="utf-8").splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
    except (OSError, UnicodeDecodeError):
        return ""
