"""Texts that come in by SMS: from a number and its words to an answer, and to the reply.

Here: finding who wrote, carrying out what the text says, and writing answer, reply and the memory of the text in one
step. Not here: what a text says (`texts.reply_parser`, `texts.reply_routing`), what an answer does
(`core.alerting.answer`), HTTP (`web.api.inbound`). A number that nobody in the directory has gets no reply and leaves
nothing but a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

import msgspec
import phonenumbers
import structlog

from engine.answers.verification import Confirmed, Verifications
from engine.clock import Clock
from engine.core.alerting.alert import NOTICES, Notification
from engine.core.alerting.answer import AGAIN
from engine.core.alerting.case_editor import Decision
from engine.core.alerting.command import Answer, Command, EscalateNow
from engine.core.alerting.credential import Credential
from engine.core.alerting.directory import Assignment, Contact, Directory, Duty, Person, stopped
from engine.core.alerting.ids import derive
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION, cut
from engine.delivery.replies import PlannedReply, plan_reply
from engine.delivery.reply_codes import KeptConversation, ReplyCodes, recent_misses
from engine.errors import SiagaError, StoreError
from engine.escalation.alert_commands import ATTEMPTS, AlertCommands
from engine.escalation.internal_alerts import ask
from engine.metrics import Metrics
from engine.people.contact_changes import ContactChanges
from engine.records.additional_writes import AdditionalWrites
from engine.records.alert_repository import Case
from engine.records.audit_log import AuditEntry, append_audit
from engine.records.runtime_config import RuntimeConfig
from engine.store.port import Append, Committed, Plan, Put, Store, Write
from engine.store.write_names import WriteName
from engine.texts.conversation import AppliedText, Begun, Conversation, RecordedAct, begin, hear, miss
from engine.texts.reply_code import CONTACT_CODE
from engine.texts.reply_parser import bare, read
from engine.texts.reply_routing import Answers, Stops, UnusableText, dialogue
from engine.texts.response import ObjectionAnswer, Responses, TextResult

Heard = Literal[
    "recorded",
    "refused",
    "turned",
    "stopped",
    "verified",
    "muted",
    "locked",
    "duplicate",
    "unknown_phone",
]
"""What became of a text: `turned` answered nothing, `muted` got no reply any more, `locked` came from a phone that
guesses codes; a metric label."""
_Outcome = Answers | UnusableText | Stops | Confirmed
GONE = "gone"
"""What became of an answer whose alert is not in the store any more."""
HOME = "ID"
"""A number without its country's prefix is one of Indonesia."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class _AlreadyHeardError(SiagaError):
    """The same text was dealt with while this delivery of it was."""


class _CarriedOutError(SiagaError):
    """Another delivery of the same text carried out the answer that was next; `begun` says how far the text is."""

    def __init__(self, begun: Begun) -> None:
        super().__init__("this answer was carried out meanwhile")
        self.begun = begun


class _Writer(NamedTuple):
    """Who wrote: the phone's number, and the people whose it is, each with the contact."""

    number: str
    owners: tuple[tuple[Person, Contact], ...]


class _Text(NamedTuple):
    """One text: its id, who wrote it, and when it came in."""

    id: str
    writer: _Writer
    at: Instant


class Inbound:
    """Hears texts."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        desk: AlertCommands,
        metrics: Metrics,
        *,
        phones: ReplyCodes,
        responses: Responses,
        verifications: Verifications,
        contacts: ContactChanges | None = None,
    ) -> None:
        """Without `contacts` nobody can object to a change of a contact: rehearsals."""
        self._contacts = contacts
        self._store = store
        self._clock = clock
        self._books = books
        self._desk = desk
        self._metrics = metrics
        self._phones = phones
        self._responses = responses
        self._verifications = verifications
        self._numbers: tuple[int, dict[str, list[tuple[Person, Contact]]]] = (-1, {})

    async def hear(self, sender: str, words: str, *, gateway_id: str = "") -> Heard:
        """Deal with a text. `gateway_id` is the gateway's own name for it, by which a repeat is known."""
        heard = await self._hear(sender, words, gateway_id)
        self._metrics.inbound_text(heard)
        return heard

    async def _hear(self, sender: str, words: str, gateway_id: str) -> Heard:
        said = read(words)
        writer = await self._writer(sender, objects=said.objects)
        if writer is None:
            return "unknown_phone"
        phone = self._phones.digest(writer.number)
        for _ in range(ATTEMPTS):
            now = self._clock.now()
            kept, unresolved = await self._phones.read(writer.number, now, said.code)
            text = _Text(self._text_id(kept.line, phone, words, gateway_id), writer, now)
            if text.id in kept.line.heard:
                return "duplicate"
            begun = kept.line.begun_of(text.id)
            if begun is None and not kept.line.hears(now):
                return "locked"
            if said.objects and begun is None:
                heard = await self._object(text, kept, said.code)
                if heard is not None:
                    return heard
                continue
            try:
                outcome: _Outcome = (
                    Answers(acts=begun.acts) if begun else dialogue(said, kept.line, unresolved, now)
                )
                if isinstance(outcome, UnusableText):
                    outcome = await self._verified(text, said.code) or outcome
                if outcome == UnusableText(why="unknown_code"):
                    heard = await self._missed(text, kept)
                    if heard is not None:
                        return heard
                    continue
                heard = await self._follow(text, kept, outcome)
            except _AlreadyHeardError:
                return "duplicate"
            if heard is not None:
                return heard
        raise StoreError("the line of a phone changes too quickly")

    def _text_id(self, line: Conversation, phone: str, words: str, gateway_id: str) -> str:
        """Return the id of a text. Without a gateway's the same words are one text until the phone was sent something.

        What was begun with these words is gone on with also after that.
        """

        def of(*same: str) -> str:
            return derive("inbound", self._books.namespace, phone, *same)

        if gateway_id:
            return of("id", gateway_id)
        begun = (one.text for one in line.begun if one.text == of("words", words, str(one.turn)))
        return next(begun, of("words", words, str(line.turn)))

    async def _follow(self, text: _Text, kept: KeptConversation, outcome: _Outcome) -> Heard | None:
        """Do what a text leads to; None where the phone's line was changed meanwhile."""
        match outcome:
            case Answers():
                return await self._answer(text, kept, outcome)
            case Stops(coded=True):
                return await self._stop(text)
            case Stops():
                return await self._ask_for_a_call(text, kept)
            case UnusableText() | "verified" | "waits":
                return await self._respond(text, kept, outcome)

    # --- who wrote -----------------------------------------------------------------------------------------------

    async def _writer(self, sender: str, *, objects: bool) -> _Writer | None:
        """Return who wrote. Who `objects` may write from a contact that was removed, which the notice names."""
        number = _international(sender)
        directory = await self._books.directory()
        if self._numbers[0] != directory.version:
            self._numbers = directory.version, _by_number(directory)
        owners = self._numbers[1].get(number or "")
        if number and not owners and objects and self._contacts is not None:
            notices = await self._contacts.notices_to(number)
            owners = [_owner_of(notice, number) for notice in notices[:1]]
        return _Writer(number, tuple(owners)) if number and owners else None

    async def _verified(self, text: _Text, code: str) -> Confirmed | None:
        """Take a code that was sent to one of the writer's contacts to verify it; None where this is none.

        A text that was interrupted after that and comes again is answered as at first.
        """
        if not CONTACT_CODE.fullmatch(code):
            return None
        owners = text.writer.owners
        for _, contact in owners:
            if confirmed := await self._verifications.confirmed_by(contact, text.id):
                return confirmed
        # A wrong code is a try of every contact of the number that has a code out.
        expecting = [one for one in owners if await self._verifications.expects(one[1], code, text.at)]
        for owner, contact in expecting or owners:
            by = Credential("phone", contact.id, owner.id)
            outcome = await self._verifications.hear(contact, code, text.at, by=by, text=text.id)
            if outcome in ("verified", "waits"):
                return outcome
        return None

    async def _stop(self, text: _Text) -> Heard:
        """Keep the number for awas alone, by a code that only the phone knows; an operator confirms the rest.

        The desk is told. Nobody else may refuse it, not even where an alert has nobody left then. The memory of the
        text and its reply are in the same write: a text that comes again must not undo what was confirmed since.
        """
        gone = frozenset(contact.id for _, contact in text.writer.owners)
        person, contact = text.writer.owners[0]
        said = self._responses.stopped(person.language, coded=True)
        reply = plan_reply(text.id, contact, person.id, person.language, said, None, text.at)

        async def heard() -> AdditionalWrites:
            kept = await self._phones.memory(text.writer.number, text.at)
            if text.id in kept.line.heard:
                raise _AlreadyHeardError
            puts, plans = self._memory(text, kept, reply, recorded=True)
            return AdditionalWrites(puts=tuple(puts), plans=tuple(plans))

        await self._books.amend_directory(
            lambda contents: stopped(contents, gone),
            text.at,
            by=Credential("phone", min(gone), person.id),
            plans=(ask(InternalAlertRequest("contact", await self._region(text.writer), level=2), text.at),),
            settled=heard,
        )
        self._count(reply)
        for one in sorted(gone):
            log.warning("contact_stopped", contact=one)
        return "stopped"

    async def _ask_for_a_call(self, text: _Text, kept: KeptConversation) -> Heard | None:
        """Let the duty desk call who asked by SMS, without a code, for no more messages: the number may be forged.

        Nothing else changes. None where the phone's line was changed meanwhile.
        """
        person, contact = text.writer.owners[0]
        said = self._responses.stopped(person.language, coded=False)
        reply = plan_reply(text.id, contact, person.id, person.language, said, None, text.at)
        planned = reply if kept.line.speaks else None
        call = InternalAlertRequest("contact", await self._region(text.writer), level=2)
        written = await self._reply(
            *(text, kept, planned),
            recorded=False,
            noted=_Noted(ask(call, text.at), _audited("stop_asked", text)),
        )
        if written:
            log.warning("stop_asked", contact=contact.id)
        return "stopped" if written else None

    async def _missed(self, text: _Text, kept: KeptConversation) -> Heard | None:
        """Answer a code that was never sent to the phone; the fifth within the hour keeps the phone out for an hour.

        None where the phone's line was changed meanwhile.
        """
        person, contact = text.writer.owners[0]
        line, guesses = miss(kept.line, text.at)
        everybody = (await recent_misses(self._store, "phones", text.at)).another(text.at)
        matters = [NATION] * everybody.too_many + [await self._region(text.writer)] * guesses
        heard: Heard = "locked" if guesses else "turned" if kept.line.speaks else "muted"
        said = self._responses.turned(person.language, UnusableText(why="unknown_code"), {})
        if guesses:
            said = self._responses.locked(person.language)
        reply = plan_reply(text.id, contact, person.id, person.language, said, None, text.at)
        noted = _Noted(
            *(
                ask(InternalAlertRequest("code-guessing", region), text.at)
                for region in dict.fromkeys(matters)
            ),
            *((_audited("code_guessed", text),) if guesses else ()),
            everybody.put(),
        )
        planned = None if heard == "muted" else reply
        after = kept._replace(line=line)
        if not await self._reply(text, after, planned, recorded=False, noted=noted):
            return None
        if guesses:
            log.warning("codes_guessed", contact=contact.id)
        return heard

    async def _region(self, writer: _Writer) -> str:
        """Return the region whose duty desk looks after the owner of a phone."""
        offices = (await self._books.directory()).positions(writer.owners[0][0].id, self._clock.now())
        return cut(offices[0][0], "regency") or offices[0][0] if offices else NATION

    # --- objections ----------------------------------------------------------------------------------------------

    async def _object(self, text: _Text, kept: KeptConversation, code: str) -> Heard | None:
        """Undo the change of a contact that a text objects to; without the code of its notice nothing changes.

        The objection stands before its reply: a text that comes again after a crash in between says the same again.
        None where the phone's line was changed meanwhile.
        """
        person, contact = text.writer.owners[0]
        notices = [] if self._contacts is None else await self._contacts.notices_to(text.writer.number)
        meant = None if self._contacts is None else self._contacts.meant(notices, code)
        if code and meant is None:
            return await self._missed(text, kept)
        outcome: ObjectionAnswer = "code_missing"
        if self._contacts is not None and meant is not None:
            by = Credential("phone", meant.contact, meant.person)
            outcome = await self._contacts.object(meant.cause, by)
        said = self._responses.objected(person.language, outcome)
        reply = plan_reply(text.id, contact, person.id, person.language, said, None, text.at)
        recorded = outcome in ("objected", "again")
        heard: Heard = "recorded" if recorded else "turned" if kept.line.speaks else "muted"
        planned = None if heard == "muted" else reply
        return heard if await self._reply(text, kept, planned, recorded=recorded) else None

    # --- answers -------------------------------------------------------------------------------------------------

    async def _answer(self, text: _Text, kept: KeptConversation, answers: Answers) -> Heard:
        """Carry out the answers that were not carried out yet, each in one write with the memory of it.

        The last of them is written together with the reply. A text that was interrupted says what it said at first,
        whatever became of its alerts and codes meanwhile.
        """
        begun = kept.line.begun_of(text.id) or Begun(
            text=text.id,
            turn=kept.line.turn,
            at=text.at,
            acts=answers.acts,
            unknown_items=answers.unknown_items,
        )
        while (act := begun.next) is not None:
            case = await self._desk.case(act.alert)
            if case is None:  # it is told among what was refused
                begun = begun.after(AppliedText(reason=GONE, refused=True))
                continue
            try:
                begun, heard = await self._carry_out(text, begun, act, case)
            except _CarriedOutError as elsewhere:
                begun = elsewhere.begun
                continue
            if heard is not None:
                return heard
        return await self._end_without(text, begun)

    async def _carry_out(
        self, text: _Text, begun: Begun, act: RecordedAct, case: Case
    ) -> tuple[Begun, Heard | None]:
        """Carry out the next answer of a text; return how far it is, and what became of it where that was the last."""
        after, heard, planned = begun, None, None

        async def beside(case: Case, decision: Decision) -> tuple[Sequence[Put], Sequence[Plan]]:
            nonlocal after, heard, planned
            kept = await self._phones.memory(text.writer.number, text.at)
            _still_to_do(kept, begun)
            after = begun.after(
                AppliedText(reason=decision.refusal or decision.reason, refused=bool(decision.refusal))
            )
            if after.next is not None:
                return (self._phones.put(text.writer.number, kept, begin(kept.line, after)),), ()
            heard, planned = self._answered(text, kept, after, case, decision)
            return self._memory(text, kept, planned, recorded=heard == "recorded")

        command = await self._command(text, act, case)
        name: WriteName = "escalate" if isinstance(command, EscalateNow) else "answer"
        await self._desk.change(act.alert, command, name, beside, by=_phone(text, case))
        if after is begun:  # the alert is gone since
            return begun.after(AppliedText(reason=GONE, refused=True)), None
        self._metrics.answer(act.said, "sms", "refused" if after.done[-1].refused else "recorded")
        self._count(planned)
        return after, heard

    def _answered(
        self, text: _Text, kept: KeptConversation, begun: Begun, case: Case, decision: Decision
    ) -> tuple[Heard, PlannedReply | None]:
        """Return what became of a text whose answers are all carried out, the last one just now, and its reply."""
        changed = {notification.id: notification for notification in decision.notifications}
        became = [
            TextResult(act=act, reason=done.reason, refused=done.refused)
            for act, done in zip(begun.acts, begun.done, strict=True)
        ]
        became[-1] = msgspec.structs.replace(
            became[-1],
            alert=decision.alert,
            notifications=tuple((case.notifications | changed).values()),
        )
        notification = _notice(case, text.writer)
        person, contact = _owner(text.writer, notification)
        language = notification.language if notification else person.language
        said = self._responses.answered(language, became, begun.unknown_items)
        reply = plan_reply(text.id, contact, person.id, language, said, case.alert, text.at)
        return _ended(kept, begun, reply)

    async def _end_without(self, text: _Text, begun: Begun) -> Heard:
        """End a text whose last answers are of alerts that are gone."""
        became = [
            TextResult(act=act, reason=done.reason, refused=done.refused)
            for act, done in zip(begun.acts, begun.done, strict=True)
        ]
        person, contact = text.writer.owners[0]
        said = self._responses.answered(person.language, became, begun.unknown_items)
        reply = plan_reply(text.id, contact, person.id, person.language, said, None, text.at)
        for _ in range(ATTEMPTS):
            kept = await self._phones.memory(text.writer.number, text.at)
            if text.id in kept.line.heard:
                raise _AlreadyHeardError
            heard, planned = _ended(kept, begun, reply)
            if await self._reply(text, kept, planned, recorded=heard == "recorded"):
                return heard
        raise StoreError("the line of a phone changes too quickly")

    async def _command(self, text: _Text, act: RecordedAct, case: Case) -> Command:
        notification = _notice(case, text.writer)
        person, _ = _owner(text.writer, notification)
        if act.said == "escalate":
            return EscalateNow(person=person.id, coded=act.coded)
        to = await self._delegate(act.to, case.alert.region) if act.said == "delegated" else ""
        if act.said == "help":
            raise AssertionError("help is no answer")
        return Answer(
            person=person.id,
            says=act.said,
            via="sms",
            to=to,
            notification=notification.id if notification else "",
            coded=act.coded,
            confirmed=act.confirmed,
        )

    async def _delegate(self, written: str, region: str) -> str:
        """Return the id of who is meant: a person, else the first who bears that role at the region; empty: nobody."""
        directory = await self._books.directory()
        people = [person.id for person in directory.contents.people if bare(person.id) == written]
        if people:
            return people[0] if len(people) == 1 else ""
        posts: list[Assignment | Duty] = [*directory.contents.assignments, *directory.contents.roster]
        role = next((p.role for p in posts if p.region == region and bare(p.role) == written), "")
        now = self._clock.now()
        bearers = [person for person, _ in directory.occupants(region, role, now)] if role else []
        usable = [person for person in bearers if directory.unusable(person, now, {}) is None]
        return next(iter([*usable, *bearers]), "")

    # --- replies -------------------------------------------------------------------------------------------------

    async def _respond(
        self, text: _Text, kept: KeptConversation, outcome: UnusableText | Confirmed
    ) -> Heard | None:
        """Write the reply to a text that answered nothing; None where the phone's line was changed meanwhile."""
        person, contact = text.writer.owners[0]
        if isinstance(outcome, UnusableText):
            heard: Heard = "turned" if kept.line.speaks else "muted"
            said = self._responses.turned(person.language, outcome, await self._regions(kept, outcome))
        else:
            heard = "verified"
            said = self._responses.verified(person.language, waits=outcome == "waits")
        reply = plan_reply(text.id, contact, person.id, person.language, said, None, text.at)
        planned = None if heard == "muted" else reply
        written = await self._reply(text, kept, planned, recorded=heard == "verified")
        return heard if written else None

    async def _reply(
        self,
        text: _Text,
        kept: KeptConversation,
        planned: PlannedReply | None,
        *,
        recorded: bool,
        noted: _Noted | None = None,
    ) -> bool:
        """Write the reply to a text and that it was heard; False where the phone's line was changed meanwhile."""
        puts, plans = self._memory(text, kept, planned, recorded=recorded)
        more = noted or _Noted()
        written = await self._store.write(
            Write(
                name="reply",
                puts=(*puts, *more.of(Put)),
                plans=(*plans, *more.of(Plan)),
                appends=more.of(Append),
            )
        )
        committed = isinstance(written, Committed)
        self._metrics.commit("reply", "committed" if committed else "conflict")
        if committed:
            self._count(planned)
        return committed

    async def _regions(self, kept: KeptConversation, turned: UnusableText) -> dict[str, str]:
        """Return the regions of the codes that could be meant, of those that stand for one alert."""
        regions = {}
        for code in turned.codes:
            told = kept.line.by_code(code)
            case = await self._desk.case(told.alerts[0]) if told and len(told.alerts) == 1 else None
            if case is not None:
                regions[code] = case.alert.region
        return regions

    def _count(self, planned: PlannedReply | None) -> None:
        if planned is not None:
            self._metrics.notification(planned.notification)

    def _memory(
        self, text: _Text, kept: KeptConversation, planned: PlannedReply | None, *, recorded: bool
    ) -> tuple[Sequence[Put], Sequence[Plan]]:
        """Return what is written with every text: that it was heard, and its reply."""
        line = self._phones.put(text.writer.number, kept, hear(kept.line, text.id, recorded=recorded))
        return ((line, planned.put), (planned.plan,)) if planned else ((line,), ())


class _Noted:
    """What is written beside the reply to a text: records, requests for own alerts, entries of the audit."""

    def __init__(self, *parts: Put | Plan | Append) -> None:
        self._parts = parts

    def of(self, kind: type[T]) -> tuple[T, ...]:
        """Return the parts of a kind."""
        return tuple(part for part in self._parts if isinstance(part, kind))


def _audited(what: Literal["stop_asked", "code_guessed"], text: _Text) -> Append:
    """Return the entry of the audit that names the contact from which a text seems to come."""
    owner, contact = text.writer.owners[0]
    by = Credential("phone", contact.id, owner.id)
    return append_audit(AuditEntry(text.at, what, contact.id, by=str(by)))


def _phone(text: _Text, case: Case) -> Credential:
    """Return the credential of a text: the contact that the alert's notice went to, with its owner."""
    person, contact = _owner(text.writer, _notice(case, text.writer))
    return Credential("phone", contact.id, person.id)


def _international(sender: str) -> str | None:
    """Return a number as `+` and digits, as the directory has it; gateways write 62811..., 0811... or +62811..."""
    digits = sender.strip()
    if digits.startswith("62"):
        digits = f"+{digits}"
    try:
        number = phonenumbers.parse(digits[:40], HOME)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _owner_of(notice: Notification, number: str) -> tuple[Person, Contact]:
    """Return whose a phone was to which a notice went, though the directory does not have it any more."""
    contact = Contact(id=notice.contact, channel="sms", value=number, verified=False)
    return Person(id=notice.person, language=notice.language), contact


def _by_number(directory: Directory) -> dict[str, list[tuple[Person, Contact]]]:
    found: dict[str, list[tuple[Person, Contact]]] = {}
    for person in directory.contents.people:
        for contact in person.contacts:
            if contact.channel == "sms":
                found.setdefault(contact.value, []).append((person, contact))
    return found


def _notice(case: Case, writer: _Writer) -> Notification | None:
    """Return the newest notice of the alert to that phone, one that asks to act before one that informs."""
    contacts = {contact.id for _, contact in writer.owners}
    notices = [n for n in case.notifications.values() if n.contact in contacts and n.kind in NOTICES]
    return max(notices, key=lambda n: (not n.informing, n.planned_at, n.id), default=None)


def _owner(writer: _Writer, notification: Notification | None) -> tuple[Person, Contact]:
    """Return whom the notice went to; where the number is somebody else's by now, whose it is."""
    contact_id = notification.contact if notification else ""
    return next((owner for owner in writer.owners if owner[1].id == contact_id), writer.owners[0])


def _ended(kept: KeptConversation, begun: Begun, reply: PlannedReply) -> tuple[Heard, PlannedReply | None]:
    """Return what became of a text whose answers are all carried out, and its reply where the phone gets one."""
    if any(not done.refused and done.reason != AGAIN for done in begun.done):
        return "recorded", reply
    return ("refused", reply) if kept.line.speaks else ("muted", None)


def _still_to_do(kept: KeptConversation, begun: Begun) -> None:
    """Raise where the next answer of a text, or all of it, was carried out since: the same text came in twice."""
    if begun.text in kept.line.heard:
        raise _AlreadyHeardError
    stored = kept.line.begun_of(begun.text)
    if stored is not None and len(stored.done) > len(begun.done):
        raise _CarriedOutError(stored)
