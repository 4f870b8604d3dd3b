"""Descriptions of SMS gateways, from `config/adapters/*.yaml` to values: how they are asked, how they report.

Here: the keys of a description. Not here: which gateways an installation has (`documents.gateways`), sending
(`notifiers.sms_http`) and taking in what a gateway brings (`answers.callbacks`). `send` and `balance` stay plain maps,
in the form of the notifier's `Exchange`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import re2

from engine.documents.fields import Form, boolean, form_of, free, list_of, scalar, text, whole, word
from engine.documents.finding import Findings
from engine.documents.loaded import Loaded, load_file
from engine.documents.rules.filters import expression
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode

PLACEHOLDERS = (
    *("url", "user", "password", "sender_id", "to", "number", "text", "id"),
    *("report_url", "callback_secret"),
)
"""What a request may name; `number` is `to` without its plus sign."""
OF_MESSAGE = frozenset(("to", "number", "text", "id"))
REASONS = (
    *("authentication", "throttled", "server_error", "recipient_refused", "content_refused"),
    *("invalid_answer", "misconfigured"),
)
"""Why a gateway may be said to refuse; metric labels."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Authentication(msgspec.Struct, frozen=True, kw_only=True):
    """How a gateway proves itself when it calls: the secret in a `field` or `header` of this name, as the password of
    `basic`, or as the key of an `hmac` over the body in the header `name`, with the header `timestamp` before it.
    """

    by: Literal["field", "header", "basic", "hmac"]
    name: str = ""
    timestamp: str = ""


class ReportDescription(msgspec.Struct, frozen=True, kw_only=True):
    """Where a delivery report says of which message it speaks and what became of that; `each` holds several.

    A message is known by our own id (`notification`), or by the gateway's `reference`.
    """

    state: str
    delivered: tuple[str, ...]
    failed: tuple[str, ...]
    notification: str = ""
    reference: str = ""
    each: str = ""


class InboundDescription(msgspec.Struct, frozen=True, kw_only=True):
    """Where a text that came in says who wrote what; `each` holds several."""

    sender: str
    text: str
    id: str = ""
    each: str = ""


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway brings by calling us."""

    authenticate: Authentication
    reports: ReportDescription | None = None
    inbound: InboundDescription | None = None


class Adapter(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of gateway."""

    send: dict[str, Any] = {}
    balance: dict[str, Any] | None = None
    callback: Callback | None = None


def load_adapter(path: Path) -> Loaded[Adapter]:
    """Load a description."""
    return load_file(path, _adapter, Adapter())


def _adapter(form: Form, _findings: Findings) -> Adapter:
    return Adapter(
        send=form.require("send", partial(_exchange, PLACEHOLDERS, "reference"), {}),
        balance=form.read(
            "balance", partial(_exchange, [p for p in PLACEHOLDERS if p not in OF_MESSAGE], "amount"), None
        ),
        callback=form.read("callback", _callback, None),
    )


# --- requests and answers ---------------------------------------------------------------------------------------------


def _exchange(placeholders: Collection[str], picks: str, node: Node, findings: Findings) -> dict[str, Any]:
    """Take a request and the meaning of its answers; `picks` is the key of what is read out of an accepted one."""
    form = form_of(node, findings)
    fields = partial(_fields, placeholders)
    exchange = {
        "method": form.read("method", word("GET", "POST"), "POST"),
        "url": form.require("url", partial(_template, placeholders), ""),
        "query": form.read("query", fields, {}),
        "headers": form.read("headers", fields, {}),
        "form": form.read("form", fields, None),
        "json": form.read("json", partial(_tree, placeholders), None),
        "accepted": form.read("accepted", _likeness, {}),
        "pick": form.read(picks, _pick, {}),
        "failures": form.read("failures", list_of(_failure), ()),
    }
    form.close()
    if exchange["form"] is not None and exchange["json"] is not None:
        findings.add("two_bodies", form.key_place("json"))
    return exchange


def _template(placeholders: Collection[str], node: Node, findings: Findings) -> str:
    """Take a text in which only known placeholders stand."""
    found = scalar(node, findings)
    for name in _PLACEHOLDER.findall(found.text):
        if name not in placeholders:
            findings.add_choice("unknown_placeholder", found.mark, name, placeholders)
    return found.text


def _fields(placeholders: Collection[str], node: Node, findings: Findings) -> dict[str, str]:
    form = form_of(node, findings)
    return {key: form.read(key, partial(_template, placeholders), "") for key in form}


def _tree(placeholders: Collection[str], node: Node, findings: Findings) -> Any:
    """Take a JSON body as it is written: maps, lists, numbers, `true` and `false`, texts with placeholders."""
    match node:
        case MappingNode():
            return {key: _tree(placeholders, value, findings) for key, (_, value) in node.pairs.items()}
        case SequenceNode():
            return [_tree(placeholders, item, findings) for item in node.items]
        case ScalarNode():
            value = free(node, findings)
            return _template(placeholders, node, findings) if isinstance(value, str) else value


def _likeness(node: Node, findings: Findings) -> dict[str, Any]:
    form = form_of(node, findings)
    found = _like(form)
    form.close()
    return found


def _like(form: Form) -> dict[str, Any]:
    return {
        "status": form.read("status", list_of(whole(100, 599), single=True), ()),
        "body": form.read("body", expression, ""),
        "json": form.read("json", _places, {}),
    }


def _places(node: Node, findings: Findings) -> dict[str, tuple[str, ...]]:
    form = form_of(node, findings)
    return {key: form.read(key, list_of(text, single=True, minimum=1), ()) for key in form}


def _failure(node: Node, findings: Findings) -> dict[str, Any]:
    form = form_of(node, findings)
    failure = _like(form) | {
        "reason": form.require("reason", word(*REASONS), "invalid_answer"),
        "transient": form.read("transient", boolean, default=False),
    }
    form.close()
    return failure


def _picking(node: Node, findings: Findings) -> str:
    """Take a pattern with a group, which is what is picked."""
    pattern = expression(node, findings)
    if re2.compile(pattern).groups < 1:
        raise findings.unusable("not_re2", node.mark, reason="( )")
    return pattern


def _pick(node: Node, findings: Findings) -> dict[str, str]:
    form = form_of(node, findings)
    picked = {
        "json": form.read("json", text, ""),
        "body": form.read("body", _picking, ""),
        "header": form.read("header", text, ""),
    }
    form.close()
    return picked


# --- what a gateway brings --------------------------------------------------------------------------------------------


def _callback(node: Node, findings: Findings) -> Callback | None:
    form = form_of(node, findings)
    authenticate = form.require("authenticate", _authentication, None)
    callback = Callback(
        authenticate=authenticate or Authentication(by="field"),
        reports=form.read("reports", _reports, None),
        inbound=form.read("inbound", _inbound, None),
    )
    form.close()
    return callback


def _authentication(node: Node, findings: Findings) -> Authentication:
    form = form_of(node, findings)
    by = form.require("by", word("field", "header", "basic", "hmac"), "field")
    authentication = Authentication(
        by=cast("Literal['field', 'header', 'basic', 'hmac']", by),
        name=form.read("name", text, "") if by == "basic" else form.require("name", text, ""),
        timestamp=form.read("timestamp", text, ""),
    )
    form.close()
    return authentication


def _reports(node: Node, findings: Findings) -> ReportDescription:
    form = form_of(node, findings)
    states = list_of(text, single=True, minimum=1)
    reporting = ReportDescription(
        state=form.require("state", text, ""),
        delivered=form.require("delivered", states, ()),
        failed=form.require("failed", states, ()),
        notification=form.read("notification", text, ""),
        reference=form.read("reference", text, ""),
        each=form.read("each", text, ""),
    )
    form.close()
    if not (reporting.notification or reporting.reference):
        findings.add("required", form.mark, key="notification")
    return reporting


def _inbound(node: Node, findings: Findings) -> InboundDescription:
    form = form_of(node, findings)
    hearing = InboundDescription(
        sender=form.require("from", text, ""),
        text=form.require("text", text, ""),
        id=form.read("id", text, ""),
        each=form.read("each", text, ""),
    )
    form.close()
    return hearing
