"""One desk that reports, refutes or squats in the name of another: a token speaks for its own desks."""

import pytest

from engine.core.judging.instant import format_instant
from engine.people.tokens import Token
from engine.store.codec import encode
from engine.store.port import Put, Write

EVENTS = "/v1/events"
BELOW = {"severity": 2, "kind": "neutrality.asn", "metrics": {}}


async def send(api, headers, **changes):
    """Send the clash of Puncak Jaya's desk, or what differs from it."""
    now = format_instant(api.siaga.clock.now(), "Asia/Jayapura")
    answer = await api.client.post(EVENTS, json=api.event(**{"occurred_at": now} | changes), headers=headers)
    await api.siaga.advance(api.siaga.clock.now())
    return answer


def rejected(answer):
    """Return where and why each document was rejected."""
    return [(line["field"], line["reason"]) for line in answer.json().get("rejected", ())]


async def statuses(api):
    return [(alert.status, alert.resolved_reason) for alert in await api.siaga.desk.alerts()]


async def test_a_token_of_a_region_speaks_for_the_desk_of_that_region_alone(api):
    """Law: docs/specification/trust.md#desks-of-a-token."""
    province = await api.bearer("submit", region="94")
    answer = await send(api, province)
    assert (answer.status_code, rejected(answer)) == (422, [("source.desk", "out_of_scope")])
    assert (await send(api, province, source={"desk": "94"})).json()["accepted"] == 1


async def test_one_desk_refutes_nothing_in_the_name_of_another(api):
    """At a2f7b6b any token of the province wrote the other desk's name and closed its alert."""
    assert (await send(api, await api.bearer("submit", region="94.02"))).json()["accepted"] == 1
    assert await statuses(api) == [("open", "")]
    neighbour = await api.bearer("submit", region="94")
    forged = {"id": "R", "corrects": "E1", "verification": "refuted"}
    answer = await send(api, neighbour, **forged)
    assert await statuses(api) == [("open", "")]
    assert rejected(answer) == [("source.desk", "out_of_scope")]


async def test_nobody_takes_the_ids_of_another_desk(api):
    """At a2f7b6b whoever sent another desk's next id first made its true report a conflict in quarantine."""
    squat = await send(api, await api.bearer("submit", region="94"), id="94.02-0001", severity=1, summary="-")
    true = await send(api, await api.bearer("submit", region="94.02"), id="94.02-0001")
    assert true.json()["accepted"] == 1, true.text
    assert true.json()["quarantined"] == []
    assert rejected(squat) == [("source.desk", "out_of_scope")]
    assert [alert.level for alert in await api.siaga.desk.alerts()] == [4]


async def test_the_same_id_at_two_desks_is_two_events(api):
    for region in ("94", "94.02"):
        answer = await send(api, await api.bearer("submit", region=region), source={"desk": region})
        assert (answer.json()["accepted"], answer.json()["quarantined"]) == (1, [])


async def test_a_correction_means_the_event_of_its_own_desk(api):
    """Another desk bears the same id: neither its report nor its alert is touched."""
    await send(api, await api.bearer("submit", region="94.02"), id="X")
    own = {"id": "X", "source": {"desk": "94"}, **BELOW}
    await send(api, await api.bearer("submit", region="94"), **own)
    refuted = own | {"id": "R", "corrects": "X", "verification": "refuted"}
    await send(api, await api.bearer("submit", region="94"), **refuted)
    assert ("open", "") in await statuses(api)


@pytest.mark.parametrize(
    ("rights", "region", "closed"),
    [
        (["submit"], "94.02", False),
        (["submit"], "94", True),
        (["submit", "verify"], "94.02", True),
    ],
)
async def test_a_grave_report_is_taken_back_by_the_parent_desk_or_verify_alone(api, rights, region, closed):
    """At a2f7b6b the desk that reported a clash with 94 injured closed its awas alert by itself.

    Law: docs/specification/rules.md#grave-events.
    """
    await send(api, await api.bearer("submit", region="94.02"))
    refutation = {"id": "R", "corrects": "E1", "verification": "refuted", "source": {"desk": region}}
    answer = await send(api, await api.bearer(*rights, region=region), **refutation)
    assert answer.json()["accepted"] == 1
    assert await statuses(api) == [("resolved", "refuted") if closed else ("open", "")]


async def test_a_desk_corrects_its_own_grave_report_no_more_than_it_refutes_it(api):
    own = await api.bearer("submit", region="94.02")
    await send(api, own)
    await send(api, own, id="C", corrects="E1", severity=1, metrics={"injured": 0})
    assert ("open", "") in await statuses(api)


@pytest.mark.parametrize(("region", "stays"), [("94.02", True), ("94", False)])
async def test_a_small_report_that_holds_up_a_siaga_alert_is_not_taken_back_by_its_desk(api, region, stays):
    """Three small cases open a siaga alert: at a2f7b6b the desk refuted one of them, and the alert closed."""
    own = await api.bearer("submit", region="94.02")
    for number in range(3):
        await send(api, own, id=f"N{number}", incident=f"kasus-{number}", **BELOW)
    before = {alert.id: alert.level for alert in await api.siaga.desk.alerts() if alert.unresolved}
    assert 3 in before.values()
    refutation = {"id": "R", "corrects": "N1", "verification": "refuted", "source": {"desk": region}}
    answer = await send(api, await api.bearer("submit", region=region), **BELOW | refutation)
    assert answer.json()["accepted"] == 1
    after = {alert.id for alert in await api.siaga.desk.alerts() if alert.unresolved and alert.level == 3}
    assert bool(after) is stays


async def test_a_small_report_on_which_no_siaga_alert_rests_is_taken_back_by_its_desk(api):
    own = await api.bearer("submit", region="94.02")
    for number in range(2):
        await send(api, own, id=f"N{number}", incident=f"kasus-{number}", **BELOW)
    refutation = {"id": "R", "corrects": "N1", "verification": "refuted"}
    await send(api, own, **BELOW | refutation)
    await send(api, own, id="N2", incident="kasus-2", **BELOW)
    assert await api.siaga.desk.alerts() == []


async def test_what_waits_in_quarantine_is_mended_for_the_desks_of_its_sender_alone(api):
    """Whoever mends it may not move it to a desk for which neither of the two speaks."""
    answer = await send(api, await api.bearer("submit", region="94.02"), region="9402")
    (line,) = answer.json()["quarantined"]
    mender = await api.bearer("operate", region="94")
    path = f"/v1/quarantine/{line['id']}/resubmit"
    moved = {"event": api.event(source={"desk": "hotline"})}
    refused = await api.client.post(path, json=moved, headers=mender)
    assert (refused.json()["fault"], refused.json()["field"]) == ("out_of_scope", "source.desk")
    done = await api.client.post(path, json={"event": api.event()}, headers=mender)
    assert done.json()["outcome"] == "accepted"


async def test_a_token_may_name_its_desks(api):
    made = await api.siaga.tokens.create(
        ["submit"], "94", desks=["94.02", "hotline"], by=(await scope(api)).credential
    )
    headers = {"Authorization": f"Bearer {made.text}"}
    for number, desk in enumerate(("94.02", "hotline")):
        assert (await send(api, headers, id=f"D{number}", source={"desk": desk})).json()["accepted"] == 1
    assert rejected(await send(api, headers, id="D3", source={"desk": "94"})) == [
        ("source.desk", "out_of_scope")
    ]


async def test_a_token_of_before_speaks_for_any_desk_until_it_is_rotated(api):
    by = (await scope(api)).credential
    made = await api.siaga.tokens.create(["submit"], "94", by=by)
    old = Token(
        **{name: getattr(made.token, name) for name in made.token.__struct_fields__ if name != "desks"}
    )
    (found,) = await api.siaga.store.get("tokens", [old.id])
    await api.siaga.store.write(
        Write(name="use_token", puts=(Put("tokens", old.id, encode(old), found.version),))
    )
    assert (await send(api, {"Authorization": f"Bearer {made.text}"})).json()["accepted"] == 1
    new = await api.siaga.tokens.rotate(old.id, 0, by=by)
    assert new.token.desks == ("94",)
    answer = await send(api, {"Authorization": f"Bearer {new.text}"}, id="E2")
    assert rejected(answer) == [("source.desk", "out_of_scope")]


async def scope(api):
    """Return the scope of a token for the nation."""
    header = (await api.bearer("operate"))["Authorization"]
    return await api.siaga.tokens.check(header)
