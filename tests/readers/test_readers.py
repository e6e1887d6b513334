#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
tests/readers/test_readers.py [-k TEXT]: what the clients of doc/readers.md (clients.py) make of random dialogues
(dialogues.py) that have gone through the core's session (relay.c). No client may read an endpoint that was not announced to
it. In the answer to an EPSV that is said of clients in step, which had read all that was said to them when they said each of
their commands (doc/readers.md says why). A dialogue in which one does is shown, with its number, as short as it can be.
Prints TAP.

RELAY names the program. READERS_FIRST is the number of the first dialogue (0) and READERS_COUNT how many there are of each
kind (30,000; with LAB_FULL a million).
"""

import os
import pathlib
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Callable

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))

# pylint: disable=wrong-import-position
from clients import CLIENTS, EPSV_CLIENTS, PEER
from dialogues import MODES, Dialogue, Turn, make_dialogue, make_extended_dialogue
from statements import check, run_statements

RELAY = os.environ.get("RELAY", str(TOP / "build/sanitize/tests/readers/relay"))
FIRST = int(os.environ.get("READERS_FIRST", "0"))
COUNT = int(os.environ.get("READERS_COUNT", "1000000" if os.environ.get("LAB_FULL") else "30000"))
AT_A_TIME = 1000
# Nobody can be reached at port 0.
NOWHERE = ":0"
# Of a hundred dialogues, so many must lead each client to an endpoint: else the statement says nothing.
READ_AT_LEAST = 5


@dataclass
class Heard:
    """What came through in a turn. ended: the session has, and nothing follows."""
    lines: list = field(default_factory=list)
    announced: list = field(default_factory=list)
    ended: bool = False


@dataclass(frozen=True)
class Kind:
    """in_step: what a client reads counts while it has read all that had been said when it says its next command."""
    request: str
    clients: tuple
    make_dialogue: Callable
    in_step: bool


PASV = Kind("PASV", CLIENTS, make_dialogue, False)
EPSV = Kind("EPSV", EPSV_CLIENTS, make_extended_dialogue, True)


@dataclass(frozen=True)
class Violation:
    number: int
    dialogue: Dialogue


def said_in(dialogue):
    """The dialogue as relay.c is told it."""
    said = [f"N {dialogue.mode}"]
    for turn in dialogue.turns:
        said += [f"C {turn.command}"] if turn.command else []
        said += [f"S {line}" for line in turn.lines]
    return said


def relay(dialogues):
    """What the client hears in each turn of each dialogue."""
    said = "".join(f"{line}\n" for dialogue in dialogues for line in said_in(dialogue))
    done = subprocess.run([RELAY], input=said.encode(), capture_output=True, check=False)
    check(done.returncode == 0, f"{RELAY} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    answers = iter(done.stdout.split(b"\n"))
    return [[hear_turn(turn, answers) for turn in dialogue.turns] for dialogue in dialogues]


def hear_turn(turn, answers):
    heard = Heard()
    for index in range(len(turn.lines) + (turn.command != "")):
        answer = next(answers)
        while answer[:1] == b"O":
            heard.announced.append(answer[2:].decode())
            answer = next(answers)
        if answer[:1] == b"!":
            heard.ended = True
        elif index > 0 or not turn.command:
            heard.lines.append(answer[2:])
    return heard


def is_preliminary(turn, reply):
    return turn.command[:4] in ("RETR", "LIST", "STOR") and reply[-1][:1] == b"1"


class Reading:
    """One client in one dialogue. It says its next command when it has read a reply to the one before."""

    def __init__(self, kind, client):
        self.kind = kind
        self.client = client
        self.memory = client.begin()
        self.waiting = []

    def next_reply(self):
        count = self.client.ends(self.waiting)
        reply, self.waiting = self.waiting[:count or 0], self.waiting[count or 0:]
        return reply

    def answer_to(self, turn):
        """The reply that it takes for the turn's, or nothing where it waits for more."""
        reply = self.next_reply()
        return self.next_reply() if reply and is_preliminary(turn, reply) else reply

    def endpoints(self, dialogue, heard):
        """Where the client would connect to, and what had been announced by then."""
        announced = set()
        for turn, part in zip(dialogue.turns, heard):
            if self.kind.in_step and self.waiting:
                return
            self.waiting += part.lines
            announced.update(part.announced)
            reply = self.answer_to(turn)
            endpoint = None
            if reply and turn.command.startswith(self.kind.request):
                endpoint = self.memory.read(reply)
            elif reply:
                self.memory.hear(reply)
            if endpoint and not endpoint.endswith(NOWHERE):
                yield endpoint.replace(PEER, MODES[dialogue.mode]), set(announced)
            if part.ended or not reply:
                return


def strays(kind, client, dialogue):
    """The first endpoint that was not announced, or None."""
    heard, = relay([dialogue])
    return next((endpoint for endpoint, announced in Reading(kind, client).endpoints(dialogue, heard)
                 if endpoint not in announced), None)


def shorter(dialogue):
    """The dialogue with a turn less, and with a line less."""
    turns = dialogue.turns
    for i, turn in enumerate(turns):
        if turn.command:
            yield replace(dialogue, turns=turns[:i] + turns[i + 1:])
        for j in range(len(turn.lines)):
            less = Turn(turn.command, turn.lines[:j] + turn.lines[j + 1:])
            yield replace(dialogue, turns=(*turns[:i], less, *turns[i + 1:]))


def shortest(kind, client, dialogue):
    """What is left of it when every line that is taken away makes the client do right."""
    found = dialogue
    while found:
        dialogue = found
        found = next((less for less in shorter(dialogue) if strays(kind, client, less)), None)
    return dialogue


def show(kind, client, violation):
    dialogue = shortest(kind, client, violation.dialogue)
    heard, = relay([dialogue])
    where = strays(kind, client, dialogue)
    lines = [f"dialogue {violation.number}, translated: {dialogue.mode}; the client goes to {where}"]
    for turn, part in zip(dialogue.turns, heard):
        lines += [f"C: {turn.command}"] if turn.command else []
        lines += [f"S: {line}" for line in turn.lines]
        lines += [f"   the client hears {line.decode(errors='backslashreplace')}" for line in part.lines]
        lines += [f"   announced: {endpoint}" for endpoint in part.announced]
    return "\n".join(lines)


class Play:
    """All dialogues of a kind, played when the first statement asks for them."""

    def __init__(self, kind):
        self.kind = kind
        self.played = False
        self.read = Counter()
        self.violations = {}

    def run(self):
        if self.played:
            return
        self.played = True
        for first in range(FIRST, FIRST + COUNT, AT_A_TIME):
            numbers = range(first, min(first + AT_A_TIME, FIRST + COUNT))
            dialogues = [self.kind.make_dialogue(number) for number in numbers]
            for number, dialogue, heard in zip(numbers, dialogues, relay(dialogues)):
                self.judge(number, dialogue, heard)

    def judge(self, number, dialogue, heard):
        for client in self.kind.clients:
            for endpoint, announced in Reading(self.kind, client).endpoints(dialogue, heard):
                if endpoint in announced:
                    self.read[client, dialogue.mode] += 1
                elif client not in self.violations:
                    self.violations[client] = Violation(number, dialogue)

    def check_client(self, client):
        self.run()
        violation = self.violations.get(client)
        check(not violation, violation and show(self.kind, client, violation))

    def check_enough(self):
        self.run()
        for client in self.kind.clients:
            for mode in MODES:
                read = self.read[client, mode]
                check(read * len(MODES) * 100 >= READ_AT_LEAST * COUNT,
                      f"{client.name}, translated: {mode}: {read} endpoints read")


def statements(_directory):
    play = Play(PASV)
    for client in CLIENTS:
        yield f"{client.name} reads no endpoint that was not announced", lambda client=client: play.check_client(client)
    yield "each client reads endpoints, whatever is translated", play.check_enough
    extended = Play(EPSV)
    for client in EPSV_CLIENTS:
        yield (f"a350: {client.name} in step reads no port that was not announced",
               lambda client=client: extended.check_client(client))
    yield "each client reads ports, whatever is translated", extended.check_enough


if __name__ == "__main__":
    sys.exit(run_statements(__doc__, statements))
