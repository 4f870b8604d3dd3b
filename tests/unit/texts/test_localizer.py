"""Names of places, offices and kinds."""

import pytest

from engine.core.judging.region import Region, RegionTable
from engine.texts.localizer import Localizer
from tests.unit.texts.sample import CATALOGUE, KINDS, NOW, REGIONS, evidence


def voice(language: str = "id", region: str = "73.15", regions: RegionTable = REGIONS) -> Localizer:
    return Localizer(CATALOGUE.texts(language), regions, KINDS, region)


@pytest.mark.parametrize(
    ("status", "indonesian", "english", "short"),
    [
        ("definitif", "Bupati Puncak Jaya", "Regent of Puncak Jaya", "Bupati Puncak Jaya"),
        ("pj", "Pj. Bupati Puncak Jaya", "Acting Regent of Puncak Jaya", "Pj. Bupati Puncak Jaya"),
        ("pjs", "Pjs. Bupati Puncak Jaya", "Interim Regent of Puncak Jaya", "Pjs. Bupati Puncak Jaya"),
        ("plt", "Plt. Bupati Puncak Jaya", "Acting Regent of Puncak Jaya", "Plt. Bupati Puncak Jaya"),
        ("plh", "Plh. Bupati Puncak Jaya", "Acting Regent of Puncak Jaya", "Plh. Bupati Puncak Jaya"),
    ],
)
def test_who_holds_an_office_for_a_time_is_titled_so(status: str, indonesian: str, english: str, short: str):
    """In 2024 most heads of regions were acting ones, and are addressed as such."""
    assert voice("id").office("kepala_daerah", "94.02", status) == indonesian
    assert voice("en").office("kepala_daerah", "94.02", status) == english
    assert voice("id").short_office("kepala_daerah", "94.02", status) == short
    assert voice("id", "94.02").short_office("kepala_daerah", "94.02", status) == short.removesuffix(
        " Puncak Jaya"
    )


@pytest.mark.parametrize(
    ("role", "code", "indonesian", "english"),
    [
        ("sekda", "73.15", "Sekretaris Daerah Kab. Pinrang", "Regional Secretary of Kab. Pinrang"),
        ("sekda", "52.72", "Sekretaris Daerah Kota Bima", "Regional Secretary of Kota Bima"),
        (
            "sekda",
            "73",
            "Sekretaris Daerah Provinsi Sulawesi Selatan",
            "Regional Secretary of Sulawesi Selatan Province",
        ),
        ("kepala_daerah", "52.06", "Bupati Bima", "Regent of Bima"),
        ("kepala_daerah", "52.72", "Wali Kota Bima", "Mayor of Bima"),
        ("kepala_daerah", "73", "Gubernur Sulawesi Selatan", "Governor of Sulawesi Selatan"),
        ("kepala_daerah", "31.74", "Wali Kota Jakarta Selatan", "Mayor of Jakarta Selatan"),
        (
            "kepala_daerah",
            "31",
            "Gubernur Daerah Khusus Ibukota Jakarta",
            "Governor of Daerah Khusus Ibukota Jakarta",
        ),
        ("kapolres", "73.15", "Kapolres Kab. Pinrang", "Police Chief of Kab. Pinrang"),
        ("kapolres", "73", "Kapolda Sulawesi Selatan", "Regional Police Chief of Sulawesi Selatan"),
        ("posko_nasional", "00", "Posko Nasional Desk Pilkada", "National Election Desk duty office"),
        ("dinas_kesehatan", "73.15", "Dinas kesehatan Kab. Pinrang", "Dinas kesehatan of Kab. Pinrang"),
        ("", "73.15", "pejabat yang ditunjuk", "the designated official"),
    ],
)
def test_offices_are_titled_by_role_and_level_of_the_region(
    role: str, code: str, indonesian: str, english: str
):
    """Kab. and Kota are never dropped where the title does not say them: 26 names are both."""
    assert voice("id").office(role, code) == indonesian
    assert voice("en").office(role, code) == english


@pytest.mark.parametrize(
    ("role", "code", "expected"),
    [
        ("sekda", "73.15", "Sekda"),
        ("sekda", "73", "Sekda Prov. Sulawesi Selatan"),
        ("posko_nasional", "00", "Posko Nasional"),
        ("kepala_daerah", "52.72", "Wali Kota Bima"),
        ("dinas_kesehatan", "73.15", "Dinas kesehatan"),
    ],
)
def test_an_sms_names_the_place_of_an_office_only_where_it_is_another(role: str, code: str, expected: str):
    """The place of the alert stands in the SMS already."""
    assert voice().short_office(role, code) == expected


@pytest.mark.parametrize(
    ("code", "full", "short"),
    [
        ("73.15", "Kab. Pinrang", "Kab. Pinrang"),
        ("73.15.03.2001", "Kab. Pinrang", "Kab. Pinrang"),
        ("73", "Provinsi Sulawesi Selatan", "Prov. Sulawesi Selatan"),
        ("34", "Daerah Istimewa Yogyakarta", "Daerah Istimewa Yogyakarta"),
        ("00", "Indonesia", "Indonesia"),
        ("89.01", "wilayah 89.01", "wilayah 89.01"),
    ],
)
def test_places(code: str, full: str, short: str):
    """A place below the table is named by its regency, one that is not in it by its code."""
    assert (voice().place(code), voice().place(code, short=True)) == (full, short)


def test_an_alert_of_an_unknown_region_is_told_in_the_capitals_time():
    """There is always a zone."""
    assert voice(region="89.01", regions=RegionTable([])).zone == "WIB"


def test_the_zone_is_that_of_the_alerts_region():
    """Not that of the reader or of the server."""
    assert [voice(region=code).zone for code in ("11.01", "73.15", "94.02")] == ["WIB", "WITA", "WIT"]


def test_a_verified_report_loses_the_word_dugaan():
    """And only that one does."""
    said = {
        verification: voice().kind(evidence(1, NOW, verification=verification))
        for verification in ("unverified", "refuted", "verified")
    }
    assert said == {
        "unverified": "Dugaan pelanggaran netralitas ASN",
        "refuted": "Dugaan pelanggaran netralitas ASN",
        "verified": "Pelanggaran netralitas ASN",
    }
    assert voice("en").kind(evidence(1, NOW, verification="verified")) == "Civil servant partisanship"


def test_a_kind_without_a_name_is_told_by_its_code():
    """An unknown kind is accepted, so it can open an alert."""
    assert voice().kind(evidence(1, NOW, kind="baru.sekali")) == "Kejadian jenis baru.sekali"


def test_a_name_with_a_line_break_stays_one_line():
    """Region tables can be replaced by whoever runs the service."""
    region = Region(
        code="73.15",
        parent="73",
        level="regency",
        name="Kab. A\nB",
        short_name="Kab. A\r\nBcc: x",
        zone="WITA",
        timezone="Asia/Makassar",
    )
    assert voice(regions=RegionTable([region])).place("73.15") == "Kab. A Bcc: x"
