"""A desk with phones: alerts told by SMS over a two-way route, texts that come in, and replies, on a memory store."""

import msgspec

from engine.answers.sms_inbound import Inbound
from engine.answers.verification import Verifications
from engine.clock import ManualClock
from engine.core.alerting.alert import Notification
from engine.core.alerting.budget import UNBOUNDED, Budgets
from engine.core.alerting.command import Open
from engine.core.alerting.decide import open_alert
from engine.core.alerting.directory import Assignment, Contact, Contents, Person
from engine.core.alerting.gateway_route import Route
from engine.core.alerting.policy import Policy, PolicyStep, StepTarget
from engine.core.judging.instant import MINUTE
from engine.core.judging.judgement import Evidence, Opened
from engine.core.judging.rule import Rule
from engine.delivery.dispatcher import Dispatcher
from engine.delivery.gateways import Gateway, Gateways
from engine.delivery.reply_codes import ReplyCodes
from engine.escalation.alert_commands import AlertCommands
from engine.metrics import Metrics
from engine.records.alert_repository import NOTIFICATIONS, OUTBOX, WriteBuilder
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.runtime.keys import Keys
from engine.store.codec import decode
from engine.store.memory import MemoryStore
from engine.texts.render import Renderer
from engine.texts.response import Responses
from engine.texts.sms_profile import Profile
from notifiers.base import Notifier
from notifiers.collecting import Collecting, CollectingSettings
from tests.credentials import OPERATOR
from tests.unit.support.country import NOW, REGIONS
from tests.unit.texts.sample import CATALOGUE, TEMPLATES

KEY = b"a key of tests"
SEKDA, BPBD, POSKO = "+628110000001", "+628110000002", "+628110000003"


def person(name: str, number: str, **more) -> Person:
    """A person with one phone."""
    return Person(id=name, contacts=(Contact(id=f"{name}/sms/1", channel="sms", value=number),), **more)


PEOPLE = (person("sekda-7315", SEKDA), person("bpbd-7315", BPBD, language="en"), person("posko", POSKO))
OFFICES = (
    Assignment(region="73.15", role="sekda", person="sekda-7315"),
    Assignment(region="73.15", role="bpbd", person="bpbd-7315"),
    Assignment(region="00", role="posko_nasional", person="posko"),
)


GATEWAY = Gateway(route=Route(gateway="sms", channel="sms"), profile=Profile(two_way=True), dlr_trust="low")


class Switchboard:
    """All of it. `route` is the gateway, to be told how to behave."""

    def __init__(
        self, people=PEOPLE, offices=OFFICES, gateway=GATEWAY, store: MemoryStore | None = None
    ) -> None:
        self.store = store or MemoryStore()
        self.clock = ManualClock(NOW)
        self.contents = Contents(people=tuple(people), assignments=tuple(offices))
        self.books = RuntimeConfig(
            self.store, namespace="test", regions=REGIONS, kinds={}, rule_set=RuleSet({}, {})
        )
        self.metrics = Metrics()
        self.desk = AlertCommands(self.store, self.clock, self.books, self.metrics)
        self.phones = ReplyCodes(self.store, Keys(KEY))
        self.route = Collecting(CollectingSettings(channel="sms"))
        self.gateways = Gateways(self.store, self.clock, self.metrics, [gateway])
        self.inbound = self.another_inbound()
        self.dispatcher = self.dispatcher_of(sms=self.route)

    def another_inbound(self) -> Inbound:
        """What hears texts, as another process has it: it shares nothing but the store and the clock."""
        books = RuntimeConfig(
            self.store, namespace="test", regions=REGIONS, kinds={}, rule_set=RuleSet({}, {})
        )
        return Inbound(
            self.store,
            self.clock,
            books,
            AlertCommands(self.store, self.clock, books, self.metrics),
            self.metrics,
            phones=self.phones,
            responses=Responses(CATALOGUE, REGIONS),
            verifications=Verifications(self.store, books, Keys(KEY)),
        )

    def dispatcher_of(
        self, *, budgets: Budgets = UNBOUNDED, in_order: bool = True, **notifiers: Notifier
    ) -> Dispatcher:
        """Return a dispatcher that sends by these, by the ids of their gateways; `in_order`: one after the other."""
        return Dispatcher(
            self.store,
            self.clock,
            self.books,
            self.desk,
            self.metrics,
            renderer=Renderer(
                CATALOGUE,
                {},
                REGIONS,
                base_url="https://siaga.example",
                sender="siaga@desk.example",
                templates=TEMPLATES,
            ),
            gateways=self.gateways,
            notifiers=notifiers,
            phones=self.phones,
            key=KEY,
            budgets=budgets,
            in_order=in_order,
        )

    async def open(
        self, ordinal: int = 1, *roles: str, level: int = 3, region: str = "73.15", space: str = "real"
    ) -> str:
        """Open an alert that is told to these roles (none: sekda) and return its id."""
        await self.publish()
        rule = Rule(
            id="uji",
            title="Uji",
            short_title="Uji",
            owner="tests",
            why="",
            guide="",
            escalate="",
            version="1",
        )
        targets = tuple(StepTarget(role=role) for role in roles or ("sekda",))
        evidence = Evidence(
            desk=region, id="e", kind="k", region=region, severity=3, occurred_at=NOW, received_at=NOW
        )
        command = Open(
            rule=rule,
            policy=Policy(
                id="uji",
                steps=(PolicyStep(to=targets, wait=30 * MINUTE), PolicyStep(to=targets, wait=30 * MINUTE)),
            ),
            space=space,
            group=region,
            region=region,
            ordinal=ordinal,
            opened=Opened(ordinal=ordinal, happened_at=self.clock.now(), evidence=(evidence,), level=level),
        )
        decision = open_alert(command, await self.books.surroundings(), self.clock.now(), by=OPERATOR)
        changes = WriteBuilder()
        changes.add([decision], None)
        await self.store.write(changes.write("open"))
        return decision.alert.id

    async def publish(self, **changes) -> None:
        """Put the directory in force, with changes."""
        self.contents = msgspec.structs.replace(self.contents, **changes)
        await self.books.replace_directory(self.contents, self.clock.now(), by=OPERATOR)

    async def send(self, seconds: int = 1) -> None:
        """Let time pass and everything due go out."""
        self.clock.set(self.clock.now() + seconds * 1_000)
        for _ in range(100):
            if not await self.dispatcher.turn():
                return

    async def line(self, number: str):
        """Return what is kept of a phone."""
        kept, _ = await self.phones.read(number, self.clock.now())
        return kept.line

    async def alert(self, alert_id: str):
        return (await self.desk.case(alert_id)).alert

    async def replies(self) -> list[Notification]:
        """Return all replies, oldest first."""
        records = (await self.store.scan(NOTIFICATIONS)).values()
        found = [decode(record.value, Notification) for record in records]
        return sorted((n for n in found if n.kind == "reply"), key=lambda n: (n.planned_at, n.id))

    async def outbox(self) -> dict[str, int]:
        """Return what is planned to be sent, and when."""
        return await self.store.planned(OUTBOX)

    def texts(self, number: str) -> list[str]:
        """Return the texts that went out to a number."""
        return [message.text for message in self.route.accepted if message.to == number]
