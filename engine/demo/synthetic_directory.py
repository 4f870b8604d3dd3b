"""A directory of office holders who do not exist, for demos and tests.

Here: who holds which office in every region, made from the region table alone, always the same. Not here: reading or
checking a directory (`documents.directory`). No real person, number or mailbox may ever come from this module: ids are
office and region code, numbers are `+6281100`, the code and two digits for the office, mailboxes end in `.example`.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator

import msgspec

from engine.core.judging.region import NATION, Region

REGION_ROLES = (
    "kepala_daerah",
    "sekda",
    "asisten_pem",
    "kesbangpol",
    "bkpsdm",
    "inspektorat",
    "satpolpp",
    "bpbd",
    "posko",
)
"""Offices of every province, kabupaten and kota."""
NATION_ROLES = ("menteri", "wamendagri", "dirjen_otda", "dirjen_polpum", "itjen", "posko_nasional", "ops")
"""Offices of the nation."""
DEPUTIES = {"sekda": "asisten_pem"}
"""Who stands in for whom, by office of the same region."""

ACTING = {"province": 72, "regency": 40}
"""Percent of heads of region who are acting (`pj`): 28 of 38 provinces were so in June 2024; the other is assumed."""
ENGLISH = 2
"""Percent of people of kabupaten and kota who read English rather than Indonesian."""

HEADER = (
    "# SYNTHETIC: no person, number or mailbox in this file is real. Made by engine/demo/synthetic_directory.py;",
    "# do not edit, and never add a real person. See config/NOTICE.md.",
)


class OfficeHolder(msgspec.Struct, frozen=True, kw_only=True):
    """One line: a person who holds an office at a region, how to reach them, and who stands in for them."""

    region: str
    role: str
    person: str
    status: str
    language: str
    sms: str
    email: str
    deputy: str = ""


def office_holders(regions: Iterable[Region]) -> Iterator[OfficeHolder]:
    """Yield the holder of every office, region by region in table order."""
    for region in regions:
        roles = NATION_ROLES if region.code == NATION else REGION_ROLES
        for number, role in enumerate(roles, start=1):
            yield _holder(region, role, number)


def directory_csv(regions: Iterable[Region]) -> str:
    """Return the whole directory as CSV, headed by two comment lines which say that it is synthetic."""
    text = io.StringIO()
    for line in HEADER:
        text.write(line + "\n")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(OfficeHolder.__struct_fields__)
    lines.writerows(msgspec.structs.astuple(holder) for holder in office_holders(regions))
    return text.getvalue()


def person_id(role: str, region: str) -> str:
    """Return the opaque id of the holder of an office, such as `sekda-7315`."""
    return f"{role}-{region.replace('.', '')}"


def _holder(region: Region, role: str, number: int) -> OfficeHolder:
    code = region.code.replace(".", "")
    deputy = DEPUTIES.get(role)
    acting = role == "kepala_daerah" and _percentile("acting", region, role) < ACTING[region.level]
    english = region.level == "regency" and _percentile("english", region, role) < ENGLISH
    return OfficeHolder(
        region=region.code,
        role=role,
        person=person_id(role, region.code),
        status="pj" if acting else "definitif",
        language="en" if english else "id",
        sms=f"+6281100{code:0<4}{number:02}",
        email=f"{role}@{code}.example",
        deputy=person_id(deputy, region.code) if deputy else "",
    )


def _percentile(question: str, region: Region, role: str) -> int:
    """Return a number 0-99 that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{question}/{region.code}/{role}".encode()).digest()
    return int.from_bytes(digest[:8]) % 100
