"""toll bill: bill runs from trial to final, bills and invoices, the charges of an account.

Enters: a lake, customers, a tariff; or a customer, account or number. Leaves: tables, invoices, exports. Always holds:
one module for what makes bills, one for what shows them.
"""

from __future__ import annotations

import argparse

from rating.cli import bill_charges, bill_run, bill_show


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll bill``."""
    below = part.add_subparsers(dest="action", metavar="ACTION", required=True)
    for module in (bill_run, bill_show, bill_charges):
        module.actions(below)


def run(args: argparse.Namespace) -> int:
    """Run one action."""
    code: int = args.act(args)
    return code
