"""Siaga's own alerts: what of its own work somebody must look after, as built-in rules.

Specification: docs/specification/escalation.md#siagas-own-alerts.

Here: the rules `siaga.*`, the policy by which they escalate, and the names by which they are asked for. Not here:
noticing what they are about, and opening them (`escalation.internal_alerts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from engine.core.alerting.policy import POSKO_NASIONAL, Policy, PolicyStep, StepTarget
from engine.core.judging.instant import MINUTE
from engine.core.judging.region import NATION
from engine.core.judging.rule import Rule

InternalMatter = Literal[
    "quarantine",
    "gap",
    "rules",
    "balance",
    "dead_letter",
    "contact",
    "contact-objection",
    "code-guessing",
    "token-storm",
    "vacancy",
    "clock",
    "pressure",
    "unreadable",
]
MATTERS: tuple[InternalMatter, ...] = get_args(InternalMatter)
"""Reports that nobody can read; our intake was down; changed rules are invalid; a prepaid gateway runs dry; work on a
group, an alert or a message raised and was put off; somebody wrote STOP; an official objects to a change of their
contacts; codes are guessed by SMS; one token brings more awas events than it may; time ran out and an alert has nobody
left; the wall clock jumped; nothing more is taken in, since too much waits; a stored record cannot be read."""
PREFIX = "siaga."
"""The ids of rules that begin so are Siaga's own; the loader refuses them to others."""
OPS_POLICY = "siaga-ops"
POSKO_POLICY = "siaga-posko"
"""A policy of `config/policies.yaml` with one of these ids stands in for the built-in one."""

_OPS = StepTarget(role="ops", at="nation")
POLICIES: Mapping[str, Policy] = {
    OPS_POLICY: Policy(
        id=OPS_POLICY,
        steps=(PolicyStep(to=(_OPS,), wait=15 * MINUTE), PolicyStep(to=(POSKO_NASIONAL,), wait=30 * MINUTE)),
    ),
    POSKO_POLICY: Policy(
        id=POSKO_POLICY,
        steps=(
            PolicyStep(to=(StepTarget(role="posko"),), wait=30 * MINUTE),
            PolicyStep(to=(_OPS, POSKO_NASIONAL), wait=30 * MINUTE),
        ),
    ),
}
_WORDS: Mapping[InternalMatter, tuple[str, str, str, str]] = {
    "quarantine": (
        "Laporan tingkat 3 atau 4 tidak dapat diterima dan menunggu diperbaiki",
        "Laporan gawat tertahan",
        "Laporan ini belum dihitung oleh aturan mana pun. Buka karantina, perbaiki, lalu kirim ulang.",
        POSKO_POLICY,
    ),
    "gap": (
        "Penerimaan laporan sempat mati",
        "Penerimaan laporan sempat mati",
        "Selama itu tidak ada laporan yang masuk; kesunyian desk tidak dihitung. Periksa layanan dan jaringan.",
        OPS_POLICY,
    ),
    "rules": (
        "Aturan yang diubah tidak sah; aturan lama tetap berlaku",
        "Aturan baru tidak sah",
        "Jalankan siaga check: tiap kesalahan disebut dengan baris dan sarannya.",
        OPS_POLICY,
    ),
    "balance": (
        "Saldo gerbang SMS hampir habis",
        "Saldo SMS hampir habis",
        "Bila saldo habis, SMS tidak terkirim; surel tetap berjalan. Isi saldo sekarang.",
        OPS_POLICY,
    ),
    "dead_letter": (
        "Sebuah penilaian, peringatan atau pesan gagal diproses dan ditunda",
        "Penilaian atau pesan tertunda",
        "Yang lain berjalan terus. Log berisi sebabnya (dead_letter, put_off); dicoba lagi tiap lima menit.",
        OPS_POLICY,
    ),
    "unreadable": (
        "Sebuah catatan tersimpan tidak dapat dibaca; yang bergantung padanya menunggu",
        "Catatan tidak terbaca",
        "Yang lain berjalan terus. Jalankan siaga records list: tiap catatan disebut dengan jalan keluarnya.",
        OPS_POLICY,
    ),
    "contact": (
        "BERHENTI diterima dari telepon seorang pejabat; teleponlah dia",
        "BERHENTI dari telepon pejabat",
        "Audit menyebut siapa. Tanpa kode tidak ada yang berubah; dengan kode AWAS tetap. Lalu: siaga contact stop.",
        POSKO_POLICY,
    ),
    "contact-objection": (
        "Seorang pejabat keberatan atas perubahan kontaknya; perubahan itu dibatalkan",
        "Keberatan atas perubahan kontak",
        "Mungkin seseorang hendak mengalihkan pesannya. Telepon pejabat itu. Usulan menyebut siapa yang mengubah.",
        POSKO_POLICY,
    ),
    "code-guessing": (
        "Kode jawaban SMS ditebak: banyak kode yang tidak pernah dikirim",
        "Kode SMS ditebak",
        "Nomor itu tidak dibaca selama satu jam. Telepon pemiliknya: nomornya mungkin dipalsukan. Lihat audit.",
        POSKO_POLICY,
    ),
    "token-storm": (
        "Satu token mengirim laporan AWAS lebih banyak dari batasnya; sisanya menunggu",
        "Laporan AWAS dibatasi",
        "Pengirim mengirim ulang sendiri. Telepon desk itu. Bila benar, naikkan batasnya; bila palsu, cabut tokennya.",
        POSKO_POLICY,
    ),
    "vacancy": (
        "Masa jabatan berakhir: peringatan terbuka tidak punya penerima lagi",
        "Peringatan tanpa penerima",
        "Tetapkan penggantinya (siaga directory assign), atau tangani peringatan itu langsung.",
        OPS_POLICY,
    ),
    "clock": (
        "Jam server melompat; Siaga tidak langsung mengikutinya",
        "Jam server melompat",
        "Periksa NTP. Lompatan maju diikuti setelah sepuluh menit; jam yang mundur tidak pernah diikuti.",
        OPS_POLICY,
    ),
    "pressure": (
        "Laporan baru ditolak sementara: antrean terlalu panjang atau memori hampir penuh",
        "Laporan baru ditolak sementara",
        "Desk mengirim ulang sendiri. Periksa siaga_events_waiting dan memori server Redis.",
        OPS_POLICY,
    ),
}


class InternalAlertRequest(NamedTuple):
    """An own alert that is asked for: what about, for which region, at which level (2 to 4)."""

    matter: InternalMatter
    region: str = NATION
    level: int = 3

    @property
    def member(self) -> str:
        """The request as a name, equal for equal requests."""
        return f"{self.matter}|{self.region}|{self.level}"


def request_of(member: str) -> InternalAlertRequest | None:
    """Return the request of a name; None where it is none of this version."""
    matter, _, rest = member.partition("|")
    region, _, level = rest.partition("|")
    if matter not in MATTERS or level not in ("2", "3", "4"):
        return None
    return InternalAlertRequest(matter, region, int(level))


def rule_of(matter: InternalMatter) -> Rule:
    """Return the built-in rule of a matter."""
    title, short_title, why, policy = _WORDS[matter]
    return Rule(
        id=PREFIX + matter,
        title=title,
        short_title=short_title,
        owner="Siaga",
        why=why,
        guide="",
        escalate=policy,
    )


def is_own(rule_id: str) -> bool:
    """Say whether a rule is one of Siaga's own."""
    return rule_id.startswith(PREFIX)
