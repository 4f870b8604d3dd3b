"""Versions of the rules: files are read, compared, proposed, approved by a second person, and brought into force.

Start with `proposals`. The evaluator carries out the change (`engine.evaluation.activation`).
"""
