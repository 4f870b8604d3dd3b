"""The synthetic directory: the committed file is what the code makes, and nobody in it can be taken for real."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from engine.core.judging.region import RegionTable
from engine.demo.synthetic_directory import (
    HEADER,
    NATION_ROLES,
    REGION_ROLES,
    OfficeHolder,
    directory_csv,
    office_holders,
    person_id,
)
from engine.documents.regions import load_regions

COMMITTED = Path("config/directory.csv")


@pytest.fixture(scope="module")
def regions() -> RegionTable:
    return load_regions(Path("config/regions.csv"))


@pytest.fixture(scope="module")
def holders(regions: RegionTable) -> list[OfficeHolder]:
    return list(office_holders(regions))


def test_the_committed_directory_is_what_the_code_makes(regions: RegionTable) -> None:
    assert COMMITTED.read_text(encoding="utf-8") == directory_csv(regions)


def test_it_is_marked_as_synthetic_and_compact() -> None:
    text = COMMITTED.read_text(encoding="ascii")
    assert text.startswith("# SYNTHETIC")
    assert len(text) < 1_000_000
    assert "SYNTHETIC" in Path("config/NOTICE.md").read_text(encoding="utf-8")


def test_lines_read_back_as_the_holders(holders: list[OfficeHolder]) -> None:
    lines = COMMITTED.read_text(encoding="utf-8").splitlines()[len(HEADER) :]
    assert [OfficeHolder(**row) for row in csv.DictReader(lines)] == holders


def test_every_region_has_all_offices(regions: RegionTable, holders: list[OfficeHolder]) -> None:
    held = {(holder.region, holder.role) for holder in holders}
    wanted = {
        (region.code, role)
        for region in regions
        for role in (NATION_ROLES if region.code == "00" else REGION_ROLES)
    }
    assert held == wanted


def test_ids_numbers_and_mailboxes_are_unique_and_patterned(holders: list[OfficeHolder]) -> None:
    for attribute in ("person", "sms", "email"):
        assert len({getattr(holder, attribute) for holder in holders}) == len(holders)
    for holder in holders:
        code = holder.region.replace(".", "")
        assert holder.person == f"{holder.role}-{code}"
        assert re.fullmatch(rf"\+6281100{code:0<4}\d\d", holder.sms)
        assert holder.email == f"{holder.role}@{code}.example"


def test_the_assistant_stands_in_for_the_sekda_and_exists(holders: list[OfficeHolder]) -> None:
    people = {holder.person for holder in holders}
    for holder in holders:
        expected = person_id("asisten_pem", holder.region) if holder.role == "sekda" else ""
        assert holder.deputy == expected
        assert holder.deputy in people | {""}


def test_some_are_acting_and_some_read_english(holders: list[OfficeHolder]) -> None:
    acting = Counter(holder.status for holder in holders if holder.role == "kepala_daerah")
    assert set(acting) == {"definitif", "pj"}
    assert {holder.status for holder in holders if holder.role != "kepala_daerah"} == {"definitif"}
    languages = Counter(holder.language for holder in holders)
    assert 1 <= languages["en"] <= 150
    assert languages["id"] + languages["en"] == len(holders)


def test_an_office_does_not_depend_on_the_other_regions(
    regions: RegionTable, holders: list[OfficeHolder]
) -> None:
    pinrang = [region for region in regions if region.code == "73.15"]
    assert list(office_holders(pinrang)) == [holder for holder in holders if holder.region == "73.15"]
