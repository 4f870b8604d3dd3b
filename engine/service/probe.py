"""Gateways, tried without sending anything: does each answer, and does it know us?

Here: asking the notifiers, and what to do about each reason. Not here: how a gateway is tried (`notifiers`), and
sending (`service.dispatcher`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from engine.service.outlets import Outlet
from engine.service.verdict import Verdict, fault, good, warning
from notifiers.base import DeliveryError, Notifier, Reason
from notifiers.registry import build_one

REMEDIES: Mapping[Reason, str] = {
    "unknown_host": "is its name right, does the server of names (DNS) answer?",
    "refused_connection": "is its address and port right, does it run, does a firewall stand between?",
    "timeout": "does a firewall stand between, is its address right? Ask its operator",
    "tls": "does it offer TLS as set (starttls on 587, implicit on 465)? Does its certificate fit its name? An "
    "authority of your own goes into ca_file",
    "authentication": "check user and password; the password stands in the variable that password_env names",
    "throttled": "it wants to be asked less often; ask its operator",
    "server_error": "look at its own log, or ask its operator",
    "recipient_refused": "its address cannot be written: check host and url",
    "content_refused": "look at its description in config/adapters",
    "invalid_answer": "what answers is perhaps another program: check host, port and description",
    "disconnected": "does its port speak what is set (TLS or not)?",
    "misconfigured": "check its keys in the settings and the file of gateways; it may offer no login without TLS",
    "unexpected": "an answer that nobody foresaw, or a fault of Siaga: report what stands here",
}
"""What to do about each reason why a gateway would not take messages."""


async def probe(outlets: Iterable[Outlet]) -> list[Verdict]:
    """Try every gateway, all at once."""
    return list(await asyncio.gather(*(_probe(outlet) for outlet in outlets)))


async def _probe(outlet: Outlet) -> Verdict:
    gateway, channel = outlet.gateway.route.gateway, outlet.gateway.route.channel
    area = f"gateway {gateway}"
    try:
        notifier: Notifier = build_one(outlet.notifier)
    except ValueError as error:
        return fault(area, str(error), "check its keys in the settings and in the file of gateways")
    try:
        await notifier.probe()
    except DeliveryError as error:
        where = ", ".join(
            str(outlet.notifier[key]) for key in ("host", "port", "url") if key in outlet.notifier
        )
        return fault(area, f"{error}" + (f" ({where})" if where else ""), REMEDIES[error.reason])
    except Exception as error:  # noqa: BLE001 -- the other gateways are tried all the same
        return fault(area, f"unexpected: {type(error).__name__}", REMEDIES["unexpected"])
    finally:
        await notifier.close()
    match outlet.notifier["adapter"]:
        case "outbox":
            remedy = "name a gateway: " + (
                "gateways.smtp.host" if channel == "email" else "in the file of paths.gateways"
            )
            return warning(
                area, f"{channel} becomes files in {outlet.notifier['directory']} and reaches nobody", remedy
            )
        case "smtp" if not outlet.notifier["user"]:
            return good(area, "connects, without a login")
        case "smtp":
            return good(
                area, "connects, encrypts and logs in" if outlet.notifier["tls"] != "none" else "logs in"
            )
        case "sms_http" if outlet.notifier["balance"] is None:
            return good(area, "connects; the password shows only with a message: `siaga contact test`")
        case "webhook":
            return good(area, "has its key; its receivers are the contacts' addresses")
        case _:
            return good(area, "answers, and knows us")
