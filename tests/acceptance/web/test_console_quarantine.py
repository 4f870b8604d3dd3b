"""The page of the quarantine: what is wrong with a report, three ways back in, and whose eyes it is for."""

import re

import msgspec
import pytest

from engine.records.audit_log import entries
from engine.web.console.quarantine import with_field

PATH = "/console/quarantine"
AHEAD = {"occurred_at": "2024-11-27T12:00:00+07:00"}
"""Noon in Papua, written as noon in Jakarta: two hours ahead of the clock."""
LOOK_ALIKE = {"id": "E2", "region": "9402"}


async def kept(api, **changes) -> str:
    sent = await api.client.post(
        "/v1/events", json=api.event(**changes), headers=await api.bearer("submit", "operate")
    )
    return sent.json()["quarantined"][0]["id"]


async def alerts(api) -> list:
    await api.siaga.advance(api.siaga.clock.now() + 60_000)
    return [a for a in await api.siaga.desk.alerts() if not a.rule.id.startswith("siaga.")]


async def test_the_offered_instant_is_accepted_by_one_tap(api):
    id_ = await kept(api, **AHEAD)
    await api.sign_in("operate")
    page = (await api.client.get(PATH)).text
    assert "Kab. Puncak Jaya" in page
    assert "Terima sebagai Rabu, 27 November 2024 pukul 12.00 WIT" in page
    assert "Yohanes" not in page
    done = await api.send(PATH, f"{PATH}/{id_}", how="offered")
    assert done.headers["location"] == f"{PATH}?said=resubmitted_accepted"
    assert "Laporan diterima dan dinilai." in (await api.client.get(done.headers["location"])).text
    assert [alert.region for alert in await alerts(api)] == ["94.02"]


async def test_the_field_that_is_wrong_is_written_anew(api):
    id_ = await kept(api, **LOOK_ALIKE)
    await api.sign_in("operate")
    page = (await api.client.get(f"{PATH}/{id_}")).text
    assert "Tulis kode Kemendagri seperti 73.15" in page
    assert 'value="9402"' in page
    still = await api.send(f"{PATH}/{id_}", f"{PATH}/{id_}", how="field", value="99.99")
    assert still.status_code == 422
    assert "Belum dapat diterima" in still.text
    done = await api.send(f"{PATH}/{id_}", f"{PATH}/{id_}", how="field", value="94.02")
    assert done.status_code == 303
    assert len(await alerts(api)) == 1


async def test_the_whole_document_is_written_anew(api):
    id_ = await kept(api, **LOOK_ALIKE)
    await api.sign_in("operate")
    page = f"{PATH}/{id_}"
    broken = await api.send(page, page, how="document", document="{tidak json")
    assert broken.status_code == 422
    assert "bukan JSON" in broken.text
    assert "{tidak json" in broken.text
    document = msgspec.json.encode(api.event(id="E3")).decode()
    assert (await api.send(page, page, how="document", document=document)).status_code == 303
    assert "Kosong." in (await api.client.get(PATH)).text


async def test_each_look_at_a_record_stands_in_the_audit(api):
    id_ = await kept(api, **LOOK_ALIKE)
    await api.sign_in("operate")
    await api.client.get(PATH)
    await api.client.get(f"{PATH}/{id_}")
    seen = [e async for e in entries(api.siaga.store) if e.what == "seen"]
    assert [(entry.subject, entry.by) for entry in seen] == [(f"quarantine/{id_}", "user:piket-uji")]


async def test_a_record_of_another_region_is_not_there(api):
    id_ = await kept(api, **AHEAD)
    await api.sign_in("operate", region="73")
    assert "Kosong." in (await api.client.get(PATH)).text
    assert (await api.client.get(f"{PATH}/{id_}")).status_code == 404
    assert (await api.send(PATH, f"{PATH}/{id_}", how="offered")).status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("region", "73.15", {"region": "73.15", "source": {"desk": "a"}}),
        ("severity", "3", {"severity": 3, "source": {"desk": "a"}}),
        ("source.desk", "b", {"source": {"desk": "b"}}),
        ("source.desk.name", "b", {"source": {"desk": {"name": "b"}}}),
        ("kind", "true", {"kind": "true", "source": {"desk": "a"}}),
    ],
)
def test_one_field_is_set_and_the_others_stay(field, value, expected):
    assert msgspec.json.decode(with_field(b'{"source":{"desk":"a"}}', field, value)) == expected


def test_a_region_stays_a_text():
    assert re.search(rb'"region":"73.15"', with_field(b"{}", "region", "73.15"))
