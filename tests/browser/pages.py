"""The pages that are looked at: each is written as a picture by `./run screens` and asked by axe in both sizes.

Here: the list, as data. A further page is one more line. `{alert}` and `{proposal}` are of the night (`night`).
"""

from __future__ import annotations

from typing import NamedTuple


class Shown(NamedTuple):
    """A page: name of its picture, path, and the user who looks (empty: nobody is signed in)."""

    name: str
    path: str
    user: str = "piket"


PAGES = (
    Shown("masuk", "/console/sign-in", user=""),
    Shown("situasi", "/console"),
    Shown("situasi-provinsi", "/console/regions/73"),
    Shown("peringatan", "/console/alerts/{alert}"),
    Shown("peringatan-telepon", "/console/alerts/{unreached}"),
    Shown("telepon", "/console/phone"),
    Shown("peringatan-selesai", "/console/alerts/{resolved}"),
    Shown("laporan-situasi", "/console/report"),
    Shown("lapor", "/lapor", user="desk-7315"),
    Shown("lapor-jenis", "/lapor/jenis/conflict.clash", user="desk-7315"),
    Shown("lapor-berkas", "/lapor/berkas", user="desk-7315"),
    Shown("pesan-keluar", "/console/outgoing"),
    Shown("karantina", "/console/quarantine"),
    Shown("piket", "/console/roster?region=73.15"),
    Shown("bisukan", "/console/silences"),
    Shown("aturan", "/console/rules"),
    Shown("aturan-satu", "/console/rules/netralitas-berulang"),
    Shown("coba-perubahan", "/console/what-if?rule=netralitas-berulang", user="penulis"),
    Shown("berlakukan", "/console/change", user="penulis"),
    Shown("usulan", "/console/proposals", user="penyetuju"),
    Shown("usulan-satu", "/console/proposals/{proposal}", user="penyetuju"),
    Shown("riwayat-aturan", "/console/rule-sets", user="penyetuju"),
    Shown("audit", "/console/audit"),
    Shown("bukan-wewenang", "/console", user="penulis"),
    Shown("tidak-ada", "/console/tidak-ada"),
)
