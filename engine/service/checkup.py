"""The check-up: is this installation fit to serve, and what is to be done where it is not?

Here: what is looked at, in which order, and the verdicts on configuration, store, directory and addresses. Not here:
the machine (`service.machine`), the gateways (`service.probe`), printing (`cli.doctor`). Nothing is sent or changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from engine.clock import WallClock
from engine.core.alerting.directory import Contents, Directory
from engine.core.alerting.reachability import flaws, offices_named
from engine.core.judging.instant import DAY, Instant
from engine.core.judging.region import RegionTable
from engine.documents.directory import load_directory
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError, SiagaError
from engine.matching.checked import open_shards
from engine.service import machine
from engine.service.books import Books
from engine.service.key import KnownKey, agreement, known_key, refusal, written_keys
from engine.service.outlets import outlets_of
from engine.service.probe import probe
from engine.service.proxy_check import proxy
from engine.service.reload import load_rule_set
from engine.service.rule_sets import RuleSet
from engine.service.tokens import Token, Tokens
from engine.service.users import Users
from engine.service.verdict import Verdict, fault, good, warning
from engine.settings import Settings
from engine.store.port import order_of
from engine.store.redis.server import Server, look
from engine.store.redis.store import OLDEST_SERVER, RedisStore
from engine.texts.catalogue import load_catalogue

SYNTHETIC = ".example"
"""The end of every mailbox of the directory that is shipped; nobody can have one (RFC 2606)."""
UNBOUND_SHOWN = 20
"""So many tokens are named one by one."""
SOON_FULL, FULL = 0.8, 0.95
"""Shares of its memory from which a server is soon full, and as good as full."""


async def examine(
    settings: Settings, environment: Mapping[str, str], where: str | None, clock: WallClock
) -> AsyncIterator[Verdict]:
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
        yield machine.zones(regions)
        for verdict in _directory(settings, regions, rule_set, contents, clock):
            yield verdict
    for verdict in machine.files(settings, environment):
        yield verdict
    yield machine.disk("disk", settings.paths.var)
    yield machine.port(settings)
    for verdict in _addresses(settings):
        yield verdict
    if (seen := await proxy(settings)) is not None:
        yield seen
    try:
        outlets = outlets_of(settings, environment)
    except ConfigurationError as error:
        yield fault(
            "gateways", str(error), "put it right there, or the variable into the environment of the service"
        )
        return
    for verdict in await probe(outlets):
        yield verdict


def _files(settings: Settings) -> tuple[list[Verdict], RegionTable | None, RuleSet]:
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


def _matcher() -> Verdict:
    shards, why = open_shards()
    if shards is None:
        remedy = (
            "install a C compiler and the headers of Python, then ./run again; results are the same without"
        )
        return warning("matcher", f"native alone, with no second opinion ({why})", remedy)
    return good("matcher", "durable-rules, checked by native on every event")


def _server(server: Server, settings: Settings) -> Iterator[Verdict]:
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
) -> Iterator[Verdict]:
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
) -> tuple[list[Verdict], Contents]:
    """Judge the server and what is in it; return the directory in force, too, as far as it could be read."""
    found: list[Verdict] = []
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
    found += machine.clocks(clock, server.now if _is_elsewhere(where) else None, held.newest)
    found += _unbound_tokens(held.unbound)
    if not held.reporters:
        remedy = "`siaga token create --right submit --region CODE` for each desk, or `siaga user add`"
        found.append(warning("desks", "no token and no user may report: no event can come in", remedy))
    return found, held.contents


def _unbound_tokens(tokens: Sequence[Token]) -> Iterator[Verdict]:
    """Name the tokens that report for any desk of their region, since they are older than the bound to desks."""
    for token in tokens[:UNBOUND_SHOWN]:
        name = f"{token.id} ({token.label})" if token.label else token.id
        says = f"{name} of region {token.region} is older than the bound to desks and reports in the name of any desk"
        remedy = f"`siaga token rotate {token.id} --overlap 7d --desk {token.region}`, with the name of its own desk"
        yield warning("tokens", says, remedy)
    if len(tokens) > UNBOUND_SHOWN:
        says = f"{len(tokens) - UNBOUND_SHOWN} more tokens report in the name of any desk"
        yield warning("tokens", says, "rotate those above, then look again; `siaga token list` shows all")


class Held(NamedTuple):
    """What the store holds.

    The directory in force, if any, the newest instant it stamped, who may report, which tokens report for any desk
    because they are older than the bound to desks, and the key.
    """

    contents: Contents
    newest: Instant
    reporters: int
    unbound: tuple[Token, ...]
    known: KnownKey | None


async def _held(settings: Settings, where: str, regions: RegionTable | None, clock: WallClock) -> Held:
    store = RedisStore(where, settings.namespace)
    try:
        await store.open(examining=True)
        empty = RegionTable(())
        books = Books(
            store, namespace=settings.namespace, regions=regions or empty, kinds={}, rule_set=RuleSet({}, {})
        )
        tokens = [one for one in await Tokens(store, clock).list() if not one.ended(clock.now())]
        reporting = [one for one in tokens if "submit" in one.rights]
        users = [one.rights for one in await Users(store, clock).list() if one.disabled_at is None]
        return Held(
            contents=(await books.directory()).contents,
            newest=order_of(await store.last_position())[0],
            reporters=len(reporting) + sum("submit" in rights for rights in users),
            unbound=tuple(one for one in reporting if one.desks is None and not one.successor),
            known=(await known_key(store))[0],
        )
    finally:
        await store.close()


def _directory(
    settings: Settings, regions: RegionTable, rule_set: RuleSet, contents: Contents, clock: WallClock
) -> Iterator[Verdict]:
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


def _addresses(settings: Settings) -> Iterator[Verdict]:
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
