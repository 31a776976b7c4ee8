"""Balances: what is left of allowances, what accumulators have counted, who draws on them, and every movement.

Enters: legs that were found, a catalogue with allowances, the live balances. Leaves: what is free of each leg, where
its tiers begin, what is charged and paid of it, and movements. Always holds: live balances change only by movements
that are committed; grants and what rolled over equal what was used, expired and is left, lot by lot.
"""
