"""Whether people who come through the proxy count by their own addresses: asked of the running service from outside.

The doctor sends two requests through `http.base_url`: a plain one, and one that claims an address.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx

from engine.service.verdict import Verdict, fault, good, warning
from engine.settings import Settings

PATH = "/v1/address"
"""Says under which address the asker counts (`web.api.ops`)."""
CLAIMED = "192.0.2.1"
"""An address that nobody has (RFC 5737)."""
PATIENCE_SECONDS = 10.0


async def proxy(settings: Settings) -> Verdict | None:
    """Judge what the service sees of who comes through its base URL; None where none is set."""
    base = settings.http.base_url
    if base is None:
        return None
    try:
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
            plain = await _seen(client, base)
            claimed = await _seen(client, base, {"X-Forwarded-For": CLAIMED})
    except httpx.HTTPError as error:
        remedy = "start Siaga and the proxy and look again; the name must lead to the proxy from here too"
        return warning("proxy", f"{base} does not answer ({type(error).__name__}): not looked at", remedy)
    if plain is None or claimed is None:
        remedy = f"let the proxy pass {PATH} on to Siaga, as config/proxy/ does; restart an older Siaga"
        return warning("proxy", f"{base}{PATH} is not answered by Siaga", remedy)
    return judge(plain, claimed, direct=_is_direct(settings, base))


def judge(plain: dict[str, Any], claimed: dict[str, Any], *, direct: bool) -> Verdict:
    """Judge what was seen of a plain request, and of one that claimed an address; `direct`: by no proxy."""
    address = plain["address"]
    if plain["ignored"]:
        says = f"all who come through the proxy count as one address: its X-Forwarded-For is ignored at {address}"
        return fault("proxy", says, f"if {address} is your proxy, add it to http.trusted_proxies")
    if not plain["forwarded"] and not direct:
        says = f"the proxy says nobody's address: all who come through it count as {address}"
        return fault(
            "proxy", says, "let it set X-Forwarded-For to the client's address, as config/proxy/ does"
        )
    if claimed["address"] == CLAIMED:
        remedy = "let the proxy replace X-Forwarded-For, as config/proxy/ does; name only proxies as trusted"
        return fault("proxy", "whoever asks chooses under which address they count", remedy)
    return good("proxy", f"a request through the base URL was seen from {address}")


async def _seen(
    client: httpx.AsyncClient, base: str, headers: dict[str, str] | None = None
) -> dict[str, Any] | None:
    response = await client.get(base + PATH, headers=headers)
    try:
        body = response.json() if response.status_code == httpx.codes.OK else None
    except ValueError:
        return None
    return body if isinstance(body, dict) and body.keys() >= {"address", "forwarded", "ignored"} else None


def _is_direct(settings: Settings, base: str) -> bool:
    """Say whether the base URL names the port of the service itself."""
    parts = urlsplit(base)
    return parts.scheme == "http" and (parts.port or 80) == settings.http.port
