"""The doctor: is this installation fit to serve, and what must be done where it is not?

Checks of the host, the store, the gateways, the files and the proxy. Each check yields good, a warning, or a fault with
its remedy.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
import msgspec

from engine.clock import WallClock, synchronised
from engine.core.alerting.directory import Contents, Directory
from engine.core.alerting.reachability import flaws, offices_named
from engine.core.judging.instant import DAY, SECOND, Instant, Millis, format_duration, format_instant
from engine.core.judging.region import RegionTable
from engine.delivery.gateways import GatewayConfig, gateway_configs
from engine.documents.directory import load_directory
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError, SiagaError
from engine.matching.checked import open_shards
from engine.operations.erasure_list import ErasureDue, erasures_due
from engine.people.tokens import Token, Tokens
from engine.people.users import Users
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.rule_sets.rule_files import load_rule_set
from engine.runtime.keys import ENVIRONMENT, KnownKey, agreement, known_key, refusal, written_keys
from engine.settings import Settings
from engine.store.port import order_of
from engine.store.redis.server import ServerStatus, look
from engine.store.redis.store import OLDEST_SERVER, RedisStore
from engine.texts.catalogue import load_catalogue
from notifiers.base import DeliveryError, Notifier, Reason
from notifiers.registry import build_one

CheckState = Literal["good", "warning", "fault"]
"""A `fault`: Siaga does not start, or somebody is not told because of it. A `warning`: it serves, less well."""


class CheckResult(msgspec.Struct, frozen=True):
    """What was found of one part (`area`); what is not good says what to do about it."""

    area: str
    state: CheckState
    says: str
    remedy: str = ""


def good(area: str, says: str) -> CheckResult:
    """Return that a part is as it should be."""
    return CheckResult(area, "good", says)


def warning(area: str, says: str, remedy: str) -> CheckResult:
    """Return that a part serves, less well than it could."""
    return CheckResult(area, "warning", says, remedy)


def fault(area: str, says: str, remedy: str) -> CheckResult:
    """Return that a part keeps Siaga from serving."""
    return CheckResult(area, "fault", says, remedy)


ROOM, LITTLE_ROOM = 200 * 2**20, 2 * 2**30
"""Bytes free on a disk below which it is a fault, and a warning."""
APART: Millis = 2 * SECOND
"""How far the clocks of two machines may be apart."""


def check_clocks(wall: WallClock, servers: Instant | None, newest: Instant) -> Iterator[CheckResult]:
    """Judge the clock: kept by somebody, equal to that of the store's server, not behind what it has stamped already.

    `servers` is what the server says it is now (None: it is on this machine), `newest` the newest instant in the store.
    """
    now = wall.now()
    kept = synchronised()
    if kept:
        yield good("clock", "kept by a server of time")
    else:
        says = "the kernel does not say" if kept is None else "nothing keeps this machine's clock right"
        remedy = "install chrony or switch on systemd-timesyncd (timedatectl set-ntp true)"
        yield warning("clock", f"{says}: steps and deadlines drift with it", remedy)
    if abs(wall.jump_ms) > APART:
        remedy = "see who sets the clock; Siaga follows a jump forward only after ten minutes"
        yield fault("clock", f"it jumped by {format_duration(abs(wall.jump_ms))} just now", remedy)
    if servers is not None and abs(servers - now) > APART:
        ahead = "ahead of" if servers > now else "behind"
        says = f"the store's machine is {format_duration(abs(servers - now))} {ahead} this one"
        yield fault("clock", says, "let the same server of time keep both")
    if newest > now + APART:
        says = f"the store holds events received {format_duration(newest - now)} from now"
        yield fault("clock", says, "set the clock right; until then new events are stamped with that instant")


def check_zones(regions: RegionTable) -> CheckResult:
    """Judge whether the zones of all regions are known here."""
    wanted = sorted({region.timezone for region in regions})
    missing = []
    for zone in wanted:
        try:
            ZoneInfo(zone)
        except ZoneInfoNotFoundError:
            missing.append(zone)
    if missing:
        return fault("zones", f"unknown: {', '.join(missing)}", "install the package tzdata")
    return good("zones", ", ".join(wanted))


def check_disk(area: str, folder: Path) -> CheckResult:
    """Judge the room on the disk of a folder, which need not be there yet."""
    place = _nearest(folder)
    usage = shutil.disk_usage(place)
    says = f"{usage.free / 2**30:.1f} of {usage.total / 2**30:.0f} GiB free at {place}"
    if usage.free < ROOM:
        return fault(area, says, "make room: without any the store refuses every event")
    if usage.free < LITTLE_ROOM:
        return warning(area, says, "make room before an election night")
    return good(area, says)


def check_files(settings: Settings, environment: Mapping[str, str]) -> Iterator[CheckResult]:
    """Judge the folders and the key: writable by us, closed to others."""
    var = settings.paths.var
    place = _nearest(var)
    if not os.access(place, os.W_OK | os.X_OK):
        remedy = f"chown -R {_user()} {place}, or set paths.var to a folder of ours"
        yield fault("files", f"{place} cannot be written by {_user()}", remedy)
        return
    open_ones = [
        path
        for path in (settings.redis_directory, settings.archive_directory, settings.key_file)
        if path is not None and path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    for path in open_ones:
        remedy = f"chmod {'700' if path.is_dir() else '600'} {path}"
        says = f"{path} can be read by others: it holds what lets them read or answer"
        yield fault("files", says, remedy)
    foreign = [p for p in _within(var) if p.stat().st_uid != os.geteuid() and os.geteuid() != 0]
    for path in foreign:
        yield fault("files", f"{path} belongs to another user", f"chown -R {_user()} {path}")
    if not open_ones and not foreign:
        yield good("files", f"{var} is ours alone")
    yield _key(settings.key_file, environment)


def check_port(settings: Settings) -> CheckResult:
    """Judge whether the port of the API is free, or something listens there already."""
    host, number = settings.http.host, settings.http.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as caller:
        caller.settimeout(2)
        if number and caller.connect_ex((host, number)) == 0:
            return good("port", f"something listens at {host}:{number}; if that is not Siaga, set http.port")
    try:
        with socket.create_server((host, number), family=family):
            return good("port", f"{host}:{number} is free")
    except OSError as error:
        remedy = "set http.host to an address of this machine, and http.port to one we may use"
        return fault("port", f"cannot listen at {host}:{number} ({error.strerror})", remedy)


def _key(file: Path, environment: Mapping[str, str]) -> CheckResult:
    try:
        keys = written_keys(file, environment, guarded=False)  # `check_files` judges who may read it
    except FileNotFoundError:
        return good("key", f"{file} will be made at the first start; then keep a copy of it elsewhere")
    except OSError as error:
        return fault("key", f"{file} cannot be read ({error.strerror})", f"chown {_user()} {file}")
    except ConfigurationError as error:
        return fault("key", str(error), "bring the key back from your copy; without it old links never open")
    origin = ENVIRONMENT if environment.get(ENVIRONMENT) else str(file)
    more = f", and {len(keys.previous)} before it that are still accepted" if keys.previous else ""
    return good("key", f"read from {origin}{more}")


def _nearest(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _within(var: Path) -> list[Path]:
    return [var, *var.iterdir()] if var.is_dir() else []


def _user() -> str:
    return os.environ.get("USER") or f"user {os.geteuid()}"


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


async def check_gateways(outlets: Iterable[GatewayConfig]) -> list[CheckResult]:
    """Try every gateway, all at once."""
    return list(await asyncio.gather(*(_probe(outlet) for outlet in outlets)))


async def _probe(outlet: GatewayConfig) -> CheckResult:
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


PATH = "/v1/address"
"""Says under which address the asker counts (`web.api.ops`)."""
CLAIMED = "192.0.2.1"
"""An address that nobody has (RFC 5737)."""
PATIENCE_SECONDS = 10.0


async def check_proxy(settings: Settings) -> CheckResult | None:
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
    return proxy_result(plain, claimed, direct=_is_direct(settings, base))


def proxy_result(plain: dict[str, Any], claimed: dict[str, Any], *, direct: bool) -> CheckResult:
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


SYNTHETIC = ".example"
"""The end of every mailbox of the directory that is shipped; nobody can have one (RFC 2606)."""
UNBOUND_SHOWN = 20
"""So many tokens, or people, are named one by one."""
SOON_FULL, FULL = 0.8, 0.95
"""Shares of its memory from which a server is soon full, and as good as full."""


async def examine(
    settings: Settings, environment: Mapping[str, str], where: str | None, clock: WallClock
) -> AsyncIterator[CheckResult]:
    """Yield a verdict on each part; `where` is the address of the store's server, None where that could not start."""
    verdicts, regions, rule_set = _files(settings)
    for verdict in verdicts:
        yield verdict
    yield _matcher()
    contents = Contents()
    if where is not None:
        verdicts, contents = await _store(settings, environment, where, regions, clock)
        for verdict in verdicts:
            yield verdict
    if regions is not None:
        yield check_zones(regions)
        for verdict in _directory(settings, regions, rule_set, contents, clock):
            yield verdict
    for verdict in check_files(settings, environment):
        yield verdict
    yield check_disk("disk", settings.paths.var)
    yield check_port(settings)
    for verdict in _addresses(settings):
        yield verdict
    if (seen := await check_proxy(settings)) is not None:
        yield seen
    try:
        outlets = gateway_configs(settings, environment)
    except ConfigurationError as error:
        yield fault(
            "gateways", str(error), "put it right there, or the variable into the environment of the service"
        )
        return
    for verdict in await check_gateways(outlets):
        yield verdict


def _files(settings: Settings) -> tuple[list[CheckResult], RegionTable | None, RuleSet]:
    """Judge the files that everything else stands on, and return what could be read of them."""
    try:
        regions, kinds = load_regions(settings.paths.regions), load_kinds(settings.paths.kinds)
        load_catalogue(settings.paths.templates / "texts.yaml")
    except ConfigurationError as error:
        remedy = "bring the file back from what was shipped, or mend the setting that names it"
        return [fault("files", str(error), remedy)], None, RuleSet({}, {})
    found = load_rule_set(settings.paths, regions, kinds)
    errors = [finding for finding in found.findings if finding.severity == "error"]
    if errors:
        says = f"{len(errors)} errors, the first: {errors[0].format('en').splitlines()[0]}"
        verdict = fault("rules", says, "`siaga check --lang en` shows all of them with what to write instead")
    elif not found.value.rules:
        verdict = fault(
            "rules", f"there is no rule in {settings.paths.rules}", "set paths.rules, or write one"
        )
    else:
        verdict = good("rules", f"{len(found.value.rules)} rules, {len(found.value.policies)} policies")
    return [verdict], regions, found.value


def _matcher() -> CheckResult:
    shards, why = open_shards()
    if shards is None:
        remedy = (
            "install a C compiler and the headers of Python, then ./run again; results are the same without"
        )
        return warning("matcher", f"native alone, with no second opinion ({why})", remedy)
    return good("matcher", "durable-rules, checked by native on every event")


def _server(server: ServerStatus, settings: Settings) -> Iterator[CheckResult]:
    """Judge what the server promises, by its own words."""
    name = f"{server.product} {server.version}"
    if server.product == "redis" and int(server.version.partition(".")[0]) < OLDEST_SERVER:
        yield fault("store", f"{name} is too old", f"take Redis {OLDEST_SERVER} or newer, or Valkey")
        return
    before = len(server.faults + server.losing)
    for said in server.faults:
        says, _, remedy = said.partition("; ")
        if settings.redis.accept_weaker_durability:
            yield warning("durability", says, remedy)
        else:
            yield fault("durability", says, remedy + ", or accept it: redis.accept_weaker_durability")
    for said in server.losing:
        says, _, remedy = said.partition("; ")
        yield fault("durability", says, remedy)
    for said in server.unknown:
        says, _, remedy = said.partition("; ")
        yield warning("durability", says, remedy)
    if not server.primary:
        remedy = "point redis.url at the primary, or at an address that follows it"
        yield fault("store", f"{name} is a replica and takes no writes", remedy)
    if server.writes_fail:
        remedy = "look at its log and its disk; it refuses writes until that is mended"
        yield fault("store", f"its append-only file fails: {server.writes_fail}", remedy)
    wanted = max(settings.redis.wait_replicas, server.needs_replicas)
    if len(server.replicas) < wanted:
        remedy = (
            "start the missing replicas, or lower redis.wait_replicas; until then events are answered 503"
        )
        yield fault(
            "replicas", f"{len(server.replicas)} of {wanted} that are waited for are connected", remedy
        )
    elif settings.redis.url is not None and not server.replicas:
        remedy = "add a replica and set redis.wait_replicas to 1 (config/redis.conf says how)"
        yield warning("replicas", "none: the disk of one machine holds everything", remedy)
    used = server.memory / server.most_memory if server.most_memory else 0.0
    if used > SOON_FULL:
        says = f"{used:.0%} of its memory is used; full, it refuses every event"
        yield (fault if used > FULL else warning)("store", says, "raise maxmemory, or take a larger machine")
    if not before and server.primary and not server.writes_fail:
        yield good("store", f"{name}: what is accepted is on its disk before it is answered")


def _key_of_store(
    settings: Settings, environment: Mapping[str, str], known: KnownKey | None
) -> Iterator[CheckResult]:
    """Judge whether the key of this machine is the one that the store was begun with."""
    if known is None:
        return
    try:
        state = agreement(known, written_keys(settings.key_file, environment, guarded=False))
    except FileNotFoundError:
        state = "other"
    except (OSError, ConfigurationError):
        return  # `machine.files` says what is wrong with it
    if state in ("outdated", "other"):
        says, _, remedy = refusal(state).partition(". ")
        yield fault("key", says, remedy)
    elif state == "lags":
        remedy = "bring the lines of its file into the order that the other machines have"
        yield warning("key", "another key is the first one on other machines", remedy)


async def _store(
    settings: Settings,
    environment: Mapping[str, str],
    where: str,
    regions: RegionTable | None,
    clock: WallClock,
) -> tuple[list[CheckResult], Contents]:
    """Judge the server and what is in it; return the directory in force, too, as far as it could be read."""
    found: list[CheckResult] = []
    try:
        server = await look(where, settings.namespace)
        found += _server(server, settings)
        held = await _held(settings, where, regions, clock)
    except SiagaError as error:
        found.append(
            fault("store", str(error), "see that the server runs and redis.url is right; then look again")
        )
        return found, Contents()
    found += _key_of_store(settings, environment, held.known)
    found += check_clocks(clock, server.now if _is_elsewhere(where) else None, held.newest)
    found += _unbound_tokens(held.unbound)
    found += _erasures(held.due)
    if not held.reporters:
        remedy = "`siaga token create --right submit --region CODE` for each desk, or `siaga user add`"
        found.append(warning("desks", "no token and no user may report: no event can come in", remedy))
    return found, held.contents


def _unbound_tokens(tokens: Sequence[Token]) -> Iterator[CheckResult]:
    """Name the tokens that report for any desk of their region, since they are older than the bound to desks."""
    for token in tokens[:UNBOUND_SHOWN]:
        name = f"{token.id} ({token.label})" if token.label else token.id
        says = f"{name} of region {token.region} is older than the bound to desks and reports in the name of any desk"
        remedy = f"`siaga token rotate {token.id} --overlap 7d --desk {token.region}`, with the name of its own desk"
        yield warning("tokens", says, remedy)
    if len(tokens) > UNBOUND_SHOWN:
        says = f"{len(tokens) - UNBOUND_SHOWN} more tokens report in the name of any desk"
        yield warning("tokens", says, "rotate those above, then look again; `siaga token list` shows all")


def _erasures(due: Sequence[ErasureDue]) -> Iterator[CheckResult]:
    """Name the people who were erased and whom a restore of an older backup brought back."""
    for one in due[:UNBOUND_SHOWN]:
        says = f"{one.person} was erased at {format_instant(one.erased_at)}, and a restore brought them back"
        yield warning("erasures", says, f"`siaga person erase {one.person}`")
    if len(due) > UNBOUND_SHOWN:
        says = f"{len(due) - UNBOUND_SHOWN} more people were brought back by a restore"
        yield warning("erasures", says, "erase those above, then look again")


class HeldLease(NamedTuple):
    """What the store holds.

    The directory in force, if any, the newest instant it stamped, who may report, which tokens report for any desk
    because they are older than the bound to desks, the key, and who must be erased again.
    """

    contents: Contents
    newest: Instant
    reporters: int
    unbound: tuple[Token, ...]
    known: KnownKey | None
    due: tuple[ErasureDue, ...]


async def _held(settings: Settings, where: str, regions: RegionTable | None, clock: WallClock) -> HeldLease:
    store = RedisStore(where, settings.namespace)
    try:
        await store.open(examining=True)
        empty = RegionTable(())
        books = RuntimeConfig(
            store, namespace=settings.namespace, regions=regions or empty, kinds={}, rule_set=RuleSet({}, {})
        )
        tokens = [one for one in await Tokens(store, clock).list() if not one.ended(clock.now())]
        reporting = [one for one in tokens if "submit" in one.rights]
        users = [one.rights for one in await Users(store, clock).list() if one.disabled_at is None]
        return HeldLease(
            contents=(await books.directory()).contents,
            newest=order_of(await store.last_position())[0],
            reporters=len(reporting) + sum("submit" in rights for rights in users),
            unbound=tuple(one for one in reporting if one.desks is None and not one.successor),
            known=(await known_key(store))[0],
            due=await erasures_due(store),
        )
    finally:
        await store.close()


def _directory(
    settings: Settings, regions: RegionTable, rule_set: RuleSet, contents: Contents, clock: WallClock
) -> Iterator[CheckResult]:
    """Judge whom alerts would reach, by the directory in force or else by the file that the first start takes."""
    origin = "in force"
    if not contents.people:
        origin = str(settings.paths.directory)
        if not settings.paths.directory.exists():
            remedy = "`siaga directory import FILE`, or set paths.directory"
            yield fault("directory", f"none is in force and {origin} does not exist: nobody is told", remedy)
            return
        read = load_directory(settings.paths.directory, regions)
        errors = [finding for finding in read.findings if finding.severity == "error"]
        if errors:
            says = f"{len(errors)} errors, the first: {errors[0].format('en').splitlines()[0]}"
            yield fault("directory", says, f"`siaga check {origin} --lang en` shows all of them")
            return
        contents = read.value
    now = clock.now()
    wanted = offices_named(rule_set.rules.values(), rule_set.policies, regions, None)
    found = flaws(contents, now, now + DAY, wanted)
    vacant = sum(flaw.kind == "vacant" for flaw in found)
    rest = len(found) - vacant
    says = f"{origin}: {len(contents.people)} people, {vacant} of {len(wanted)} offices that rules ask are vacant"
    says += f", {rest} held ones are out of reach or unclear" if rest else ""
    if not vacant and not rest:
        yield good("directory", says)
    else:
        yield warning(
            "directory", says, "`siaga directory check --lang en` names each, and who is told instead"
        )
    directory = Directory(contents)
    if not any(True for _ in directory.occupants("00", "ops", now)):
        nobody = not any(True for _ in directory.occupants("00", "posko_nasional", now))
        remedy = "`siaga directory assign 00 ops PERSON`: they are told what Siaga finds of itself"
        says = "nobody holds the role ops at the nation" + (", nor posko_nasional" if nobody else "")
        yield (fault if nobody else warning)("directory", says, remedy)
    mails = [c.value for person in contents.people for c in person.contacts if c.channel == "email"]
    made_up = sum(mail.endswith(SYNTHETIC) for mail in mails)
    if made_up:
        says = f"{made_up} of {len(mails)} mailboxes end in {SYNTHETIC}: nobody reads them"
        yield warning("directory", says, "bring in your own: `siaga directory import FILE`")


def _addresses(settings: Settings) -> Iterator[CheckResult]:
    """Judge what stands on every message: its sender, how the desk is reached, where its links lead."""
    base = urlsplit(settings.base_url)
    if base.hostname in ("127.0.0.1", "localhost", "::1", "0.0.0.0"):  # noqa: S104 -- compared, not bound
        remedy = "set http.base_url to the address by which people reach Siaga"
        yield warning("base_url", f"{settings.base_url}: links open on this machine alone", remedy)
    elif base.scheme != "https":
        remedy = "put a proxy with a certificate in front, and set http.base_url to its https address"
        yield warning("base_url", f"{settings.base_url}: links can be read on their way", remedy)
    else:
        yield good("base_url", settings.base_url)
    if SYNTHETIC in settings.messages.sender:
        yield warning(
            "sender", f"{settings.messages.sender} is the example", "set messages.sender to your own"
        )
    if not settings.messages.duty_desk:
        remedy = "set messages.duty_desk to one line with its phone"
        yield warning("duty_desk", "messages and pages do not say how the desk is reached", remedy)
    if settings.ops.heartbeat_url is None:
        remedy = "set ops.heartbeat_url to a watcher elsewhere, or watch SiagaHeartbeatStopped"
        yield warning("heartbeat", "nobody outside hears when Siaga falls silent", remedy)


def _is_elsewhere(where: str) -> bool:
    return where.startswith(("redis://", "rediss://")) and urlsplit(where).hostname not in (
        "127.0.0.1",
        "localhost",
        "::1",
    )
