"""Deeds: doing what a policy test says people, gateways and the desk do.

Here: from an act to the service's own commands. Not here: the form of acts (`documents.test_files.steps`) and when they
happen (`simulation.policy_test`). Who is a person of the directory answers in their own right; the duty desk, and
whoever the directory does not know, acts on the console and the API as an operator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from engine.app import CollectingByChannel
from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.command import Answer, Comment, EscalateNow, Says
from engine.core.alerting.credential import Credential
from engine.core.alerting.directory import Assignment, Contact, Contents, Directory, Duty, HolderSpan, Person
from engine.core.alerting.policy import Policy
from engine.core.judging.region import lies_in
from engine.documents.silences import Silencing, Unsilencing
from engine.documents.test_files.rule_tests import ExpectedGroup
from engine.documents.test_files.steps import (
    Answering,
    AnyStep,
    Assign,
    ByHandStep,
    ClockJump,
    ContactStep,
    Fetch,
    GatewayChange,
    OnDuty,
    Reloading,
    ReportStep,
    Restarting,
)
from engine.escalation.notes import digest_of
from engine.simulation.expectations import written_group
from engine.simulation.recorder import Recorder, is_meant_group
from engine.simulation.result import Phrase, phrase
from engine.simulation.simulator import KEY, Simulator
from engine.texts.answer_link_token import token_for

_CODE = re.compile(r"\{code(?::([1-9]\d?))?\}", re.ASCII)
REASON = "selesai"
"""Why an alert is over, where a test confirms a closing and says nothing of it."""
OPERATING = ("posko", "posko_nasional", "ops")
"""Roles whose bearers are operators of their region."""


class StepRunner:
    """Does the acts of one test."""

    def __init__(
        self, rig: Simulator, witness: Recorder, gateways: CollectingByChannel, policies: Mapping[str, Policy]
    ) -> None:
        self._rig, self._witness, self._gateways = rig, witness, gateways
        self._policies = policies

    async def do(self, deed: AnyStep) -> Phrase | None:
        """Do one act; return why it could not be done."""
        match deed:
            case Answering():
                return await self._answer(deed)
            case Fetch():
                return await self._fetch(deed)
            case ByHandStep():
                return await self._by_hand(deed)
            case GatewayChange():
                return await self._gateway(deed)
            case ReportStep():
                return await self._report(deed)
            case Assign() | OnDuty():
                return await self._position(deed)
            case ContactStep():
                return await self._contact(deed)
            case Silencing() | Unsilencing() | Restarting():
                await self._operate(deed)
            case Reloading():
                return await self._reload(deed)
            case ClockJump():
                # `now` never goes back (docs/specification/escalation.md#clock): a jump back of the wall clock changes
                # nothing.
                return None if deed.jump <= 0 else phrase("not_available", what="clock: jump +")
        return None

    # --- answers ---

    async def _answer(self, deed: Answering) -> Phrase | None:
        if deed.via == "sms" and deed.text:
            return await self._by_text(deed)
        if deed.says is None:
            raise AssertionError("only a text may leave out what it says")
        if deed.via == "link":
            return await self._by_link(deed, deed.says)
        found = self._alert(deed.rule, deed.group, deed.who)
        if isinstance(found, Phrase):
            return found
        answer = Answer(
            person=deed.who,
            says=deed.says,
            via=deed.via,
            to=deed.to,
            operator=deed.operator or ("operator" if deed.via == "proxy" else ""),
            note_digest=digest_of(found.id, deed.who, _reason(deed)),
            confirmed=deed.confirm,
            is_operator=deed.via in ("console", "api") and await self._operates(deed.who, found),
        )
        await self._rig.desk.answer(
            found.id, answer, by=_credential(deed)
        )  # a refusal is what the test may be about
        return None

    async def _by_link(self, deed: Answering, says: Says) -> Phrase | None:
        newest = self._newest(deed.who, deed.rule, deed.group)
        if newest is None:
            return phrase("no_link", who=deed.who)
        found = await self._rig.links.message(token_for(KEY, newest.id, newest.channel))
        if found is not None:  # a link that is not valid any more is answered 404 and changes nothing
            case, notification = found
            answer = Answer(
                person=notification.person,
                says=says,
                via="link",
                to=deed.to,
                notification=notification.id,
                note_digest=digest_of(case.alert.id, notification.person, _reason(deed)),
                confirmed=deed.confirm,
            )
            await self._rig.desk.answer(
                case.alert.id, answer, by=Credential("link", notification.id, notification.person)
            )
        return None

    async def _by_text(self, deed: Answering) -> Phrase | None:
        """Let a text come in from the person's phone (or another one), with the codes that their phone was sent."""
        number = await self._number(deed.who)
        if number is None:
            return phrase("no_contact", who=deed.who, channel="sms")
        codes = await self._rig.phones.codes(number)
        wanted = [int(place or 1) for place in _CODE.findall(deed.text)]
        if wanted and max(wanted) > len(codes):
            return phrase("no_code", who=deed.who, number=str(max(wanted)))
        text = _CODE.sub(lambda found: codes[int(found[1] or 1) - 1], deed.text)
        await self._rig.inbound.hear(deed.phone or number, text)
        return None

    async def _number(self, who: str) -> str | None:
        """Return the phone of a person: the one that was sent something last, else their first."""
        directory = await self._rig.books.directory()
        newest = [n.contact for n in self._witness.sent_to(who) if n.channel == "sms"]
        contact = directory.contact(newest[-1]) if newest else None
        person = directory.person(who)
        phones = [c for c in person.contacts if c.channel == "sms"] if person else []
        return contact.value if contact else next((c.value for c in phones), None)

    async def _fetch(self, deed: Fetch) -> Phrase | None:
        newest = self._newest(deed.who, deed.rule, deed.group)
        if newest is None:
            return phrase("no_link", who=deed.who)
        await self._rig.links.message(token_for(KEY, newest.id, newest.channel))
        return None

    async def _by_hand(self, deed: ByHandStep) -> Phrase | None:
        found = self._alert(deed.rule, deed.group, "")
        if isinstance(found, Phrase):
            return found
        by = Credential("user", deed.who)
        match deed.does:
            case "resolve" | "reopen":
                answer = Answer(
                    person=deed.who,
                    says="resolved" if deed.does == "resolve" else "reopened",
                    via="console",
                    is_operator=True,
                    note_digest=digest_of(found.id, deed.who, REASON if deed.does == "resolve" else ""),
                    confirmed=True,
                )
                await self._rig.desk.answer(found.id, answer, by=by)
            case "escalate":
                await self._rig.desk.change(
                    found.id, EscalateNow(person=deed.who, is_operator=True), "escalate", by=by
                )
            case "comment":
                note = digest_of(found.id, deed.who, deed.text)
                await self._rig.desk.change(
                    found.id, Comment(person=deed.who, note_digest=note), "comment", by=by
                )
        return None

    def _newest(self, who: str, rule: str | None, group: ExpectedGroup) -> Notification | None:
        """Return the newest message sent to a person, of the named alert where one is named."""
        sent = [
            n
            for n in self._witness.sent_to(who)
            if n.alert and self._names(self._witness.alerts[n.alert], rule, group)
        ]
        return sent[-1] if sent else None

    def _alert(self, rule: str | None, group: ExpectedGroup, who: str) -> Alert | Phrase:
        """Return the alert that is meant: the one named, else the only unresolved one, else the newest sent to them."""
        named = [alert for alert in self._witness.alerts.values() if self._names(alert, rule, group)]
        if not named:
            return phrase("no_alert", rule=rule or "*", group=written_group(group))
        unresolved = [alert for alert in named if alert.unresolved]
        if len(unresolved) == 1 or len({(alert.rule.id, alert.group) for alert in named}) == 1:
            return _newest_of(unresolved or named)
        sent = self._newest(who, rule, group) if who else None
        if sent is not None:
            return self._witness.alerts[sent.alert]
        if not unresolved:
            return _newest_of(named)
        return phrase(
            "many_alerts", found=", ".join(f"{alert.rule.id} [{alert.group}]" for alert in unresolved)
        )

    def _names(self, alert: Alert, rule: str | None, group: ExpectedGroup) -> bool:
        known = self._rig.books.rule_set.rules.get(alert.rule.id)
        if rule not in (None, alert.rule.id):
            return False
        return group is None or (known is not None and is_meant_group(known, group, alert.group))

    async def _operates(self, who: str, alert: Alert) -> bool:
        directory = await self._rig.books.directory()
        if directory.person(who) is None:
            return True
        now = self._rig.clock.now()
        posts: list[Assignment | Duty] = [*directory.contents.assignments, *directory.contents.roster]
        return any(
            post.person == who
            and post.role in OPERATING
            and post.valid.covers(now)
            and lies_in(alert.region, post.region)
            for post in posts
        )

    # --- the installation ---

    async def _operate(self, deed: Silencing | Unsilencing | Restarting) -> None:
        now, start, silences = self._rig.clock.now(), self._rig.watched_since, self._rig.silences
        if isinstance(deed, Restarting):
            await self._rig.restart(deed.down_for)
            return
        if isinstance(deed, Unsilencing):
            for silence in await silences.list():
                if silence.match == deed.match:
                    await silences.end(silence.id, Credential("user", "operator"))
            return
        await silences.make(
            deed.match,
            since=now if deed.since is None else start + deed.since,
            until=start + deed.until,
            reason=deed.reason,
            by=Credential("user", deed.author),
            include_awas=deed.include_awas,
        )

    # --- gateways ---

    async def _gateway(self, deed: GatewayChange) -> Phrase | None:
        gateway = self._gateways.get(deed.name)
        if gateway is None:
            return phrase("no_gateway", channel=deed.name)
        person = (await self._rig.books.directory()).person(deed.recipient)
        if person is None:
            gateway.become(deed.state, deed.recipient or None)
            return None
        for contact in person.contacts:
            if contact.channel == gateway.channel:
                gateway.become(deed.state, contact.value)
        return None

    async def _report(self, deed: ReportStep) -> Phrase | None:
        sent = [n for n in self._witness.notifications.values() if n.person == deed.who]
        sent = [n for n in sent if n.channel == deed.channel and n.attempts]
        if not sent:
            return phrase("no_message", who=deed.who, channel=deed.channel)
        newest = max(sent, key=lambda n: (n.sent_at or n.planned_at, n.planned_at, n.id))
        reason = "undelivered" if deed.state == "failed" else ""
        await self._rig.reports.take(newest.id, deed.state, reason=reason, gateway=newest.gateway)
        return None

    # --- the directory ---

    async def _position(self, deed: Assign | OnDuty) -> Phrase | None:
        directory = await self._rig.books.directory()
        if directory.person(deed.person) is None:
            return phrase("no_person", who=deed.person)
        contents, now = directory.contents, self._rig.clock.now()
        if isinstance(deed, OnDuty):
            span = HolderSpan(now if deed.since is None else deed.since, deed.until)
            duty = Duty(region=deed.region, role=deed.role, person=deed.person, valid=span)
            changed = msgspec.structs.replace(contents, roster=(*contents.roster, duty))
        else:
            assignment = Assignment(
                region=deed.region,
                role=deed.role,
                person=deed.person,
                status=deed.status,
                valid=HolderSpan(now),
            )
            changed = msgspec.structs.replace(contents, assignments=(*contents.assignments, assignment))
        await self._rig.replace_directory(changed)
        return None

    async def _contact(self, deed: ContactStep) -> Phrase | None:
        directory: Directory = await self._rig.books.directory()
        person = directory.person(deed.person)
        if person is None:
            return phrase("no_person", who=deed.person)
        if all(contact.channel != deed.channel for contact in person.contacts):
            return phrase("no_contact", who=deed.person, channel=deed.channel)
        await self._rig.replace_directory(_changed(directory.contents, person, deed))
        return None

    async def _reload(self, deed: Reloading) -> Phrase | None:
        if deed.unusable:
            return phrase("finding", what=deed.unusable[0])
        policies = self._policies if deed.policies is None else by_id(deed.policies)
        rules = self._rig.books.rule_set.rules.values() if deed.rules is None else deed.rules
        await self._rig.reload(rules, policies)
        self._policies = policies
        return None


def _reason(deed: Answering) -> str:
    """Return the note of an answer: its text, else of a closing that is confirmed a reason."""
    if deed.via == "sms":
        return ""
    return deed.text or (REASON if deed.says == "resolved" and deed.confirm else "")


def by_id(policies: Sequence[Policy]) -> dict[str, Policy]:
    """Return policies by id; a rule that names none takes the only one there is."""
    found = {policy.id: policy for policy in policies}
    if len(policies) == 1:
        found[""] = policies[0]
    return found


def _credential(deed: Answering) -> Credential:
    """Return the credential by which an answer of a policy test comes in."""
    match deed.via:
        case "proxy":
            return Credential("user", deed.operator or "operator")
        case "api":
            return Credential("token", deed.who, deed.who)
        case "sms":
            return Credential("phone", deed.who, deed.who)
        case _:
            return Credential("user", deed.who, deed.who)


def _newest_of(alerts: Sequence[Alert]) -> Alert:
    return max(alerts, key=lambda alert: (alert.detected_at, alert.ordinal))


def _changed(contents: Contents, person: Person, deed: ContactStep) -> Contents:
    """Return the directory with the first contact of a channel changed as the act says."""
    contacts: list[Contact] = []
    done = False
    for contact in person.contacts:
        mine = contact.channel == deed.channel and not done
        done = done or mine
        changes = {"verified": deed.verified, "value": deed.value, "quiet_hours": deed.quiet_hours}
        given = {name: value for name, value in changes.items() if mine and value is not None}
        contacts.append(msgspec.structs.replace(contact, **given))
    changed = msgspec.structs.replace(person, contacts=tuple(contacts))
    people = tuple(changed if one.id == person.id else one for one in contents.people)
    return msgspec.structs.replace(contents, people=people)
