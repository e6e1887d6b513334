# SPDX-License-Identifier: GPL-3.0-or-later
"""Events, held against doc/events.schema.json, which is for programs that read them."""

import json
import os

try:
    import jsonschema
except ImportError:
    jsonschema = None

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = os.path.join(TOP, "doc", "events.schema.json")
# Validation costs a millisecond. Of those that have the same members, so many are looked at.
SAMPLES = 20


def read_schema():
    with open(SCHEMA, encoding="utf-8") as file:
        return json.load(file)


class Validator:
    """Remembers what it has seen: {event: its members}."""

    def __init__(self):
        self.validator = jsonschema.Draft202012Validator(read_schema(), format_checker=jsonschema.FormatChecker())
        self.shapes = {}
        self.seen = {}

    def complaint(self, event):
        """What the schema has against an event, or None."""
        shape = event.get("event"), frozenset(event)
        self.shapes[shape] = self.shapes.get(shape, 0) + 1
        if self.shapes[shape] > SAMPLES:
            return None
        self.seen.setdefault(shape[0], set()).update(event)
        error = next(self.validator.iter_errors(event), None)
        return f"{error.message} in {json.dumps(event)}" if error else None

    def complaints(self, lines):
        return [complaint for complaint in map(self.complaint, map(json.loads, lines)) if complaint]
