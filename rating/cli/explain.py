"""toll explain: tell the whole story of a charge.

Enters: an event id and a lake. Leaves: raw fields, normalised fields and the rule that made each, who pays
and why, prefixes, bands, increments, rounding; its amounts equal the stored ones. Always holds: 1 if they do not.
"""

from __future__ import annotations

import argparse

from rating.cli.shared import json_argument, lake_argument, opened, print_json


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll explain``."""
    part.add_argument("event_id", metavar="EVENT_ID", help="the event's UUID, or source:record_no")
    lake_argument(part)
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Explain; 1 if there is no such event, or what is explained differs from what is stored."""
    from rating.cli.warmth import choose_jit

    choose_jit([])
    from rating.explain import explain

    with opened(args) as lake:
        story = explain(lake, args.event_id)
    if args.json:
        print_json(story.to_json())
    else:
        print(story.text())
    return int(not story.agrees)
