"""toll alerts: thresholds that usage has reached, latest batch first.

Enters: a lake, perhaps the name of an alert or a subject. Leaves: the alerts. Always holds: an alert stands there
once, with the record that brought it about (``toll explain SOURCE:RECORD_NO`` tells it).
"""

from __future__ import annotations

import argparse

from rating.cli.shared import json_argument, lake_argument, opened, print_json, show, whole_number

_ALERTS = """
SELECT * EXCLUDE (batch_id) FROM alert
WHERE ($alert = '' OR alert = $alert) AND ($subject = '' OR subject = $subject)
ORDER BY batch_id DESC, source, record_no, alert, subject, threshold
LIMIT $limit"""


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll alerts``."""
    part.add_argument("--alert", metavar="NAME", default="", help="only of this rule")
    part.add_argument("--subject", metavar="S", default="", help="only of this account, number, trunk, ...")
    part.add_argument(
        "--limit", type=whole_number(1, 1_000_000), default=100, metavar="N", help="at most N (default: %(default)s)"
    )
    lake_argument(part)
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Show the alerts."""
    from rating.answers import json_rows, rich_table

    with opened(args) as lake:
        rows = lake.query(_ALERTS, {"alert": args.alert, "subject": args.subject, "limit": args.limit})
    if args.json:
        print_json(json_rows(rows))
    else:
        show(rich_table(rows.drop_columns(["alert_id", "measure"]), "Alerts"))
    return 0
