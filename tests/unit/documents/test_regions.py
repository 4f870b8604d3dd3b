"""The region table: what the shipped one holds, and that a broken one is refused with every line named."""

from pathlib import Path

import pytest

from engine.core.judging.region import RegionTable
from engine.documents.regions import COLUMNS, load_regions
from engine.errors import ConfigurationError

SHIPPED = Path("config/regions.csv")
HEADER = ",".join(COLUMNS)
NATION = "00,,nation,Indonesia,Nasional,Asia/Jakarta,WIB,,,"
PROVINCE = "73,00,province,Sulawesi Selatan,Sulawesi Selatan,Asia/Makassar,WITA,yes,,"
REGENCY = "73.15,73,regency,Kabupaten Pinrang,Kab. Pinrang,Asia/Makassar,WITA,,yes,no"


@pytest.fixture(scope="module")
def shipped() -> RegionTable:
    return load_regions(SHIPPED)


def write(folder: Path, *lines: str) -> Path:
    path = folder / "regions.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_shipped_table_has_the_nation_38_provinces_and_514_regencies(shipped: RegionTable) -> None:
    levels = [region.level for region in shipped]
    assert {level: levels.count(level) for level in set(levels)} == {
        "nation": 1,
        "province": 38,
        "regency": 514,
    }


def test_elections_are_those_of_2024(shipped: RegionTable) -> None:
    assert sum(region.election_governor for region in shipped) == 37
    assert sum(region.election_local for region in shipped) == 508
    assert not shipped.get("34").election_governor  # DI Yogyakarta


@pytest.mark.parametrize(
    ("code", "zone"), [("00", "WIB"), ("33.74", "WIB"), ("64", "WITA"), ("73.15", "WITA"), ("94.02", "WIT")]
)
def test_zones(shipped: RegionTable, code: str, zone: str) -> None:
    assert shipped.get(code).zone == zone


def test_short_names_are_unique_and_keep_kab_and_kota_apart(shipped: RegionTable) -> None:
    names = [region.short_name for region in shipped]
    assert len(names) == len(set(names))
    assert shipped.get("52.06").short_name == "Kab. Bima"
    assert shipped.get("52.72").short_name == "Kota Bima"


def test_a_small_table_is_read_whole(tmp_path: Path) -> None:
    table = load_regions(write(tmp_path, HEADER, NATION, PROVINCE, REGENCY))
    assert [region.code for region in table] == ["00", "73", "73.15"]
    pinrang = table.get("73.15")
    assert (pinrang.parent, pinrang.level, pinrang.short_name) == ("73", "regency", "Kab. Pinrang")
    assert (pinrang.zone, pinrang.timezone) == ("WITA", "Asia/Makassar")
    assert (pinrang.election_governor, pinrang.election_local, pinrang.noken) == (False, True, False)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (PROVINCE, "stands here twice"),
        ("73.1,73,regency,A,A,Asia/Makassar,WITA,,yes,no", "'73.1' is not a region code"),
        ("73.16,73,province,A,A,Asia/Makassar,WITA,,yes,no", "is a regency, not 'province'"),
        ("73.16,00,regency,A,A,Asia/Makassar,WITA,,yes,no", "lies in '73', not in '00'"),
        ("74.01,74,regency,A,A,Asia/Makassar,WITA,,yes,no", "lies in 74, which is not in the table"),
        ("73.16,73,regency,A,,Asia/Makassar,WITA,,yes,no", "has no name or no short_name"),
        ("73.16,73,regency,A,A,UTC,UTC,,yes,no", "has zone 'UTC'"),
        ("73.16,73,regency,A,A,Asia/Jakarta,WITA,,yes,no", "has 'Asia/Jakarta' for WITA"),
        ("73.16,73,regency,A,A,Asia/Makassar,WITA,,ya,no", "has 'ya' for election_local"),
        ("73.16,73,regency", "not as many columns"),
        ("73.16,73,regency,A,A,Asia/Makassar,WITA,,yes,no,more", "not as many columns"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: str, complaint: str) -> None:
    path = write(tmp_path, HEADER, NATION, PROVINCE, row)
    with pytest.raises(ConfigurationError) as refused:
        load_regions(path)
    assert f"{path}:4: " in str(refused.value)
    assert complaint in str(refused.value)


def test_all_bad_rows_are_named_at_once(tmp_path: Path) -> None:
    bad = REGENCY.replace("WITA", "WITS")
    with pytest.raises(ConfigurationError) as refused:
        load_regions(write(tmp_path, HEADER, NATION, bad, PROVINCE, PROVINCE))
    assert [":3:" in line or ":5:" in line for line in str(refused.value).splitlines()] == [True, True]


@pytest.mark.parametrize("lines", [(HEADER,), ("code,parent", "00,")])
def test_no_rows_or_no_columns_is_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match=r"no region in it|is missing"):
        load_regions(write(tmp_path, *lines))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_regions(tmp_path / "none.csv")
