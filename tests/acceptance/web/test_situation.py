"""The situation page: what is open in the user's region, and nothing of any other."""

import re


async def situation(api, path: str = "/console") -> str:
    page = await api.client.get(path)
    assert page.status_code == 200, page.text
    return re.sub(r"\s+", " ", page.text)


async def test_an_open_alert_is_on_the_map_in_the_list_and_in_the_last_hour(api):
    alert = await api.open_alert()
    await api.sign_in("read")
    page = await situation(api)
    assert "Papua Tengah: 1 peringatan, tertinggi AWAS" in page
    assert "Sulawesi Selatan: tidak ada peringatan" in page
    assert page.count(f'href="/console/alerts/{alert}"') == 2
    assert "<b>1</b> AWAS" in page
    assert "ke tahap 2/" in page
    assert "<b>Dibuka</b>" in page
    assert len(re.findall(r'<li class="x\d+ y\d+">', page)) == 38


async def test_a_tile_leads_down_to_the_regencies(api):
    await api.open_alert()
    await api.sign_in("read")
    assert 'href="/console/regions/94"' in await situation(api)
    province = await situation(api, "/console/regions/94")
    assert 'href="/console/regions/94.02"' in province
    assert "Kab. Puncak Jaya: 1 peringatan, tertinggi AWAS" in province
    assert "<b>1</b> belum ditangani" in await situation(api, "/console/regions/94.02")
    assert "<b>0</b> belum ditangani" in await situation(api, "/console/regions/73")


async def test_a_user_sees_their_region_and_no_other(api):
    alert = await api.open_alert()
    await api.sign_in("read", region="73")
    page = await situation(api)
    assert "Situasi: Provinsi Sulawesi Selatan" in page
    assert alert not in page
    assert "Papua" not in page
    for code, status in (("73", 303), ("73.15", 200), ("94", 403), ("94.02", 403), ("00", 403), ("99", 404)):
        assert (await api.client.get(f"/console/regions/{code}")).status_code == status, code


async def test_what_is_resolved_is_open_no_more_and_stays_in_the_last_hour(api):
    alert = await api.open_alert()
    await api.sign_in("read")
    done = {"says": "resolved", "confirm": True, "reason": "padam"}
    headers = await api.bearer("operate", "answer", person="operator-94")
    answer = await api.client.post(f"/v1/alerts/{alert}/answers", json=done, headers=headers)
    assert answer.status_code == 200, answer.text
    page = await situation(api)
    assert "Tidak ada peringatan terbuka di wilayah ini." in page
    assert "<b>Dinyatakan selesai</b>" in page
    assert "<b>0</b> AWAS" in page


async def test_no_name_of_a_report_stands_on_it(api):
    """The summary of the report holds a name and a number; the page has neither."""
    await api.open_alert()
    await api.sign_in("read")
    page = await situation(api)
    assert "Yohanes" not in page
    assert "0812" not in page
