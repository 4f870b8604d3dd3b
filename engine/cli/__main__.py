"""Lets `python -m engine.cli` be the command `siaga`; nothing else belongs here."""

from engine.cli import main

main()
