"""Mediation: bytes from switches become trusted usage events."""
