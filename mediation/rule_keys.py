"""The keys by which a layout says what becomes of its records: from ``[limits]`` and ``[billable]`` to ``[tap]``.

Enters: tables of a layout as :class:`~mediation.keys.Keys`. Leaves: frozen values of ``layout.py``, and problems
noted in the keys. Always holds: a section that a layout lacks changes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from mediation.keys import Keys
from mediation.layout import Condition, GivenCharge, Limits, Pairing, Partials, TapRules
from mediation.tap_checks import BY_CODE as TAP_CHECKS
from mediation.tap_checks import Severity


def limits_of(keys: Keys) -> Limits:
    """What ``[limits]`` says."""
    limits = Limits(
        start_us=_day_us(keys, "earliest", "1970-01-02"),
        end_us=_day_us(keys, "latest", "2049-12-31"),
        duration_s=keys.whole("duration_s", 7 * 86_400),
        volume_bytes=keys.whole("volume_bytes", 1 << 44),
    )
    keys.finish()
    return limits


def _day_us(keys: Keys, key: str, default: str) -> int:
    value = keys.text(key, default)
    try:
        day = datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        keys.wrong(key, f"a date like {default}, not {value!r}")
        return 0
    return int(day.timestamp()) * 1_000_000


def conditions_of(keys: Keys) -> tuple[Condition, ...]:
    """What ``[billable]`` says."""
    return tuple(_condition(keys, column) for column in tuple(keys.table))


def _condition(keys: Keys, column: str) -> Condition:
    if not isinstance(keys.table[column], dict):
        return Condition(column, frozenset(keys.texts(column)))
    below = keys.section(column)
    condition = Condition(column, frozenset(below.texts("not")), negated=True)
    below.finish()
    return condition


def pairing_of(keys: Keys) -> Pairing:
    """What ``[pairing]`` says."""
    pairing = Pairing(
        begin=frozenset(keys.texts("begin")),
        end=frozenset(keys.texts("end")),
        answered=frozenset(keys.texts("answered")),
        max_span_s=keys.whole("max_span_s", 86_400),
    )
    keys.finish()
    return pairing


def partials_of(keys: Keys) -> Partials | None:
    """Which records are partials; none of them where a layout takes the columns of the one that it extends away."""
    partials = Partials(session=keys.texts("session"), first=keys.whole("first", 1))
    keys.finish()
    return partials if partials.session else None


def given_charge(keys: Keys) -> GivenCharge:
    """What ``[given]`` says."""
    given = GivenCharge(
        amount=keys.texts("amount"),
        decimals=keys.text("decimals", ""),
        currency=keys.text("currency", ""),
        currency_default=keys.text("currency_default", ""),
        refund=keys.texts("refund", ()),
        tax=keys.texts("tax", ()),
        tax_refund=keys.texts("tax_refund", ()),
        rate=keys.text("rate", ""),
        rate_decimals=keys.text("rate_decimals", ""),
        local_currency=keys.text("local_currency", ""),
    )
    if not (given.currency or given.currency_default):
        keys.wrong("currency", "the name of a column, or a currency as currency_default")
    keys.finish()
    return given


def tap_rules(keys: Keys) -> TapRules:
    """What ``[tap]`` says."""
    changed, usual = keys.section("severity"), TapRules()
    severities = []
    for code in sorted(changed.table):
        if code not in TAP_CHECKS:
            changed.wrong(code, "the code of a check, see docs/reason-codes.md")
        severities.append((code, Severity(changed.choice(code, tuple(Severity), Severity.WARNING))))
    rules = TapRules(keys.whole("max_age_days", usual.max_age_days), tuple(severities))
    keys.finish()
    return rules
