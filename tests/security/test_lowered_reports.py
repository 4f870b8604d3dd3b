"""A quarantined report of three dead replaced by a heartbeat: who may lower what a report says, and what stays."""

import msgspec
import pytest

from engine.operations.audit_proof import verify
from engine.records.audit_log import entries

GRAVE = {"id": "E1", "kind": "conflict.death", "severity": 4, "region": "9402", "metrics": {"dead": 3}}
HEARTBEAT = {"id": "E1", "kind": "desk.heartbeat", "severity": 1, "metrics": {}}


async def kept(api, **changes):
    """Send a report that is no event; return the id of its record."""
    sent = await api.client.post("/v1/events", json=api.event(**changes), headers=await api.bearer("submit"))
    return sent.json()["quarantined"][0]["id"]


async def send_again(api, record, event, *rights):
    """Send a record again as another document by a token with these rights."""
    path = f"/v1/quarantine/{record}/resubmit"
    return await api.client.post(path, json={"event": event}, headers=await api.bearer(*rights))


async def acts(api, record):
    """Return the entries of the audit on what was done with a record."""
    found = [entry async for entry in entries(api.siaga.store) if entry.what == "quarantine"]
    return [entry for entry in found if entry.subject.startswith(f"quarantine/{record}/")]


async def test_an_operate_token_does_not_replace_three_dead_by_a_heartbeat(api):
    """Law: docs/specification/trust.md#lowering-a-report."""
    record = await kept(api, **GRAVE)
    before = await api.siaga.store.last_position()
    answer = await send_again(api, record, api.event(**HEARTBEAT), "operate")
    assert answer.status_code == 403, answer.text
    assert answer.json()["type"] == "urn:siaga:problem:verify_needed"
    assert answer.json()["lowered"] == ["kind", "severity", "metrics.dead"]
    waiting = await api.client.get("/v1/quarantine", headers=await api.bearer("operate"))
    assert [one["id"] for one in waiting.json()["records"]] == [record]
    assert await api.siaga.store.last_position() == before


async def test_with_verify_it_is_possible_and_both_versions_stand_in_the_audit(api):
    record = await kept(api, **GRAVE)
    answer = await send_again(api, record, api.event(**HEARTBEAT), "operate", "verify")
    assert answer.status_code == 200, answer.text
    (entry,) = await acts(api, record)
    assert entry.subject == f"quarantine/{record}/replaced"
    assert entry.by.startswith("token:")
    path = f"/v1/quarantine/{record}/versions"
    (one,) = (await api.client.get(path, headers=await api.bearer("operate"))).json()["versions"]
    assert (one["act"], one["by"]) == ("replaced", entry.by)
    assert (one["before"]["metrics"], one["after"]["kind"]) == ({"dead": 3}, "desk.heartbeat")
    assert (one["before_digest"], one["after_digest"]) == (entry.before, entry.digest)
    assert (await verify(api.siaga.store)).fault is None
    assert [e.subject async for e in entries(api.siaga.store) if e.what == "seen"] == [f"quarantine/{record}"]


@pytest.mark.parametrize(
    ("how", "act"), [({}, "resubmitted"), ({"mended": True}, "mended"), ({"event": None}, "replaced")]
)
async def test_each_act_names_its_credential_and_the_digests_of_both_documents(api, how, act):
    """A report two hours ahead is sent again later, with the offered instant, or as the same with another time.

    Law: docs/specification/trust.md#quarantine-acts.
    """
    changes = {"occurred_at": "2024-11-27T12:00:00+07:00"}
    document = api.event(**changes)
    record = await kept(api, **changes)
    if "event" in how:
        how = {"event": document | {"occurred_at": "2024-11-27T12:00:01+09:00"}}
    if not how:
        await api.advance(180)
    path = f"/v1/quarantine/{record}/resubmit"
    done = await api.client.post(path, json=how, headers=await api.bearer("operate"))
    assert done.status_code == 200, done.text
    (entry,) = await acts(api, record)
    assert entry.subject.rpartition("/")[2] == act
    assert entry.by.startswith("token:")
    assert len(entry.before) == len(entry.digest) == 32
    assert (entry.before == entry.digest) == (act == "resubmitted")


async def test_to_drop_a_report_needs_verify_and_leaves_its_document(api):
    record = await kept(api, **GRAVE)
    path = f"/v1/quarantine/{record}"
    refused = await api.client.delete(path, headers=await api.bearer("operate"))
    assert refused.status_code == 403
    assert (await api.client.delete(path, headers=await api.bearer("verify"))).status_code == 204
    (entry,) = await acts(api, record)
    assert (entry.subject, entry.digest) == (f"quarantine/{record}/dropped", "")
    shown = await api.client.get(f"{path}/versions", headers=await api.bearer("operate"))
    (one,) = shown.json()["versions"]
    assert (one["before"]["metrics"], one["after"]) == ({"dead": 3}, None)
    assert (await api.client.delete(path, headers=await api.bearer("verify"))).status_code == 404


async def test_the_console_says_what_would_be_lowered_and_who_may(api):
    record = await kept(api, **GRAVE)
    await api.sign_in("operate")
    page = f"/console/quarantine/{record}"
    document = msgspec.json.encode(api.event(**HEARTBEAT)).decode()
    refused = await api.send(page, page, how="document", document=document)
    assert refused.status_code == 403
    assert "mengurangi isi laporan (Jenis" in refused.text
    assert "hak verifikasi (verify)" in refused.text
    assert 'value="drop"' not in refused.text
    dropped = await api.send(page, page, how="drop")
    assert dropped.status_code == 403
    assert await acts(api, record) == []


async def test_the_console_shows_both_versions_to_who_lowered_them(api):
    record = await kept(api, **GRAVE)
    await api.sign_in("operate", "verify")
    page = f"/console/quarantine/{record}"
    document = msgspec.json.encode(api.event(**HEARTBEAT)).decode()
    assert (await api.send(page, page, how="document", document=document)).status_code == 303
    assert page in (await api.client.get("/console/quarantine")).text
    shown = (await api.client.get(page)).text
    (entry,) = await acts(api, record)
    assert "pengguna piket-uji" in shown
    assert "conflict.death" in shown
    assert "desk.heartbeat" in shown
    assert entry.before in shown
    assert entry.digest in shown
