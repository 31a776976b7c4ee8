"""Tariffs: text in a folder, checked and compiled into an immutable catalogue.

Enters: a folder of TOML and CSV files (docs/tariffs.md). Leaves: a ``Catalogue`` named by the hash of its
content. Always holds: problems are values with file and line; nothing here imports mediation or rating.
"""
