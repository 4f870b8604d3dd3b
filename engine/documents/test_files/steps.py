"""The acts of a policy test: what people, gateways and the desk do at an instant.

Specification: docs/specification/tests.md#policy-tests.

Here: one entry under `timeline` to a value. Not here: doing it (`simulation.run_steps`) and what is expected
(`documents.test_files.policy_tests`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, cast

import msgspec

from engine.core.alerting.command import Says, Via
from engine.core.alerting.directory import Holding
from engine.core.alerting.policy import Channel, Policy
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.region import RegionTable
from engine.documents.fields import Take, boolean, form_of, identifier, quoted_region, text, word
from engine.documents.finding import Finding, Findings
from engine.documents.policies import inline_policies
from engine.documents.rules.rules import Rules, inline_rules
from engine.documents.silences import Silencing, Unsilencing, silencing, unsilencing
from engine.documents.test_files.occurrence import Naming, Occurrence, occurrences, test_offset
from engine.documents.test_files.rule_tests import ExpectedGroup, down_for, group
from engine.documents.test_files.tested_rules import inline_of
from engine.documents.times import hours, local_instant
from engine.documents.yaml_tree import MappingNode as MarkedMapping
from engine.documents.yaml_tree import Node

SAYS = ("seen", "taken", "delegated", "declined", "resolved", "reopened")
VIA = ("link", "sms", "console", "api", "proxy")
GATEWAY_STATES = ("up", "down", "slow", "refuses")
REPORT_STATES = ("delivered", "failed")
GatewayState = Literal["up", "down", "slow", "refuses"]


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """A person answers; `phone` is another one than their own, `operator` who types it in for them.

    `confirm`: where closing asks once more, they say yes, with a reason.
    """

    who: str
    says: Says | None
    via: Via
    text: str = ""
    to: str = ""
    phone: str = ""
    operator: str = ""
    confirm: bool = True
    rule: str | None = None
    group: ExpectedGroup = None


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody or something opens the newest link of a person, without answering."""

    who: str
    method: str
    rule: str | None = None
    group: ExpectedGroup = None


class ByHandStep(msgspec.Struct, frozen=True, kw_only=True):
    """An operator resolves, reopens, escalates or comments an alert."""

    does: Literal["resolve", "reopen", "escalate", "comment"]
    who: str
    text: str = ""
    rule: str | None = None
    group: ExpectedGroup = None


class GatewayChange(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway behaves so from now on, towards everybody or one recipient (an address or a person)."""

    name: str
    state: GatewayState
    recipient: str = ""


class ReportStep(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway reports what became of the newest message of a person on a channel."""

    who: str
    channel: Channel
    state: Literal["delivered", "failed"]


class Assign(msgspec.Struct, frozen=True, kw_only=True):
    """A person comes to hold a position."""

    region: str
    role: str
    person: str
    status: Holding


class OnDuty(msgspec.Struct, frozen=True, kw_only=True):
    """A person is on duty for a position."""

    region: str
    role: str
    person: str
    since: Instant | None
    until: Instant | None


class ContactStep(msgspec.Struct, frozen=True, kw_only=True):
    """A contact of a person changes; None leaves as it is."""

    person: str
    channel: Channel
    verified: bool | None = None
    value: str | None = None
    quiet_hours: str | None = None


class Restarting(msgspec.Struct, frozen=True, kw_only=True):
    """The service stops and starts again so much later."""

    down_for: Millis


class Reloading(msgspec.Struct, frozen=True, kw_only=True):
    """Other rules or policies are put in force; None leaves them as they are."""

    rules: Rules | None
    policies: tuple[Policy, ...] | None
    unusable: tuple[Finding, ...] = ()


class ClockJump(msgspec.Struct, frozen=True, kw_only=True):
    """The wall clock is set, while no time passes."""

    jump: Millis


AnyStep = (
    Answering
    | Fetch
    | ByHandStep
    | GatewayChange
    | ReportStep
    | Assign
    | OnDuty
    | ContactStep
    | Silencing
    | Unsilencing
    | Restarting
    | Reloading
    | ClockJump
)


class TestStep(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a timeline: an event that is received, or something done, at an offset. `name` is its key."""

    at: Millis
    name: str
    deed: AnyStep | Occurrence


def acts(node: Node, findings: Findings, naming: Naming, regions: RegionTable) -> tuple[TestStep, ...]:
    """Take one entry; an event that repeats is several acts."""
    form = form_of(node, findings)
    at = form.require("at", test_offset, 0)
    if "event" in form:
        found = form.read("event", form_of, None)
        events = tuple(occurrences(found, findings, naming, at=at)) if found is not None else ()
        if found is not None:
            found.close()
        form.close()
        return tuple(TestStep(at=one.arrives, name="event", deed=one) for one in events)
    for name, read in _DEEDS.items():
        if name in form:
            deed = form.read(name, partial(read, regions), None)
            form.close()
            return () if deed is None else (TestStep(at=at, name=name, deed=deed),)
    form.close(also=("event", *_DEEDS))
    findings.add("required", form.mark, key="event")
    return ()


def _answer(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    form = form_of(node, findings)
    answering = Answering(
        who=form.require("who", text, ""),
        says=cast("Says | None", form.read("says", word(*SAYS), None)),
        via=cast("Via", form.read("via", word(*VIA), "link")),
        text=form.read("text", text, ""),
        to=form.read("to", text, ""),
        phone=form.read("from", text, ""),
        operator=form.read("by", text, ""),
        confirm=form.read("confirm", boolean, default=True),
        rule=form.read("rule", text, None),
        group=form.read("group", group, None),
    )
    form.close()
    if answering.says is None and not (answering.text and answering.via == "sms"):
        findings.add("required", form.mark, key="says")
    return answering


def _fetch(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    form = form_of(node, findings)
    fetch = Fetch(
        who=form.require("who", text, ""),
        method=form.read("method", word("GET", "HEAD"), "GET"),
        rule=form.read("rule", text, None),
        group=form.read("group", group, None),
    )
    form.close()
    return fetch


def _post(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    form = form_of(node, findings)
    answering = Answering(
        who=form.require("who", text, ""),
        says=cast("Says", form.read("says", word(*SAYS), "taken")),
        via="link",
        to=form.read("to", text, ""),
        confirm=form.read("confirm", boolean, default=True),
        rule=form.read("rule", text, None),
        group=form.read("group", group, None),
    )
    form.close()
    return answering


def _withdraw(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    """Take `{who, via}`: who closed the alert takes that back."""
    form = form_of(node, findings)
    answering = Answering(
        who=form.require("who", text, ""),
        says="reopened",
        via=cast("Via", form.read("via", word(*VIA), "link")),
        operator=form.read("by", text, ""),
        rule=form.read("rule", text, None),
        group=form.read("group", group, None),
    )
    form.close()
    return answering


def _by_hand(
    does: Literal["resolve", "reopen", "escalate", "comment"],
) -> Callable[[RegionTable, Node, Findings], AnyStep]:
    def read(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
        form = form_of(node, findings)
        by_hand = ByHandStep(
            does=does,
            who=form.require("who", text, ""),
            text=form.read("text", text, "") if does == "comment" else "",
            rule=form.read("rule", text, None),
            group=form.read("group", group, None),
        )
        form.close()
        return by_hand

    return read


def _gateway(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    form = form_of(node, findings)
    change = GatewayChange(
        name=form.require("name", text, ""),
        state=cast("GatewayState", form.require("state", word(*GATEWAY_STATES), "up")),
        recipient=form.read("recipient", text, ""),
    )
    form.close()
    return change


def _report(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    form = form_of(node, findings)
    report = ReportStep(
        who=form.require("who", text, ""),
        channel=cast("Channel", form.read("channel", word("sms", "email", "webhook"), "sms")),
        state=cast("Literal['delivered', 'failed']", form.require("state", word(*REPORT_STATES), "failed")),
    )
    form.close()
    return report


def _position(node: Node, findings: Findings) -> tuple[str, str]:
    form = form_of(node, findings)
    code: Take[str] = _code
    position = form.require("region", code, ""), form.require("role", identifier, "")
    form.close()
    return position


def _code(node: Node, findings: Findings) -> str:
    return quoted_region(node, findings).text


def _assign(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    form = form_of(node, findings)
    code, role = form.require("position", _position, ("", ""))
    status = form.read("status", word("definitif", "pj", "pjs", "plt", "plh"), "definitif")
    assign = Assign(
        region=code, role=role, person=form.require("person", identifier, ""), status=cast("Holding", status)
    )
    form.close()
    return assign


def _roster(regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    form = form_of(node, findings)
    code, role = form.require("position", _position, ("00", ""))
    local = local_instant(regions.timezone(code))
    duty = OnDuty(
        region=code,
        role=role,
        person=form.require("person", identifier, ""),
        since=form.read("from", local, None),
        until=form.read("until", local, None),
    )
    form.close()
    return duty


def _contact(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    form = form_of(node, findings)
    change = ContactStep(
        person=form.require("person", text, ""),
        channel=cast("Channel", form.require("channel", word("sms", "email", "webhook"), "sms")),
        verified=form.read("verified", boolean, None),
        value=form.read("value", text, None),
        quiet_hours=form.read("quiet_hours", hours, None),
    )
    form.close()
    return change


def _restart(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    return Restarting(down_for=down_for(node, findings))


def _reload(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    """Take `{policies: [...]}`, `{rules: [...]}` (inline both) or the same keys as a file has."""
    form = form_of(node, findings)
    body = inline_of(form)
    if (named := form.node("rules")) is not None and "inline_rules" not in body.pairs:
        key = form.only(["rules"]).pairs["rules"][0]
        body = MarkedMapping({**body.pairs, "inline_rules": (key, named)}, body.mark)
    rules = inline_rules(body) if body.pairs else None
    policies = form.read("inline_policies", inline_policies, None)
    policies = form.read("policies", inline_policies, policies)
    form.close()
    if rules is None and policies is None:
        findings.add("required", form.mark, key="policies")
    return Reloading(
        rules=None if rules is None else rules.value,
        policies=policies,
        unusable=() if rules is None else rules.findings,
    )


def _clock(_regions: RegionTable, node: Node, findings: Findings) -> AnyStep:
    form = form_of(node, findings)
    jump = ClockJump(jump=form.require("jump", test_offset, 0))
    form.close()
    return jump


_DEEDS: Mapping[str, Callable[[RegionTable, Node, Findings], AnyStep]] = {
    "answer": _answer,
    "fetch": _fetch,
    "post": _post,
    "resolve": _by_hand("resolve"),
    "reopen": _by_hand("reopen"),
    "withdraw": _withdraw,
    "escalate": _by_hand("escalate"),
    "comment": _by_hand("comment"),
    "gateway": _gateway,
    "report": _report,
    "assign": _assign,
    "roster": _roster,
    "contact": _contact,
    "silence": silencing,
    "unsilence": unsilencing,
    "restart": _restart,
    "reload": _reload,
    "clock": _clock,
}
