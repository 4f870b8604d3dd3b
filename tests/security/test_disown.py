"""A stolen token: what it brought is taken out, alerts close with a RALAT to those who were told, others stay."""

import pytest

from engine.core.alerting.ids import derive
from engine.core.alerting.silence import Match
from engine.core.judging.instant import HOUR, format_instant
from engine.intake.disowning import Disowning
from engine.intake.event_families import MOST_ACTS
from engine.people.tokens import Tokens
from engine.records.audit_log import newest
from engine.store.archive.history import EventHistory
from tests.credentials import OPERATOR


class Stolen:
    """A running service, the token of a desk that was stolen, and that of another desk of the region."""

    def __init__(self, api, stolen, honest):
        self.api = api
        self.stolen = stolen
        self.honest = honest
        self.disowning = Disowning(api.siaga.store, EventHistory(api.siaga.store), api.siaga.clock)

    async def send(self, made, id_, desk, region="94.02", **changes):
        event = self.api.event(
            id=id_,
            region=region,
            source={"desk": desk},
            occurred_at=format_instant(self.api.siaga.clock.now(), "Asia/Jayapura"),
            **changes,
        )
        headers = {"Authorization": f"Bearer {made.text}"}
        answer = await self.api.client.post("/v1/events", json=event, headers=headers)
        assert answer.json()["accepted"] == 1, answer.text
        await self.settle()

    async def settle(self):
        await self.api.siaga.advance(self.api.siaga.clock.now() + 60_000)

    async def alerts(self):
        return {alert.region: alert for alert in await self.api.siaga.desk.alerts()}

    async def told(self, alert, *kinds):
        case = await self.api.siaga.desk.case(alert.id)
        sent = [n for n in case.notifications.values() if n.state == "sent" and n.kind in kinds]
        return {(n.person, n.contact) for n in sent}

    async def disown(self, since=0):
        return await self.disowning.carry_out(self.stolen.token.id, since, by=OPERATOR)


@pytest.fixture
async def desk(api):
    create = api.siaga.tokens.create
    stolen = await create(["submit"], "94", desks=["94.02"], by=OPERATOR)
    return Stolen(api, stolen, await create(["submit"], "94", by=OPERATOR))


async def test_its_alert_closes_with_a_ralat_to_those_told_and_another_stays(desk):
    """Law: docs/specification/trust.md#disowning."""
    await desk.settle()
    await desk.send(desk.stolen, "S1", "94.02")
    await desk.send(desk.honest, "H1", "94", region="94")
    mine, other = (await desk.alerts())["94.02"], (await desk.alerts())["94"]
    told = await desk.told(mine, "first", "step")
    assert told
    outlook = await desk.disowning.outlook(desk.stolen.token.id, 0)
    assert (outlook.events, outlook.touched, outlook.alone) == (1, {4: 1}, {4: 1})
    assert (await desk.alerts())["94.02"].status == "open"
    done = await desk.disown()
    assert (done.events, done.refuted) == (1, 1)
    await desk.settle()
    after = await desk.alerts()
    assert (after["94.02"].status, after["94.02"].resolved_reason) == ("resolved", "refuted")
    assert await desk.told(after["94.02"], "correction") == told
    assert (after["94"].status, await desk.told(other, "correction")) == ("open", set())


async def test_the_token_ends_and_the_audit_names_who_disowned_it(desk):
    await desk.send(desk.stolen, "S1", "94.02")
    await desk.disown()
    elsewhere = Tokens(desk.api.siaga.store, desk.api.siaga.clock)
    assert await elsewhere.check(f"Bearer {desk.stolen.text}") is None
    done = [entry for entry in await newest(desk.api.siaga.store, 20) if entry.what == "token"]
    assert (done[0].subject, done[0].by) == (desk.stolen.token.id, str(OPERATOR))


async def test_what_it_brought_before_stays(desk):
    await desk.settle()
    await desk.send(desk.stolen, "S1", "94.02")
    since = desk.api.siaga.clock.now()
    done = await desk.disown(since)
    assert done.events == 0
    await desk.settle()
    assert (await desk.alerts())["94.02"].status == "open"


async def test_a_refutation_that_it_brought_is_taken_back(desk):
    """A small report of an honest token, refuted by the stolen one, counts again."""
    honest = await desk.api.siaga.tokens.create(["submit"], "94.02", by=OPERATOR)
    await desk.settle()
    small = {"kind": "neutrality.asn", "severity": 2, "metrics": {}}
    for number in range(2):
        await desk.send(honest, f"N{number}", "94.02", incident=f"kasus-{number}", **small)
    refutation = small | {"kind": "correction", "verification": "refuted"}
    await desk.send(desk.stolen, "R", "94.02", corrects="N1", **refutation)
    await desk.send(honest, "N2", "94.02", incident="kasus-2", **small)
    assert await desk.api.siaga.desk.alerts() == []
    await desk.disown()
    await desk.settle()
    (alert,) = await desk.api.siaga.desk.alerts()
    assert {one.id for one in alert.evidence} == {"N0", "N1", "N2"}


async def test_done_again_it_adds_nothing(desk):
    await desk.settle()
    for number in range(3):
        await desk.send(desk.stolen, f"S{number}", "94.02")
    assert (await desk.disown()).refuted == 3
    last = await desk.api.siaga.store.last_position()
    again = await desk.disown()
    assert (again.events, again.refuted) == (3, 0)
    assert await desk.api.siaga.store.last_position() == last


async def test_an_id_that_the_thief_took_before_keeps_no_event_in_force(desk):
    """The id of a refutation follows from its event, which the thief knows as well."""
    await desk.settle()
    await desk.send(desk.stolen, "S1", "94.02")
    squatted = f"disown-{derive('disown', f'token:{desk.stolen.token.id}', '94.02', 'S1')}"
    harmless = {"kind": "neutrality.asn", "severity": 1, "metrics": {}}
    await desk.send(desk.stolen, squatted, "94.02", **harmless)
    done = await desk.disown()
    assert (done.events, done.refuted) == (2, 2)
    await desk.settle()
    assert {alert.status for alert in await desk.api.siaga.desk.alerts()} == {"resolved"}
    assert (await desk.disown()).refuted == 0


async def test_a_hundred_acts_on_an_event_do_not_keep_it_in_force(desk):
    """A family is followed up to a number of acts: the thief must not be the one who uses them up."""
    await desk.settle()
    await desk.send(desk.stolen, "S1", "94.02")
    acts = {"kind": "correction", "severity": 1, "metrics": {}, "corrects": "S1"}
    for number in range(MOST_ACTS + 1):
        await desk.send(desk.stolen, f"N{number}", "94.02", **acts)
    assert {alert.status for alert in await desk.api.siaga.desk.alerts()} == {"open"}
    await desk.disown()
    await desk.settle()
    assert {alert.status for alert in await desk.api.siaga.desk.alerts()} == {"resolved"}


async def test_another_token_of_the_desk_does_not_take_the_refutation_back(desk):
    """What the posko refuted stays refuted: a refutation by `verify` is taken back by `verify` or the parent desk."""
    second = await desk.api.siaga.tokens.create(["submit"], "94.02", by=OPERATOR)
    await desk.settle()
    await desk.send(desk.stolen, "S1", "94.02")
    await desk.disown()
    await desk.settle()
    assert {alert.status for alert in await desk.api.siaga.desk.alerts()} == {"resolved"}
    refutation = f"disown-{derive('disown', f'token:{desk.stolen.token.id}', '94.02', 'S1')}"
    back = {"kind": "correction", "severity": 1, "metrics": {}, "verification": "refuted"}
    await desk.send(second, "B", "94.02", corrects=refutation, **back)
    await desk.settle()
    assert {alert.status for alert in await desk.api.siaga.desk.alerts()} == {"resolved"}


async def test_under_a_silence_it_closes_and_who_heard_nothing_hears_no_ralat(desk):
    silences = desk.api.siaga.silences
    now = desk.api.siaga.clock.now()
    match = Match(region=("94.02",))
    await silences.make(match, since=now, until=now + HOUR, reason="uji", include_awas=True, by=OPERATOR)
    await desk.send(desk.stolen, "S1", "94.02")
    mine = (await desk.alerts())["94.02"]
    assert (mine.status, await desk.told(mine, "first", "step")) == ("open", set())
    await desk.disown()
    await desk.settle()
    assert ((await desk.alerts())["94.02"].status, await desk.told(mine, "correction")) == ("resolved", set())


async def test_what_it_left_in_quarantine_becomes_an_event_by_verify_alone(desk):
    """Whoever mends the queue does not know whose report it is: with the right `operate` it stays where it is."""
    api = desk.api
    await desk.settle()
    odd = api.event(kind="conflict.clahs", severity=4, region="94.02", source={"desk": "94.02"})
    headers = {"Authorization": f"Bearer {desk.stolen.text}"}
    (line,) = (await api.client.post("/v1/events", json=odd, headers=headers)).json()["quarantined"]
    await desk.disown()
    path = f"/v1/quarantine/{line['id']}/resubmit"
    refused = await api.client.post(path, json={"mended": True}, headers=await api.bearer("operate"))
    assert (refused.status_code, refused.json()["lowered"]) == (403, ["source.token"])
    await desk.settle()
    assert all(alert.rule.id.startswith("siaga.") for alert in await api.siaga.desk.alerts())
    await api.sign_in("operate")
    page = f"/console/quarantine/{line['id']}"
    told = await api.send(page, page, how="offered")
    assert (told.status_code, "sudah tidak diakui" in told.text) == (403, True)
    done = await api.client.post(path, json={"mended": True}, headers=await api.bearer("operate", "verify"))
    assert (done.status_code, done.json()["outcome"]) == (200, "accepted")
