"""The gateways of an installation, from `config/gateways.yaml` to values, and what each route carries.

Specification: docs/specification/escalation.md#gateways.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, cast

import msgspec

from engine.core.alerting.policy import Channel
from engine.core.judging.instant import MINUTE, SECOND, Millis, format_duration
from engine.documents.adapters import Adapter, load_adapter
from engine.documents.fields import Form, boolean, form_of, identifier, list_of, number, text, whole, word
from engine.documents.finding import Findings
from engine.documents.loaded import Loaded, load_file
from engine.documents.times import duration
from engine.documents.yaml_tree import Node

Trust = Literal["none", "low", "high"]
TRUSTS: tuple[Trust, ...] = ("none", "low", "high")
_RATE = re.compile(r"([1-9]\d{0,5})/(s|m)", re.ASCII)


class Rate(NamedTuple):
    """At most so many within so many milliseconds."""

    at_most: int
    within: Millis


class RouteProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a route carries. `dlr_trust` None: what the channel has by itself; `dlr_timeout` in milliseconds.

    `sender_id` is the name that messages come from, where the gateway wants to be told. `rate` is how many messages may
    go within how many milliseconds (None: any).
    """

    two_way: bool = False
    concat: bool = False
    unicode: bool = False
    url_ok: bool = True
    banned_words: tuple[str, ...] = ()
    dlr_trust: Trust | None = None
    dlr_timeout: Millis = 10 * MINUTE
    sender_id: str = ""
    rate: Rate | None = None


def route_profile(node: Node, findings: Findings) -> RouteProfile:
    """Take a profile."""
    form = form_of(node, findings)
    default = RouteProfile()
    sender = form.node("sender_id")
    found = RouteProfile(
        two_way=form.read("two_way", boolean, default.two_way),
        concat=form.read("concat", boolean, default.concat),
        unicode=form.read("unicode", boolean, default.unicode),
        url_ok=form.read("url_ok", boolean, default.url_ok),
        banned_words=form.read("banned_words", list_of(text, single=True), ()),
        dlr_trust=cast("Trust | None", form.read("dlr_trust", word(*TRUSTS), None)),
        dlr_timeout=form.read("dlr_timeout", duration(minimum=MINUTE), default.dlr_timeout),
        rate=form.read("rate", rate, None),
        sender_id="" if getattr(sender, "empty", True) else form.read("sender_id", text, ""),
    )
    form.close()
    return found


def rate(node: Node, findings: Findings) -> Rate:
    """Take a rate: `20/s` or `600/m`."""
    written = text(node, findings)
    found = _RATE.fullmatch(written)
    if found is None:
        raise findings.unusable("not_a_rate", node.mark, text=written)
    return Rate(int(found[1]), SECOND if found[2] == "s" else MINUTE)


ADAPTERS = "adapters"
"""Folder beside the file, in which descriptions stand."""
RESERVED = ("smtp", "outbox-sms", "outbox-email")
"""Names of the gateways that settings make."""
TIMEOUTS: dict[Channel, Millis] = {"sms": 20 * SECOND, "email": 30 * SECOND, "webhook": 10 * SECOND}
CONNECTIONS: dict[Channel, int] = {"sms": 20, "email": 3, "webhook": 40}
LONGEST_ATTEMPT: Millis = 50 * SECOND
"""After a minute another process would take the message over and send it too."""
_ADDRESS = re.compile(r"https?://[^\s/?#]+[^\s?#]*")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)
_SECRETS = ("password", "secret", "token", "key")


class GatewayEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway as the file has it. `password_env` and `callback_env` name variables of the environment.

    `ca_file` names further authorities to trust. `timeout` is in milliseconds, `low_balance` in the gateway's own unit
    (None: nobody is warned). `connections` is how many are open at once, and how many messages it is given at once.
    `private_addresses` lets webhooks go to addresses of private networks.
    """

    id: str
    channel: Channel
    order: int = 1
    prefixes: tuple[str, ...] = ()
    profile: RouteProfile = RouteProfile()
    user: str = ""
    password_env: str = ""
    ca_file: Path | None = None
    timeout: Millis = 0
    connections: int = 1
    host: str = ""
    port: int = 587
    tls: str = "starttls"
    envelope_sender: str = ""
    adapter: Adapter | None = None
    url: str = ""
    callback_env: str = ""
    callback_url: str = ""
    low_balance: float | None = None
    private_addresses: bool = False


Entries = tuple[GatewayEntry, ...]


def load_gateways(path: Path) -> Loaded[Entries]:
    """Load the gateways, with findings of the descriptions they name."""
    return load_file(path, partial(_gateways, path.parent / ADAPTERS), ())


def _gateways(folder: Path, form: Form, _findings: Findings) -> Entries:
    taken = dict.fromkeys(RESERVED, "config/siaga.yaml")

    def entry(node: Node, findings: Findings) -> GatewayEntry:
        item = form_of(node, findings)
        read = _entry(item, folder, findings)
        if read.id in taken:
            findings.add("id_taken", item.place("id"), id=read.id, first=taken[read.id])
        mark = item.place("id")
        taken.setdefault(read.id, f"{mark.source.file}:{mark.line}")
        return read

    return form.require("gateways", list_of(entry), ())


def _entry(form: Form, folder: Path, findings: Findings) -> GatewayEntry:
    channel = cast("Channel", form.require("channel", word("sms", "email", "webhook"), "sms"))
    profile = form.read("profile", route_profile, RouteProfile())
    profile = msgspec.structs.replace(profile, rate=form.read("rate", rate, profile.rate))
    common = GatewayEntry(
        id=form.require("id", identifier, ""),
        channel=channel,
        order=form.read("order", whole(1, 999), 1),
        prefixes=form.read("prefixes", list_of(text, single=True), ()),
        profile=profile,
        user=form.read("user", text, ""),
        ca_file=folder.parent / name if (name := form.read("ca_file", text, "")) else None,
        timeout=form.read("timeout", duration(minimum=SECOND), TIMEOUTS[channel]),
        connections=form.read("connections", whole(1, 50), CONNECTIONS[channel]),
    )
    if common.timeout > LONGEST_ATTEMPT:
        findings.add("timeout_too_long", form.place("timeout"), longest=format_duration(LONGEST_ATTEMPT))
    own = {"sms": _sms, "email": _email, "webhook": _webhook}[channel](form, folder, findings)
    for key in _SECRETS:
        if key in form:
            findings.add("secret_in_file", form.key_place(key), key=key)
    form.close(also=_SECRETS)
    return msgspec.structs.replace(common, **own)


def _sms(form: Form, folder: Path, findings: Findings) -> dict[str, object]:
    name = form.require("adapter", text, "")
    adapter = Adapter()
    if name:
        described = load_adapter(folder / name)
        findings.extend(described.findings)
        adapter = described.value
    calls = adapter.callback is not None
    return {
        "adapter": adapter,
        "url": form.require("url", _address, ""),
        "password_env": form.read("password_env", _variable, ""),
        "callback_env": (form.require if calls else form.read)("callback_env", _variable, ""),
        "callback_url": form.read("callback_url", _address, ""),
        "low_balance": form.read("low_balance", number, None),
    }


def _email(form: Form, _folder: Path, _findings: Findings) -> dict[str, object]:
    return {
        "host": form.require("host", text, ""),
        "port": form.read("port", whole(1, 65_535), 587),
        "tls": form.read("tls", word("starttls", "implicit", "none"), "starttls"),
        "password_env": form.read("password_env", _variable, ""),
        "envelope_sender": form.read("envelope_sender", text, ""),
    }


def _webhook(form: Form, _folder: Path, _findings: Findings) -> dict[str, object]:
    return {
        "password_env": form.require("password_env", _variable, ""),
        "private_addresses": form.read("private_addresses", boolean, default=False),
    }


def _address(node: Node, findings: Findings) -> str:
    found = text(node, findings)
    if not _ADDRESS.fullmatch(found):
        raise findings.unusable("not_an_address", node.mark, text=found)
    return found.rstrip("/")


def _variable(node: Node, findings: Findings) -> str:
    found = text(node, findings)
    if not _VARIABLE.fullmatch(found):
        raise findings.unusable("not_a_variable", node.mark)
    return found
