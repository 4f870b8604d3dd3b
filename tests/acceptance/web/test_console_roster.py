"""The pages of the roster and of the audit: who bears offices, whom an alert would reach, and what was done."""

import msgspec
import pytest

from tests.credentials import OPERATOR

ROSTER, AUDIT = "/console/roster", "/console/audit"


async def test_offices_are_shown_with_ways_to_reach_them_and_no_number(api):
    await api.sign_in("operate")
    page = (await api.client.get(f"{ROSTER}?region=73.15")).text
    assert "Sekretaris Daerah Kab. Pinrang" in page
    directory = await api.siaga.books.directory()
    person = directory.holder("73.15", "sekda", api.siaga.clock.now())
    assert f"<b>{person}</b> (pemegang jabatan)" in page
    values = [contact.value for one in directory.contents.people for contact in one.contacts]
    assert not [value for value in values if value in page]


async def test_a_vacant_office_is_named_and_whom_its_alerts_reach(api):
    contents = (await api.siaga.books.directory()).contents
    held = tuple(a for a in contents.assignments if (a.region, a.role) != ("73.15", "sekda"))
    await api.siaga.books.replace_directory(
        msgspec.structs.replace(contents, assignments=held), api.siaga.clock.now(), by=OPERATOR
    )
    await api.sign_in("operate", region="73")
    page = (await api.client.get(f"{ROSTER}?region=73.15")).text
    assert "Sekretaris Daerah Kab. Pinrang: kosong" in page


async def test_a_province_shows_its_offices_and_asks_for_a_regency(api):
    await api.sign_in("operate", region="73")
    page = (await api.client.get(ROSTER)).text
    assert "Sekretaris Daerah Provinsi Sulawesi Selatan" in page
    assert "Pilih satu kabupaten/kota" in page


@pytest.mark.parametrize(("region", "status"), [("94.02", 403), ("99.99", 422), ("73.15 Kab. Pinrang", 200)])
async def test_a_region_must_be_known_and_ones_own(api, region, status):
    await api.sign_in("operate", region="73")
    assert (await api.client.get(ROSTER, params={"region": region})).status_code == status


async def test_the_audit_shows_what_was_done_by_whom_and_the_mark(api):
    await api.open_alert()
    await api.sign_in("operate")
    await api.client.get(ROSTER)
    page = (await api.client.get(AUDIT)).text
    assert (await api.siaga.store.mark("audit")).decode() in page
    assert "riwayat peringatan" in page
    only = (await api.client.get(AUDIT, params={"what": "sign_in"})).text
    assert only.count("<tr>") == 2
    none = (await api.client.get(AUDIT, params={"by": "tidak-ada"})).text
    assert "Tidak ada catatan yang cocok" in none


async def test_the_audit_is_of_the_whole_nation(api):
    await api.sign_in("operate", region="73")
    assert (await api.client.get(AUDIT)).status_code == 403
