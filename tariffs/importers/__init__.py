"""Importers: other people's tariffs as a tariff folder, and what could not be said in one.

Enters: files of another system. Leaves: a folder that ``tariffs.load`` reads, and a ``Report``. Always holds:
what cannot be expressed, and what was decided, is a finding with file and line; nothing is dropped silently.
"""
