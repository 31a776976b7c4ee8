"""Billing: charges become bills, bills become invoices.

A trial run (:mod:`rating.billing.run`) drafts the bills of a cycle's period; what somebody approved becomes final
(:mod:`rating.billing.final`); :mod:`rating.billing.shown` tells them, :mod:`rating.billing.invoice` writes them.
:mod:`rating.billing.charges` sums an account's charges without any run.
"""
