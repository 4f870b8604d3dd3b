"""Which word was probably meant: the guess behind "did you mean".

Here: guessing a known word from one that is not known. Not here: when a word is unknown, and how the guess is put
(`documents.finding`, `documents.finding`). People who write rules think in Indonesian while the words of the language
are English, so a translation is the first guess, before slips of the hand.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

_SAID: Mapping[str, str] = {
    "title": "judul",
    "short_title": "judul_singkat",
    "owner": "pemilik",
    "why": "alasan dasar",
    "guide": "panduan sop",
    "level": "tingkat",
    "escalate": "kebijakan eskalasi",
    "watch": "lihat pantau saringan",
    "per": "untuk kelompok",
    "alert_when": "syarat kapan",
    "clear_when": "selesai tutup",
    "tell_again": "ulangi",
    "effective": "berlaku",
    "like": "seperti",
    "unless": "kecuali not bukan",
    "any": "or atau",
    "rules": "aturan",
    "version": "versi",
    "lists": "daftar",
    "defaults": "bawaan",
    "kind": "jenis",
    "region": "daerah wilayah",
    "severity": "keparahan",
    "stage": "tahap tahapan",
    "incident": "kejadian",
    "source.channel": "sumber",
    "verification": "verifikasi",
    "metrics.injured": "luka",
    "metrics.dead": "meninggal tewas",
    "metrics.tps": "tps",
    "metrics.voters": "pemilih",
    "subject.role": "jabatan",
    "flood": "banjir",
    "volcano": "gempa",
    "clash": "bentrok",
    "unrest": "kericuhan",
    "office": "kantor",
    "candidate": "calon",
    "village": "desa kelurahan kampung",
    "late": "terlambat",
    "shortage": "kurang",
    "damaged": "rusak",
    "swapped": "tertukar",
    "arrived": "tiba",
    "hoax": "hoaks",
    "disaster": "bencana",
    "neutrality": "netralitas",
    "logistics": "logistik",
    "conflict": "konflik",
    "attack": "serangan",
    "nation": "nasional pusat",
    "province": "provinsi propinsi",
    "regency": "kabupaten kota kabkota kab_kota",
    "district": "kecamatan distrik",
    "every_event": "setiap_kejadian",
    "count": "jumlah hitung",
    "distinct": "berbeda",
    "value": "nilai angka",
    "sequence": "urutan berurutan",
    "silence": "diam",
    "deadline": "tenggat",
    "spread": "menyebar",
    "share": "bagian",
    "compare": "bandingkan",
    "within": "dalam",
    "at_least": "minimal minimum sedikitnya min",
    "at_most": "maksimal maksimum max paling_banyak",
    "above": "lebih_dari di_atas",
    "below": "kurang_dari di_bawah",
    "equals": "sama_dengan",
    "field": "kolom",
    "steps": "langkah",
    "times": "kali",
    "weight": "bobot",
    "waspada": "kuning",
    "siaga": "oranye jingga",
    "awas": "merah",
    "always": "selalu",
    "wait": "tunggu",
    "by_hand": "manual orang",
}
"""Words of the language and of events, and what people write for each, separated by spaces."""
TRANSLATED = {said: word for word, several in _SAID.items() for said in several.split()}


def meant(word: str, known: Sequence[str]) -> str:
    """Return the word that was probably meant: its translation, the same signs in another order, else a close one.

    Nothing where no word is likely.
    """
    said = word.lower().replace(" ", "_").replace("-", "_")
    translated = ".".join(TRANSLATED.get(part, part) for part in said.split("."))
    first = word.partition(" ")[0]
    if translated in known or first in known:
        return translated if translated in known else first
    if (
        word in TRANSLATED.values()
    ):  # a word of the language, in the wrong place: `at_most` is no slip for `at_least`
        return ""
    swapped = (other for other in known if len(other) == len(word) and sorted(other) == sorted(word))
    close = (match for match in difflib.get_close_matches(word, known, n=1, cutoff=0.6))
    return next(swapped, None) or next(close, "")
