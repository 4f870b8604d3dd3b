"""A night on which much happens: what the pictures show and axe looks at.

Here: users, reports and answers, as data where it can be. Everything is synthetic; places are real, matters are not.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.browser.installation import UNREACHED, Installation

USERS = {
    "piket": (("read", "operate", "verify", "submit"), "00"),
    "penulis": (("policy",), "00"),
    "penyetuju": (("read", "policy"), "00"),
    "desk-7315": (("submit",), "73.15"),
}
REPORTS = (
    # kind, region, minutes ago, what more
    ("conflict.clash", "94.02", 31, {"severity": 4, "metrics": {"injured": 94, "dead": 1}}),
    ("conflict.death", "73.04", 48, {"severity": 4, "metrics": {"dead": 2}, "verification": "verified"}),
    (
        "attack.logistics",
        "15.72",
        12,
        {"severity": 4, "summary": "Kotak suara dibawa lari dari kantor camat"},
    ),
    ("disaster.flood", "12.71", 65, {"severity": 3, "metrics": {"tps": 61}}),
    ("disaster.flood", "12.07", 62, {"severity": 3, "metrics": {"tps": 31}}),
    ("conflict.death", UNREACHED, 7, {"severity": 4, "metrics": {"dead": 1}}),
    ("staff.casualty", "35.78", 25, {"severity": 3, "metrics": {"dead": 1}}),
    ("count.anomaly", "81.05", 18, {"severity": 3}),
    ("money.politics", "52.06", 55, {"severity": 2}),
    ("money.politics", "52.06", 47, {"severity": 2}),
    ("money.politics", "52.06", 33, {"severity": 2}),
    ("neutrality.asn", "73.15", 2_880, {"severity": 2, "incident": "a"}),
    ("neutrality.village", "73.15", 1_500, {"severity": 2, "incident": "b"}),
    ("neutrality.asn", "73.15", 40, {"severity": 2, "incident": "c", "verification": "verified"}),
    ("conflict.clash", "82.71", -55, {"severity": 3}),  # ahead of the clock: it goes to the quarantine
    ("neutrality.official", "73.15", 9, {"severity": 2, "incident": "d"}),
)


class Night(NamedTuple):
    """What the paths of pages may name."""

    alert: str
    unreached: str
    resolved: str
    proposal: str


async def passed(installation: Installation) -> Night:
    """Let the night happen, and return what pages of it are about."""
    for id_, (rights, region) in USERS.items():
        await installation.user(id_, *rights, region=region)
    for kind, region, minutes, more in REPORTS:
        await installation.report(kind, region, minutes_ago=minutes, **more)
    alert, taken, resolved = [await installation.alert(region) for region in ("73.15", "94.02", "35.78")]
    await installation.answer(alert, "seen")
    await installation.answer(taken, "taken", note="Kesbangpol menuju lokasi bersama Kapolres.")
    await installation.answer(resolved, "taken")
    await installation.answer(resolved, "resolved", note="Sudah ditangani keluarga dan Dinas Kesehatan.")
    unreached = await installation.alert(UNREACHED)
    return Night(alert, unreached, resolved, await installation.propose("kebijakan"))
