#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
tests/events/test_schema.py: doc/events.schema.json and what is emitted are the same, and the programs in contrib/events make
of it what they say. Prints TAP.

Read are the expected events of all captures and what a unit test demands of the emitter; labs hold each event of their
gateways against the schema by themselves (tests/lab/gateway.py). BUILD names where the unit program is (build/sanitize).
"""

import glob
import json
import math
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
# pylint: disable=wrong-import-position
from statements import Skip, check, run_statements
from schema import TOP, Validator, jsonschema, read_schema

BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "sanitize"))
EMITTER = os.path.join(BUILD, "tests", "unit", "base", "test_notice_json")
EVENTS_DEMANDED = 3000
# Up to here a double has a place for each nanosecond.
EXACT_SECONDS = 2**53 / 1e9


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


class Events:
    """All events that there are to look at, read once."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "events")
        self.lines = None
        self.judged = None

    def read(self):
        if self.lines is None:
            self.lines = []
            for pattern in ("pcaps/*/expected.jsonl", "pcaps/recorded/*.jsonl", "tests/replay/golden/*.jsonl"):
                for path in sorted(glob.glob(os.path.join(TOP, pattern))):
                    self.lines += read(path).splitlines()
            if not os.path.exists(EMITTER):
                raise Skip(f"there is no {EMITTER}")
            result = subprocess.run([EMITTER], env={**os.environ, "FTPALG_EVENTS": self.path}, capture_output=True, check=False)
            check(result.returncode == 0, f"{EMITTER} failed")
            self.lines += read(self.path).splitlines()
        return self.lines

    def parsed(self):
        return [json.loads(line) for line in self.read()]

    def judge(self):
        """A validator that has seen them, and its complaints."""
        if self.judged is None:
            validator = need_validator()
            self.judged = validator, validator.complaints(self.read())
        return self.judged


def need_validator():
    if not jsonschema:
        raise Skip("python3-jsonschema is not installed")
    return Validator()


def schema_is_one():
    need_validator()
    jsonschema.Draft202012Validator.check_schema(read_schema())


def words_are_the_core_s():
    properties = read_schema()["properties"]
    for member, header, pattern, left_out in (
            ("event", "notice.h", r'X\(NOTICE_\w+, "([^"]+)"', ()),
            ("reason", "reason.h", r'X\(REASON_\w+,\s+"([^"]+)"', ("none",)),
            ("verb", "verb.h", r'X\(VERB_\w+, "(\w+)"', ()),
            ("outcome", "notice.h", r'X\(TRANSFER_\w+,\s+"([^"]+)"', ("unknown",))):
        words = [word for word in re.findall(pattern, read("include", "ftpalg", header)) if word not in left_out]
        listed = properties[member]["enum"]
        check(set(listed) == set(words), f"{member}: {set(words) ^ set(listed)}")
        moved = [f"{word} where {other} stands in {header}" for word, other in zip(listed, words) if word != other]
        check(listed == words, f"{member}, in another order: {'; '.join(moved[:1])}")
    events = [rule["if"]["properties"]["event"]["const"] for rule in read_schema()["allOf"]]
    check(events == properties["event"]["enum"], "not each event has its members")


def all_is_valid(events):
    _, complaints = events.judge()
    check(len(events.read()) >= EVENTS_DEMANDED, f"{len(events.read())} events")
    check(not complaints, "\n".join(complaints[:5]))


def all_is_emitted(events):
    validator, _ = events.judge()
    schema = read_schema()
    missing = set(schema["properties"]["event"]["enum"]) - set(validator.seen)
    check(not missing, f"nothing emits {missing}")
    missing = set(schema["properties"]) - set().union(*validator.seen.values())
    check(not missing, f"nothing has {missing}")


def others_are_refused(events):
    """One event of each kind, changed in ways that nobody may emit."""
    validator = need_validator().validator
    kinds = {event["event"]: event for event in events.parsed()}
    for event in kinds.values():
        for change in ({"colour": "red"}, {"event": "dance"}, {"version": 2}, {"version": "1"}, {"time": "yesterday"},
                       {"reason": "whim"}, {"session": 7}, {"session": "0x7"}, {"client_ip": "10.0.0.300", "client_port": 1},
                       {"client_ip": "10.0.0.3", "client_port": "1"}, {"client_nat_ip": "10.0.0"}, {"verb": "DANCE"},
                       {"bytes": -1}, {"user": "a\u0007"}, {"line": "a\\x"}, {"client_tls_names": "a"}, {"count": 0},
                       {"community_id": "2:AAAAAAAAAAAAAAAAAAAAAAAAAAA="}):
            check(not validator.is_valid({**event, **change}), f"{change} may stand in {event}")
        for member in ("time", "version", "event"):
            rest = {key: value for key, value in event.items() if key != member}
            check(not validator.is_valid(rest), f"{event['event']} needs no {member}")
    strangers = (("session-open", {"bytes": 1}), ("refuse", {"user": "anna"}), ("reload", {"session": "1"}),
                 ("transfer", {"direction": "reply"}), ("refuse", {"direction": "up"}), ("login", {"path": "a"}))
    for name, change in strangers:
        check(not validator.is_valid({**kinds[name], **change}), f"{change} may stand in {name}")


def manual_has_all():
    manual = read("doc", "ftpalg.8")
    chapter = manual[manual.index("\n.Sh EVENTS\n"):]
    words = set(re.sub(r"[^\w]", " ", chapter[:chapter.index("\n.Sh ", 5)]).split())
    missing = [member for member in read_schema()["properties"]
               if member not in words and member.replace("server_tls_", "client_tls_") not in words]
    check(not missing, f"EVENTS in ftpalg.8 lacks {missing}")


def mapped(events, name):
    if not shutil.which("jq"):
        raise Skip("jq is not installed")
    program = os.path.join(TOP, "contrib", "events", name)
    result = subprocess.run(["jq", "-c", "-f", program], input="\n".join(events.read()), text=True, capture_output=True,
                            check=False)
    check(result.returncode == 0 and not result.stderr, result.stderr)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    check(len(found) == len(events.read()), f"{len(found)} of {len(events.read())} events")
    return list(zip(events.parsed(), found))


def without_nulls(value):
    if isinstance(value, dict):
        return all(map(without_nulls, value.values()))
    return value is not None


def at(document, path):
    for name in path.split("."):
        document = document.get(name, {}) if isinstance(document, dict) else {}
    return document if document != {} else None


def check_members(pairs, members):
    """Each member of an event is at its place in what was made of it, as it was; and nothing is there that was not."""
    met = set()
    for event, made in pairs:
        check(without_nulls(made), f"null in {made}")
        for member, place in members.items():
            check(at(made, place) == event.get(member), f"{member} of {event} is {at(made, place)!r} at {place}")
            if member in event:
                met.add(member)
    check(met == set(members), f"no event had {set(members) - met}")


ECS_TYPES = {"access", "admin", "allowed", "change", "connection", "creation", "deletion", "denied", "end", "error", "group",
             "indicator", "info", "installation", "protocol", "start", "user"}
ECS_CATEGORIES = {"authentication", "configuration", "file", "network", "process", "session"}


def ecs_has_its_places(events):
    pairs = mapped(events, "ecs.jq")
    check_members(pairs, {
        "time": "@timestamp", "event": "event.action", "reason": "event.reason", "session": "labels.session",
        "community_id": "network.community_id", "client_ip": "source.ip", "client_port": "source.port",
        "client_nat_ip": "source.nat.ip", "client_nat_port": "source.nat.port", "server_ip": "destination.ip",
        "server_port": "destination.port", "server_nat_ip": "destination.nat.ip", "server_nat_port": "destination.nat.port",
        "user": "user.name", "rule": "rule.name", "path": "file.path", "client_tls_sni": "tls.client.server_name"})
    for event, made in pairs:
        check(set(made["event"]["type"]) <= ECS_TYPES and set(made["event"]["category"]) <= ECS_CATEGORIES, f"{made['event']}")
        check(made["event"]["outcome"] in ("success", "failure", "unknown"), f"{made['event']}")
        if event["event"] == "refuse":
            check("denied" in made["event"]["type"], f"{made['event']}")
        if "seconds" in event:
            # jq and Python both count in doubles, which have no room for each nanosecond of the longest time that can be
            # told.
            slack = 0 if event["seconds"] < EXACT_SECONDS else 4 * math.ulp(event["seconds"] * 1e9)
            check(abs(made["event"]["duration"] - round(event["seconds"] * 1e9)) <= slack, f"{made['event']} of {event}")


def eve_has_its_places(events):
    pairs = mapped(events, "eve.jq")
    check_members(pairs, {
        "time": "timestamp", "community_id": "community_id", "client_ip": "src_ip", "client_port": "src_port",
        "server_ip": "dest_ip", "server_port": "dest_port"})
    kinds = set()
    for event, made in pairs:
        kinds.add(made["event_type"])
        check(("session" in event) == ("flow_id" in made), f"flow_id of {event}")
        if event["event"] == "refuse":
            check(made["event_type"] == "alert" and made["alert"]["signature"].endswith(event.get("reason", "")), f"{made}")
            check(made["alert"]["action"] == "blocked", f"{made}")
        if event["event"] == "transfer":
            check(made["ftp"]["command"] == event.get("verb"), f"{made}")
    check(kinds == {"alert", "anomaly", "flow", "ftp", "ftp_data", "tls", "stats"}, f"{kinds}")


def statements(directory):
    events = Events(directory)
    yield "the schema is a schema", schema_is_one
    yield "its events, reasons, verbs and outcomes are those of the core", words_are_the_core_s
    yield "what is emitted is valid", lambda: all_is_valid(events)
    yield "every event and every member in the schema is emitted by something", lambda: all_is_emitted(events)
    yield "what is not in the schema is not valid", lambda: others_are_refused(events)
    yield "the manual has every member", manual_has_all
    yield "contrib/events/ecs.jq: every member has its place in Elastic's schema", lambda: ecs_has_its_places(events)
    yield "contrib/events/eve.jq: every event is one of Suricata's kinds", lambda: eve_has_its_places(events)


if __name__ == "__main__":
    sys.exit(run_statements(__doc__, statements))
