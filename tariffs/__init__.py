"""Tariffs: plans, decks and calendars become immutable arrays, named by their content hash."""
