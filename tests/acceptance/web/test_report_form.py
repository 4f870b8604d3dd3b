"""Reporting by the form of a phone: in the user's region alone, once however often it is sent, and plainly told."""

import base64
import re

import pytest

from engine.core.judging.instant import MINUTE, parse_instant
from engine.documents.sheets.event_columns import headings
from engine.documents.sheets.sheet import read_sheet
from tests.acceptance.web.conftest import PASSWORD, START

CLASH = "/lapor/jenis/conflict.clash"
SENT = {"region": "73.15", "severity": "3", "verification": "unverified", "metrics.injured": "12"}


def field(page, name: str) -> str:
    return re.search(rf'name="{re.escape(name)}" value="([^"]*)"', page.text).group(1)


async def shown(api, path: str = CLASH) -> dict[str, str]:
    """Return the hidden fields of a form as it is shown now."""
    page = await api.client.get(path)
    assert page.status_code == 200, page.text
    return {name: field(page, name) for name in ("form_token", "id", "made") if f'name="{name}"' in page.text}


async def summary(api) -> tuple[int, int, int]:
    told = (await api.client.get("/v1/summary", headers=await api.bearer("read"))).json()
    return told["events"], told["duplicates"], told["quarantined"]


async def test_a_desk_signs_in_and_is_at_its_form(api):
    await api.user("desk-7315", "submit", region="73.15")
    signed = await api.client.post("/console/sign-in", data={"user": "desk-7315", "password": PASSWORD})
    assert signed.headers["location"] == "/lapor"
    page = await api.client.get("/lapor")
    assert "Kab. Pinrang" in page.text
    assert "Rabu, 27 November 2024 pukul 11.00 WITA" in page.text
    assert "<select" not in page.text  # one region: nothing to choose


@pytest.mark.parametrize("right", ["read", "operate", "verify", "policy", "inbound"])
async def test_without_the_right_to_submit_there_is_no_form(right, api):
    await api.sign_in(right)
    for path in ("/lapor", CLASH, "/lapor/berkas", "/lapor/berkas/templat.csv"):
        assert (await api.client.get(path)).status_code == 403
    for path in ("/lapor/nihil", CLASH, "/lapor/berkas"):
        assert (await api.client.post(path, data={})).status_code == 403


async def test_nothing_to_report_is_one_tap_and_a_second_changes_nothing(api):
    await api.sign_in("submit", region="73.15")
    form = await shown(api, "/lapor") | {"region": "73.15"}
    first, second = [await api.client.post("/lapor/nihil", data=form) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 200)
    assert "<h1>Diterima</h1>" in first.text
    assert "Laporan harian Desk Pilkada, Kab. Pinrang" in first.text
    assert "<h1>Sudah diterima sebelumnya</h1>" in second.text
    assert await summary(api) == (1, 0, 0)


async def test_a_report_is_taken_in_with_what_the_form_says_and_opens_an_alert(api):
    await api.sign_in("submit", region="73.15")
    page = await api.client.get("/lapor/jenis/conflict.death")
    assert field(page, "region") == "73.15"
    assert 'id="date" name="date" type="datetime-local" value="2024-11-27T11:00"' in page.text
    assert "Kapan terjadi (WITA)" in page.text
    form = await shown(api, "/lapor/jenis/conflict.death")
    sent = await api.client.post(
        "/lapor/jenis/conflict.death",
        data=form
        | SENT
        | {"severity": "4", "metrics.dead": "1", "date": "2024-11-27T10:40", "summary": "Bentrok"},
    )
    assert "<h1>Diterima</h1>" in sent.text
    await api.siaga.advance(START + 60_000)
    alert = (await api.siaga.desk.alerts())[0]
    (evidence,) = alert.evidence
    assert (alert.region, evidence.desk, evidence.occurred_at) == (
        "73.15",
        "73.15",
        parse_instant("2024-11-27T10:40:00+08:00")[0],
    )


async def test_an_empty_time_is_when_the_form_was_shown(api):
    await api.sign_in("submit", region="73.15")
    form = await shown(api)
    await api.siaga.advance(START + 10 * MINUTE)
    first, second = [await api.client.post(CLASH, data=form | SENT | {"date": ""}) for _ in range(2)]
    assert "<h1>Diterima</h1>" in first.text
    assert "<h1>Sudah diterima sebelumnya</h1>" in second.text


async def test_a_form_that_was_sent_is_not_changed_by_going_back(api):
    await api.sign_in("submit", region="73.15")
    form = await shown(api) | SENT | {"date": "2024-11-27T10:40"}
    await api.client.post(CLASH, data=form)
    changed = await api.client.post(CLASH, data=form | {"metrics.injured": "13"})
    assert changed.status_code == 409
    assert "<h1>Formulir ini sudah dikirim</h1>" in changed.text
    assert await summary(api) == (1, 0, 0)


async def test_what_is_to_be_corrected_is_said_and_what_was_written_is_still_there(api):
    await api.sign_in("submit", region="73.15")
    form = await shown(api) | SENT
    page = await api.client.post(
        CLASH, data=form | {"metrics.injured": "dua belas", "summary": "di <pasar>", "date": ""}
    )
    assert page.status_code == 422
    assert "Luka: `dua belas` bukan angka. Tulis angka saja, mis. 12 atau 68,16." in page.text
    assert "di &lt;pasar&gt;</textarea>" in page.text
    assert field(page, "id") == form["id"]
    assert "as_it_is" not in page.text
    corrected = await api.client.post(CLASH, data=form | {"date": ""})
    assert "<h1>Diterima</h1>" in corrected.text


async def test_what_the_door_would_not_take_can_be_sent_as_it_is_and_is_kept_aside(api):
    await api.sign_in("submit", region="73.15")
    form = await shown(api) | SENT | {"date": "2024-11-27T15:40"}
    page = await api.client.post(CLASH, data=form)
    assert page.status_code == 422
    assert "Tanggal: waktunya belum terjadi. Periksa tanggal, jam dan zona" in page.text
    assert await summary(api) == (0, 0, 0)
    kept = await api.client.post(CLASH, data=form | {"as_it_is": "yes"})
    assert kept.status_code == 409
    assert "<h1>Ditahan untuk diperiksa</h1>" in kept.text
    assert await summary(api) == (0, 0, 1)


async def test_another_region_is_refused(api):
    await api.sign_in("submit", region="73.15")
    form = await shown(api) | SENT | {"date": "2024-11-27T10:40", "region": "94.02"}
    page = await api.client.post(CLASH, data=form)
    assert page.status_code == 422
    assert "luar wilayah Anda" in page.text
    nihil = await api.client.post("/lapor/nihil", data=form)
    assert nihil.status_code == 403
    assert await summary(api) == (0, 0, 0)


async def test_a_province_chooses_among_its_regions_and_reports_as_itself(api):
    await api.sign_in("submit", region="73")
    page = await api.client.get(CLASH)
    options = re.findall(r'<option value="([\d.]*)"', page.text)
    assert options[:2] == ["", "73"]
    assert {option[:2] for option in options[1:]} == {"73"}
    form = await shown(api) | SENT | {"date": "2024-11-27T10:40"}
    assert "<h1>Diterima</h1>" in (await api.client.post(CLASH, data=form)).text


async def test_the_nation_has_three_zones_and_none_is_guessed(api):
    await api.sign_in("submit")
    page = await api.client.get(CLASH)
    assert "waktu setempat daerah itu" in page.text
    assert 'type="datetime-local" value=""' in page.text


async def test_every_kind_has_a_form_in_both_languages(api):
    await api.sign_in("submit", region="73.15")
    kinds = re.findall(r'href="/lapor/jenis/([\w.]+)"', (await api.client.get("/lapor")).text)
    assert set(api.siaga.books.kinds) - set(kinds) == {"desk.heartbeat", "correction"}
    for language in ("en", "id"):
        await api.client.get(f"/console/language/{language}")
        for kind in kinds:
            page = await api.client.get(f"/lapor/jenis/{kind}")
            assert api.siaga.kind_names[kind][language] in page.text
    assert (await api.client.get("/lapor/jenis/desk.heartbeat")).status_code == 404


# --- sheets ----------------------------------------------------------------------------------------------------

ROWS = (
    "Daerah;Tanggal;Jam;Jenis;Tingkat;TPS\n"
    "73.15;27/11/2024;10.40;banjir;waspada;3\n"
    "73.15;27/11/2024;10.50;bnjir;waspada;tiga\n"
    "94.02;27/11/2024;10.50;banjir;waspada;1\n"
)


async def upload(api, content: bytes, do: str = "send"):
    form = await shown(api, "/lapor/berkas")
    files = {"file": ("laporan.csv", content, "text/csv")}
    return await api.client.post(
        "/lapor/berkas", data={"form_token": form["form_token"], "do": do}, files=files
    )


async def test_right_rows_go_in_and_the_others_come_back_to_be_corrected(api):
    await api.sign_in("submit", region="73.15")
    page = await upload(api, ROWS.encode())
    assert page.status_code == 200
    assert "1 baris diterima, 0 sudah diterima sebelumnya." in page.text
    assert "2 baris perlu diperbaiki dan tidak dikirim." in page.text
    assert "<b>Baris 3</b>" in page.text
    assert "TPS: `tiga` bukan angka" in page.text
    assert "Daerah: daerah ini di luar wilayah Anda" in page.text
    handed_back = base64.b64decode(re.search(r"base64,([\w+/=]+)", page.text).group(1))
    assert [row.cells[3] for row in read_sheet(handed_back).rows] == ["bnjir", "banjir"]
    corrected = await upload(api, handed_back.replace(b"bnjir", b"banjir").replace(b"tiga", b"3"))
    assert "1 baris diterima" in corrected.text
    assert await summary(api) == (2, 0, 0)


async def test_a_sheet_sent_twice_counts_once(api):
    await api.sign_in("submit", region="73.15")
    await upload(api, ROWS.encode())
    assert "0 baris diterima, 1 sudah diterima sebelumnya." in (await upload(api, ROWS.encode())).text


async def test_checking_only_takes_nothing_in(api):
    await api.sign_in("submit", region="73.15")
    assert (
        "1 baris dapat dikirim. Belum ada yang dikirim." in (await upload(api, ROWS.encode(), "check")).text
    )
    assert await summary(api) == (0, 0, 0)


async def test_more_rows_than_one_request_may_have_go_in_all(api):
    await api.sign_in("submit", region="73.15")
    rows = "".join(f"73.15;27/11/2024;10.40;banjir;waspada;{n}\n" for n in range(120))
    assert (
        "120 baris diterima"
        in (await upload(api, ("Daerah;Tanggal;Jam;Jenis;Tingkat;TPS\n" + rows).encode())).text
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "berkas ini kosong"),
        (b"PK\x03\x04", "tidak dapat dibaca sebagai CSV atau XLSX"),
        (b"a;b\n1;2", "judul kolom `a` tidak dikenal"),
        (b"x" * 4_200_000, "berkas lebih besar dari 4 MB"),
    ],
)
async def test_a_file_that_is_no_sheet_is_named(content: bytes, says: str, api):
    await api.sign_in("submit", region="73.15")
    page = await upload(api, content)
    assert page.status_code == 422
    assert says in page.text


async def test_the_template_can_be_downloaded(api):
    await api.sign_in("submit", region="73.15")
    file = await api.client.get("/lapor/berkas/templat.csv")
    assert file.headers["content-disposition"] == 'attachment; filename="laporan.csv"'
    assert read_sheet(file.content).headings == headings("id")
