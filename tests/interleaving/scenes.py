"""What is interleaved: a scene is a store at an instant and the writers that have something to do with its record.

A writer is a name, what it does as one process, and what must be so exactly once afterwards.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, get_args

import msgspec

from engine.core.alerting.alert import Notification
from engine.core.alerting.command import Answer, Comment, EscalateNow, PhoneCallMade
from engine.core.alerting.credential import Credential
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.alerting.silence import Match, SilenceWish
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant, next_local
from engine.escalation.internal_alerts import OWN, ask
from engine.people.proposal_records import PROPOSALS, ChangeProposal, End
from engine.people.tokens import TABLE as TOKENS
from engine.people.tokens import Token
from engine.records.alert_repository import ALERTS, CLAIM, NOTIFICATIONS
from engine.records.audit_log import AUDIT, entries
from engine.records.quarantine import QUARANTINE, Quarantined
from engine.records.quarantine_acts import SETTLED
from engine.records.rule_sets import RuleSet
from engine.store.codec import decode, encode
from engine.store.memory import MemoryStore
from engine.store.port import MARK_LENGTH, Put, Write
from tests.interleaving.gate import Seat, until_stopped
from tests.interleaving.process import NATION, NOW, RULES, Process, document, newcomer
from tests.unit.support.country import REGIONS
from tests.unit.support.switchboard import BPBD, SEKDA

ALERT_ENTRIES = ("answered", "also_taken", "answer_refused")
PEOPLE = ("sekda-7315", "bpbd-7315")
CODE = re.compile(r"\b[A-Z][2-9][A-Z]{2}\b")
"""The code of an alert, as an SMS has it."""


class Writer(NamedTuple):
    """`entries` are names of history entries of which the person of the writer has exactly one afterwards.

    `serial`: with another that writes once too, it leaves what the one behind the other leaves. Not so where it tells
    of trouble that somebody else overtook.
    `holds` says whether what it did is in the store, exactly once: asked of a process that settled everything, and the
    number of the one that acted.
    """

    name: str
    act: Callable[[Process], Awaitable[object]]
    entries: tuple[str, ...] = ()
    person: Callable[[int], str] = lambda number: f"op{number}"
    holds: Callable[[Process, int], Awaitable[bool]] | None = None
    serial: bool = True


class Scene(NamedTuple):
    """A record, the store as it is before, the instant, and who writes the record then.

    `derived`: all that is written follows from what was given, so that two runs can be compared byte for byte.
    """

    name: str
    build: Callable[[MemoryStore], Awaitable[None]]
    now: Instant
    writers: tuple[Writer, ...]
    derived: bool = True


def credential(process: Process) -> Credential:
    """Return the credential by which the people at a process act."""
    return Credential("user", f"op{process.number}")


async def alert_of(process: Process, rule: str = "besar") -> str:
    """Return the id of the newest alert of a rule."""
    return next(one.id for one in await process.desk.alerts() if one.rule.id == rule)


async def messages_of(process: Process) -> list[Notification]:
    """Return all messages, by person."""
    found = [decode(one.value, Notification) for one in (await process.store.scan(NOTIFICATIONS)).values()]
    return sorted(found, key=lambda one: (one.person, one.id))


def answer(says: Any, rule: str = "besar") -> Callable[[Process], Awaitable[object]]:
    """Let the person of the process answer the alert of a rule."""

    async def act(process: Process) -> None:
        given = Answer(
            person=PEOPLE[process.number - 1], says=says, via="link", confirmed=True, note_digest="d"
        )
        await process.desk.answer(await alert_of(process, rule), given, by=credential(process))

    return act


def command(
    name: Any, make: Callable[[str], Any], rule: str = "besar"
) -> Callable[[Process], Awaitable[object]]:
    """Let an operator give a command."""

    async def act(process: Process) -> None:
        given = make(f"op{process.number}")
        await process.desk.change(await alert_of(process, rule), given, name, by=credential(process))

    return act


def call_of(operator: str) -> PhoneCallMade:
    """Return that an operator reached the person of their process."""
    return PhoneCallMade(person=PEOPLE[int(operator[2:]) - 1], reached=True, operator=operator)


def report(outcome: Any) -> Callable[[Process], Awaitable[object]]:
    """Let the gateway report on the message to the first person."""

    async def act(process: Process) -> None:
        message = next(one for one in await messages_of(process) if one.kind == "first")
        reason = "undelivered" if outcome == "failed" else ""
        await process.dispatcher.reports.take(message.id, outcome, reason=reason, gateway="sms")

    return act


async def silence(process: Process) -> None:
    """Keep the province quiet from now on, or the regency from later on."""
    now, region = process.clock.now(), ("73", "73.15")[process.number - 1]
    since = now + (process.number - 1) * MINUTE
    await process.silences.make(
        Match(region=(region,)), since=since, until=now + HOUR, reason="uji", by=credential(process)
    )


async def end_silence(process: Process) -> None:
    """End the silence that was made first."""
    kept = await process.silences.list()
    await process.silences.end(kept[0].id, by=credential(process))


async def directory(process: Process) -> None:
    """Add a person to the directory."""
    await process.books.amend_directory(
        lambda before: msgspec.structs.replace(before, people=(*before.people, newcomer(process.number))),
        process.clock.now(),
        credential(process),
    )


async def dispatch_failing(process: Process) -> None:
    """Send what is due over a gateway that refuses the first person."""
    process.route.become("refuses", SEKDA)
    await process.dispatcher.turn()


async def put_off(process: Process) -> None:
    """Work on the due alerts raises: they are put off."""

    async def raises() -> None:
        raise ValueError("a policy that cannot be")

    for alert, at in await process.store.due(ALERTS, process.clock.now(), 10):
        await process.setbacks.spare_others(alert, raises(), planned=at)


async def approve(process: Process) -> None:
    """Approve what waits."""
    for one in await process.proposals.waiting():
        await process.proposals.approve(one.id, credential(process), one.base)


async def reject(process: Process) -> None:
    """Reject what waits."""
    for one in await process.proposals.waiting():
        await process.proposals.reject(one.id, credential(process), "belum perlu")


async def withdraw(process: Process) -> None:
    """Withdraw what one proposed."""
    for one in await process.proposals.waiting():
        await process.proposals.reject(one.id, one.by, "")


async def reopen(process: Process) -> None:
    """Open an alert again that was closed, as an operator."""
    given = Answer(
        person=f"op{process.number}", says="reopened", via="console", is_operator=True, note_digest="d"
    )
    for one in await closed(process):
        await process.desk.answer(one, given, by=credential(process))


async def take_back(process: Process) -> None:
    """Take the closing back, as who closed it."""
    given = Answer(person=PEOPLE[0], says="reopened", via="link", note_digest="d")
    for one in await closed(process):
        await process.desk.answer(one, given, by=credential(process))


async def closed(process: Process) -> list[str]:
    """Return the first alert of the group that was closed."""
    return [one.id for one in await process.desk.alerts() if one.rule.id == "besar" and one.ordinal == 1]


def text(words: str, id_: str = "t{number}") -> Callable[[Process], Awaitable[object]]:
    """Let an SMS come in from the person of the process, with the code of the phone."""

    async def act(process: Process) -> None:
        place = process.number - 1 if "{number}" in id_ else 0
        told = [
            one.rendered.text
            for one in await messages_of(process)
            if one.person == PEOPLE[place] and one.rendered
        ]
        code = next(found[0] for one in told if (found := CODE.findall(one)))
        said = words.format(code=code)
        await process.inbound.hear((SEKDA, BPBD)[place], said, gateway_id=id_.format(number=process.number))

    return act


async def disown(process: Process) -> None:
    """Take out what the token brought."""
    await process.disowning.carry_out("curian", 0, by=credential(process))


async def another_of_the_token(process: Process) -> None:
    """Let another event of the token come in, and judge it."""
    await process.receive((f"T{process.number}", "conflict.clash"), token="token:curian")
    await process.judge()


async def request(process: Process) -> None:
    """Ask for one of Siaga's own alerts."""
    plan = ask(InternalAlertRequest("dead_letter"), process.clock.now())
    await process.store.write(Write(name="put_off", plans=(plan,)))


async def resolve_own(process: Process) -> None:
    """Resolve Siaga's own alert, and ask for it again."""
    given = Answer(
        person="posko", says="resolved", via="api", is_operator=True, confirmed=True, note_digest="d"
    )
    alert = await alert_of(process, "siaga.dead_letter")
    await process.desk.answer(alert, given, by=credential(process))
    await request(process)


async def asked_and_opened(process: Process) -> None:
    """Ask for one of Siaga's own alerts, and open it."""
    await request(process)
    await process.own_alerts.turn()


async def resubmit(process: Process) -> None:
    """Take the report out of quarantine."""
    for id_ in await process.store.scan(QUARANTINE):
        await process.intake.resubmit(id_, document(), NATION)


async def judge_another(process: Process) -> None:
    """Let a report come in that concerns the alert, and judge it."""
    await process.receive((f"M{process.number}", "conflict.clash"))
    await process.judge()


async def another_report(process: Process) -> None:
    """Submit another report that goes into quarantine."""
    await process.submit(id="Q2", occurred_at="2024-11-27T09:30:00")


async def revoke(process: Process) -> None:
    """Revoke all tokens."""
    for token in await process.tokens.list():
        await process.tokens.revoke(token.id, by=credential(process))


async def rotate(process: Process) -> None:
    """Rotate the first token."""
    await process.tokens.rotate((await process.tokens.list())[0].id, HOUR, by=credential(process))


NEW_PHONE = "+628110000077"
SEKDA_ID, NEW_CONTACT = "sekda-7315", "sekda-7315/sms/2"
ADDED_BY = Credential("user", "op0")


async def change_in(process: Process) -> ChangeProposal:
    """Return the change of a contact, decided or not."""
    kept = (await process.store.scan(PROPOSALS)).values()
    return max((decode(one.value, ChangeProposal) for one in kept), key=lambda one: one.at)


async def approve_contact(process: Process) -> None:
    """Approve the change of a contact."""
    change = await change_in(process)
    await process.proposals.approve(change.id, credential(process), "")


async def reject_contact(process: Process) -> None:
    """Reject the change of a contact."""
    change = await change_in(process)
    await process.proposals.reject(change.id, credential(process), "uji")


async def object_to_contact(process: Process) -> None:
    """Object to the change of a contact, by the link of its notice."""
    change = await change_in(process)
    await process.proposals.contacts.object(change.id, Credential("link", f"l{process.number}", SEKDA_ID))


async def contact_coded(process: Process) -> None:
    """Let the code of the new contact come back."""
    found = (await process.books.directory()).contact(NEW_CONTACT)
    if found is not None and not found.verified:
        await process.proposals.contacts.code_came_back(found, ADDED_BY, ADDED_BY)


async def remove_new_contact(process: Process) -> None:
    """Remove the new contact."""
    found = (await process.books.directory()).contact(NEW_CONTACT)
    if found is not None:
        await process.proposals.contacts.take_away(found, "removed", credential(process))


# --- what holds afterwards ------------------------------------------------------------------------------------------


async def is_listed(process: Process, number: int) -> bool:
    """Say whether the silence of a process is kept, once."""
    return [one.author for one in await process.silences.list()].count(f"user:op{number}") == 1


async def is_ended(process: Process, _number: int) -> bool:
    """Say whether the silence that was there at first has ended, and who ended it stands in the audit."""
    first = next(one for one in await process.silences.list() if one.author == "user:op0")
    return first.until <= process.clock.now() and first.ended_by != ""


async def is_known(process: Process, number: int) -> bool:
    """Say whether the person that a process added is in the directory, once."""
    people = [one.id for one in (await process.books.directory()).contents.people]
    return people.count(newcomer(number).id) == 1


async def is_open(process: Process, _number: int) -> bool:
    """Say whether one of Siaga's own alerts is unresolved, and the request is settled."""
    own = [one for one in await process.desk.alerts() if one.rule.id == "siaga.dead_letter"]
    return sum(one.unresolved for one in own) == 1 and not await process.store.planned(OWN)


async def is_judged(process: Process, number: int) -> bool:
    """Say whether the report that a process took in counts in one alert, once."""
    evidence = [e.id for one in await process.desk.alerts() for e in one.evidence]
    joined = [
        str(entry.details["event"])
        for one in await process.desk.alerts()
        for entry in await process.desk.history(one.id)
        if entry.name == "joined"
    ]
    return max(evidence.count(f"M{number}"), joined.count(f"M{number}")) == 1


async def is_sent_again(process: Process, _number: int) -> bool:
    """Say whether the report left the quarantine, once, and came into the stream once."""
    events = [value for entry in await process.store.read("0-0", 100) for value in entry.values]
    ids = [msgspec.json.decode(value)["id"] for value in events if b'"Q1"' in value]
    return ids == ["Q1"] and len(await process.store.log(SETTLED)) == 1


async def is_aside(process: Process, _number: int) -> bool:
    """Say whether the other report is in quarantine, once."""
    kept = [decode(one.value, Quarantined) for one in (await process.store.scan(QUARANTINE)).values()]
    return [one.event_id for one in kept].count("Q2") == 1


async def is_revoked(process: Process, _number: int) -> bool:
    """Say whether the tokens that were there are revoked."""
    tokens = await process.tokens.list()
    return sum(one.revoked_at is not None for one in tokens) >= 2


async def is_decided(process: Process, _number: int) -> bool:
    """Say whether what waited is decided, once, and changed what it was to change exactly if it was approved."""
    decided = (await process.proposals.page(lambda _one: True, 50, decided=True)).proposals
    steps = [msgspec.json.decode(entry[MARK_LENGTH:])[1:3] for entry in await process.store.log(AUDIT)]
    ends = [subject for what, subject in steps if what == "proposal" and not subject.endswith("/proposed")]
    made = [one for one in await process.silences.list() if one.reason == "usulan"]
    rules = sum(entry.type != "events" for entry in await process.store.read("0-0", 100))
    changed = rules if decided and decided[0].subject.rule_set else len(made)
    return (
        not await process.proposals.waiting()
        and len(decided) == 1
        and len(ends) == 1
        and ends[0].endswith(decided[0].state)
        and changed == (decided[0].state == "approved")
        and not await process.store.planned(PROPOSALS)
    )


async def is_reopened_once(process: Process, _number: int) -> bool:
    """Say whether the closing was taken back, once, unless another alert of the group had opened."""
    (first,) = await closed(process)
    names = [entry.name for entry in await process.desk.history(first)]
    others = [one for one in await process.desk.alerts() if one.rule.id == "besar" and one.ordinal > 1]
    return names.count("reopened") == (0 if others else 1)


async def is_over(process: Process, _number: int) -> bool:
    """Say whether no alert stands on a report that was refuted."""
    return not any(
        one.unresolved and {e.id for e in one.evidence} == {"E1"} for one in await process.desk.alerts()
    )


async def is_heard(process: Process, number: int) -> bool:
    """Say whether each text of the person of a process was dealt with and answered, once."""
    heard = (await process.line((SEKDA, BPBD)[number - 1])).heard
    replies = [one.cause for one in await process.replies() if one.person == PEOPLE[number - 1]]
    return bool(heard) and sorted(heard) == sorted(replies)


async def is_heard_once(process: Process, _number: int) -> bool:
    """Say whether the one text that both processes may get was dealt with and answered, once."""
    return await is_heard(process, 1)


async def is_stopped(process: Process, number: int) -> bool:
    """Say whether the phone of the process is kept for awas alone, and its text was answered once."""
    found = (await process.books.directory()).contact(f"{PEOPLE[number - 1]}/sms/1")
    return found is not None and found.stopped and await is_heard(process, number)


async def is_disowned(process: Process, _number: int) -> bool:
    """Say whether nothing stands on what the token brought alone, once it is refuted again as by the command."""
    await process.disowning.refute("curian", 0, by=credential(process))
    await process.settle()
    (kept,) = [one for one in await process.tokens.list() if one.id == "curian"]
    return kept.revoked_at is not None and not any(
        one.unresolved and all(e.token == "token:curian" for e in one.evidence)
        for one in await process.desk.alerts()
    )


async def is_decided_once(process: Process, _number: int) -> bool:
    """Say whether each change of a contact was decided at most once, and the directory has what was decided."""
    kept = [decode(one.value, ChangeProposal) for one in (await process.store.scan(PROPOSALS)).values()]
    ends = Counter(
        entry.subject.partition("/")[0]
        for entry in [one async for one in entries(process.store)]
        if entry.what == "proposal" and entry.subject.partition("/")[2] in get_args(End)
    )
    waiting = {one.id for one in kept if one.state == "waiting"}
    planned = [set(await process.store.planned(name)) for name in (PROPOSALS, "proposals_waiting")]
    last, decided = await change_in(process), Counter(one.id for one in kept if one.state != "waiting")
    change, contact = last.subject.contact, None
    if change is not None:
        contact = (await process.books.directory()).contact(change.contact)
    good = True
    if change is not None and change.act == "count" and last.state in ("approved", "unopposed"):
        good = contact is not None and contact.verified
    elif change is not None and change.act == "count" and last.state == "objected":
        good = contact is None
    elif change is not None and change.is_done:
        back = last.state in ("objected", "rejected", "withdrawn")
        good = (contact is not None and contact.verified) == back
    return good and ends == decided and planned == [waiting, waiting]


# --- stores ---------------------------------------------------------------------------------------------------------


async def told(store: MemoryStore) -> None:
    """An alert is open, nobody is told yet, and a further report waits to be judged."""
    first = Process(store)
    await first.publish()
    await first.receive(("E1", "conflict.clash"))
    await first.judge()
    await first.receive(("E2", "conflict.clash"))


async def due(store: MemoryStore) -> None:
    """People were told and the wait of the first step is over."""
    await told(store)
    await Process(store).dispatcher.turn()


async def claimed(store: MemoryStore) -> None:
    """A process died between its claim of two messages and their sending; the claim is over."""
    await told(store)
    seat = Seat(store, stop_at=2)
    sends = asyncio.create_task(Process(seat).dispatcher.turn())
    await until_stopped(sends, seat)
    sends.cancel()


async def covered(store: MemoryStore) -> None:
    """The same, and a silence that concerns the alert begins now."""
    await due(store)
    since = NOW + 30 * MINUTE
    await Process(store).silences.make(
        Match(region=("73",)), since=since, until=since + HOUR, reason="uji", by=credential(Process(store))
    )


async def hidden(store: MemoryStore) -> None:
    """An alert is hidden by one that was resolved right now."""
    first = Process(store)
    await first.publish()
    await first.receive(("E1", "conflict.clash"))
    await first.judge()
    await first.receive(("K1", "neutrality.asn"))
    await first.judge()
    given = Answer(person="posko", says="resolved", via="api", is_operator=True)
    await first.desk.answer(await alert_of(first), given, by=credential(first))
    await first.receive(("K2", "neutrality.asn"))


async def own(store: MemoryStore) -> None:
    """One of Siaga's own alerts is open, and asked for again."""
    first = Process(store)
    await first.publish()
    await request(first)
    await first.own_alerts.turn()
    await request(first)


async def published(store: MemoryStore) -> None:
    """A directory is in force, and a silence of another province is kept."""
    first = Process(store)
    await first.publish()
    await first.silences.make(
        Match(region=("33",)), since=NOW, until=NOW + HOUR, reason="uji", by=credential(first)
    )


async def contact_added(store: MemoryStore) -> None:
    """A contact was added, and nobody was notified yet."""
    first = Process(store)
    await first.publish()
    await first.proposals.contacts.add(SEKDA_ID, "sms", NEW_PHONE, ADDED_BY)


async def contact_due(store: MemoryStore) -> None:
    """A contact whose code came back was added a day ago; the other one was notified: it counts now."""
    first = Process(store)
    await first.publish()
    await first.proposals.contacts.add(SEKDA_ID, "sms", NEW_PHONE, ADDED_BY)
    await contact_coded(first)
    await first.dispatcher.turn()


async def contact_removed(store: MemoryStore) -> None:
    """A contact that counted was removed a day ago, and is about to be gone for good."""
    await contact_due(store)
    first = Process(store, NOW + HOUR)
    await approve_contact(first)
    counted = (await first.books.directory()).contact(NEW_CONTACT)
    assert counted is not None
    await first.proposals.contacts.take_away(counted, "removed", ADDED_BY)
    await first.dispatcher.turn()


async def aside(store: MemoryStore) -> None:
    """A report that cannot be read well is in quarantine."""
    await Process(store).submit(occurred_at="2024-11-27T09:30:00")


async def with_tokens(store: MemoryStore) -> None:
    """There are two tokens."""
    first = Process(store)
    await first.tokens.create(("submit",), desks=("*",), by=credential(first))
    await first.tokens.create(("read",), desks=("*",), by=credential(first))


async def over(store: MemoryStore) -> None:
    """An alert was told and closed by the regency's secretary; now its only report is refuted."""
    first = Process(store)
    await first.publish()
    await first.receive(("E1", "conflict.clash"))
    await first.judge()
    await first.dispatcher.turn()
    given = Answer(person=PEOPLE[0], says="resolved", via="link", confirmed=True, note_digest="d")
    await first.desk.answer(await alert_of(first), given, by=credential(first))


async def refuted(store: MemoryStore) -> None:
    """The same, and the refutation waits to be judged."""
    await over(store)
    await Process(store).receive(("R1", "correction"), corrects="E1", verification="refuted", reported_at=NOW)


async def late(store: MemoryStore) -> None:
    """The same as the first, a minute before the wait of its step would have been over."""
    first = Process(store)
    await first.publish()
    await first.receive(("E1", "conflict.clash"))
    await first.judge()
    await first.dispatcher.turn()
    then = Process(store, NOW + 29 * MINUTE)
    given = Answer(person=PEOPLE[0], says="resolved", via="link", confirmed=True, note_digest="d")
    await then.desk.answer(await alert_of(then), given, by=credential(then))


async def due_digest(store: MemoryStore) -> None:
    """Two alerts wait for the evening to be told in one message to each person."""
    first = Process(store)
    await first.publish()
    await first.receive(("L1", "logistics.damaged"))
    await first.judge()


async def claimed_digest(store: MemoryStore) -> None:
    """A process died between its claim of such a message and its sending; the claim is over."""
    await due_digest(store)
    seat = Seat(store, stop_at=2)
    sends = asyncio.create_task(Process(seat, EVENING).dispatcher.turn())
    await until_stopped(sends, seat)
    sends.cancel()


async def next_step(store: MemoryStore) -> None:
    """People were told, and the secretary by a second alert too, of which the message waits."""
    await due(store)
    then = Process(store, NOW + 30 * MINUTE)
    await then.receive(("K1", "neutrality.asn"))
    await then.escalator.turn()
    await then.judge()


async def silence_waits(store: MemoryStore) -> None:
    """A silence of a province waits for a second person."""
    await due(store)
    first = Process(store)
    wish = SilenceWish(match=Match(region=("73",)), until=NOW + HOUR, reason="usulan")
    await first.proposals.propose_silence(wish, credential(first))


async def rules_wait(store: MemoryStore) -> None:
    """Rules wait for a second person."""
    first = Process(store)
    await first.publish()
    await first.judge()
    fewer = {id_: one for id_, one in RULES.items() if id_ != "kecil"}
    await first.proposals.propose_rules(RuleSet(fewer, first.books.rule_set.policies), credential(first))


async def stolen(store: MemoryStore) -> None:
    """A token brought a report that opened an alert, and another one that waits to be judged."""
    first = Process(store)
    await first.publish()
    token = Token(
        id="curian", label="", rights=("submit",), region="73", digest=b"", created_at=NOW, desks=("*",)
    )
    await store.write(Write(name="create_token", puts=(Put(TOKENS, token.id, encode(token)),)))
    await first.receive(("E1", "conflict.clash"), token="token:curian")
    await first.judge()
    await first.dispatcher.turn()
    await first.receive(("E2", "conflict.clash"), token="token:curian")


# --- writers --------------------------------------------------------------------------------------------------------

PERSON = {"entries": ALERT_ENTRIES, "person": lambda number: PEOPLE[number - 1]}


def writers_of(rule: str) -> tuple[Writer, ...]:
    """Return who writes an alert of a rule, whatever its state."""
    return (
        Writer("answer taken", answer("taken", rule), **PERSON),
        Writer("answer declined", answer("declined", rule), **PERSON),
        Writer("answer resolved", answer("resolved", rule), **PERSON),
        Writer(
            "escalate by hand",
            command("escalate", lambda who: EscalateNow(person=who, is_operator=True), rule),
            ("escalated_by_hand", "answer_refused"),
        ),
        Writer(
            "comment",
            command("comment", lambda who: Comment(person=who, note_digest="00"), rule),
            ("commented",),
        ),
        Writer(
            "call",
            command("called", call_of, rule),
            ("called",),
            PERSON["person"],
        ),
        Writer("escalator", lambda process: process.escalator.turn()),
        Writer("escalator lift", lambda process: process.escalator.lift()),
        Writer("evaluator", Process.judge),
        Writer("evaluator with a new report", judge_another, holds=is_judged),
        Writer("dispatcher", lambda process: process.dispatcher.turn()),
        Writer("silence", silence, holds=is_listed),
        Writer("directory", directory, holds=is_known),
    )


SENDING = (Writer("dispatcher, refused", dispatch_failing),)
REPORTED = (
    Writer("report delivered", report("delivered")),
    Writer("report failed", report("failed")),
)
DECIDING = (
    Writer("approval", approve, holds=is_decided),
    Writer("rejection", reject, holds=is_decided),
    Writer("withdrawal", withdraw, holds=is_decided),
)
EVENING = next_local(("18:00",), REGIONS.timezone("73.15"), NOW)
SCENES = (
    Scene("a message that is due", told, NOW, (*writers_of("besar"), *SENDING)),
    Scene(
        "messages that a dead process had claimed",
        claimed,
        NOW + CLAIM,
        (
            *writers_of("besar"),
            *SENDING,
            *REPORTED,
            Writer("recover", lambda process: process.dispatcher.recover()),
        ),
    ),
    Scene(
        "an alert whose step is over",
        due,
        NOW + 30 * MINUTE,
        (*writers_of("besar"), *REPORTED, Writer("put off", put_off, serial=False)),
    ),
    Scene(
        "an alert that a silence begins to cover",
        covered,
        NOW + 30 * MINUTE,
        (*writers_of("besar"), Writer("end of the silence", end_silence, holds=is_ended)),
    ),
    Scene("an alert that is hidden no more", hidden, NOW, writers_of("kecil")),
    Scene(
        "one of Siaga's own alerts",
        own,
        NOW + 1,
        (
            Writer("request", request, holds=is_open),
            Writer("opening", lambda process: process.own_alerts.turn()),
            Writer("resolved and requested", resolve_own, holds=is_open),
            Writer("silence", silence, holds=is_listed),
        ),
    ),
    Scene(
        "the directory and the silences",
        published,
        NOW,
        (
            Writer("directory", directory, holds=is_known),
            Writer("silence", silence, holds=is_listed),
            Writer("end of the silence", end_silence, holds=is_ended),
            Writer("evaluator with a new report", judge_another, holds=is_judged),
            Writer("request and opening", asked_and_opened, holds=is_open),
        ),
    ),
    Scene(
        "a report in quarantine",
        aside,
        NOW,
        (
            Writer("resubmit", resubmit, holds=is_sent_again),
            Writer("the same report", lambda process: process.submit(occurred_at="2024-11-27T09:30:00")),
            Writer("another report", another_report, holds=is_aside),
        ),
    ),
    Scene(
        "a contact that was added",
        contact_added,
        NOW,
        (
            Writer("code", contact_coded, holds=is_decided_once),
            Writer("objection", object_to_contact, holds=is_decided_once),
            Writer("rejection", reject_contact, holds=is_decided_once),
            Writer("dispatcher", lambda process: process.dispatcher.turn()),
        ),
    ),
    Scene(
        "a contact that counts now",
        contact_due,
        NOW + DAY,
        (
            Writer("approval", approve_contact, holds=is_decided_once),
            Writer("objection", object_to_contact, holds=is_decided_once),
            Writer("timer", lambda process: process.proposals.turn(), holds=is_decided_once),
            Writer("rejection", reject_contact, holds=is_decided_once),
            Writer("removal", remove_new_contact, holds=is_decided_once),
            Writer("directory", directory, holds=is_known),
        ),
    ),
    Scene(
        "a contact whose removal is final now",
        contact_removed,
        NOW + HOUR + DAY,
        (
            Writer("approval", approve_contact, holds=is_decided_once),
            Writer("objection", object_to_contact, holds=is_decided_once),
            Writer("timer", lambda process: process.proposals.turn(), holds=is_decided_once),
            Writer("rejection", reject_contact, holds=is_decided_once),
            Writer("directory", directory, holds=is_known),
        ),
    ),
    Scene(
        "tokens",
        with_tokens,
        NOW,
        (Writer("revoke", revoke, holds=is_revoked), Writer("rotate", rotate)),
        derived=False,
    ),
    Scene(
        "a silence that waits for a second person",
        silence_waits,
        NOW,
        (
            *DECIDING,
            Writer("end of what was not decided", lambda process: process.proposals.turn()),
            Writer("escalator lift", lambda process: process.escalator.lift()),
            Writer("evaluator with a new report", judge_another, holds=is_judged),
        ),
    ),
    Scene(
        "rules that wait for a second person",
        rules_wait,
        NOW,
        (*DECIDING, Writer("evaluator", Process.judge), Writer("directory", directory, holds=is_known)),
    ),
    Scene(
        "a closed alert whose report is refuted",
        refuted,
        NOW,
        (
            Writer("reopening", reopen, holds=is_over, serial=False),
            Writer("taking back", take_back, holds=is_over, serial=False),
            *(one for one in writers_of("besar") if not one.name.startswith("answer")),
        ),
    ),
    Scene(
        "a closing that is taken back when its step is over",
        late,
        NOW + 30 * MINUTE,
        (
            Writer("taking back", take_back, holds=is_reopened_once),
            *(one for one in writers_of("besar") if not one.name.startswith("answer")),
            *REPORTED,
        ),
    ),
    Scene("a digest that is due", due_digest, EVENING, (*writers_of("ringkas-1"), *SENDING)),
    Scene(
        "a digest that a dead process had claimed",
        claimed_digest,
        EVENING + CLAIM,
        (
            *writers_of("ringkas-1"),
            *SENDING,
            Writer("recover", lambda process: process.dispatcher.recover()),
        ),
    ),
    Scene(
        "texts and links of one alert",
        due,
        NOW + 30 * MINUTE,
        (
            Writer("text taken", text("TERIMA {code}"), holds=is_heard, serial=False),
            Writer("text declined", text("BUKAN {code}"), holds=is_heard, serial=False),
            Writer("text resolved", text("SELESAI {code} YA"), holds=is_heard, serial=False),
            Writer("text escalates", text("NAIK {code}"), holds=is_heard, serial=False),
            Writer("one text twice", text("TERIMA {code}", "t0"), holds=is_heard_once, serial=False),
            Writer("wrong code", text("TERIMA A2AA"), holds=is_heard, serial=False),
            *(one for one in writers_of("besar") if one.name not in ("comment", "call", "directory")),
        ),
    ),
    Scene(
        "a phone that asks for no more messages",
        next_step,
        NOW + 30 * MINUTE,
        (
            Writer("stop", text("STOP {code}"), holds=is_stopped, serial=False),
            Writer("one stop twice", text("STOP {code}", "t0"), holds=is_heard_once, serial=False),
            Writer("stop without a code", text("STOP"), holds=is_heard, serial=False),
            *(one for one in writers_of("besar") if one.name not in ("comment", "call")),
            *SENDING,
        ),
    ),
    Scene(
        "a token that is disowned",
        stolen,
        NOW,
        (
            Writer("disowning", disown, holds=is_disowned, serial=False),
            Writer("evaluator with another report of the token", another_of_the_token),
            *(one for one in writers_of("besar") if one.name not in ("comment", "call", "directory")),
        ),
    ),
)
