#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A263: a client or a server that says whatever packets can say (storm.py), past a real kernel, to a real TCP: several
versions of one text mixed, in pieces, contradicting each other, in fragments that overlap, behind extension headers, with
any flag, number, option, window and lifetime, among ICMP errors and while conntrack is made to forget.

What arrives is judged where it arrives: no number has two bytes, so that whichever copy a receiver keeps, it reads the same;
and what all of them read names no third host, also to who takes an urgent byte out of line. No pinhole is one of a third
host.

The trials are random with a fixed seed (LAB_SEED), as many as there is time for (LAB_WIRE_SECONDS, for each statement).
"""

import contextlib
import functools
import os
import random
import re
import socket
import time

import rules
import wire
from lab import Lab
from rawtcp import SYN
from scripted import ScriptedServer, family_of, is_ipv6, offer_line, port_argument
from storm import Liar, LyingServer, Storm
from tap import Plan, check
from transfers import amount
from wire import CIRCLE

SECONDS = float(os.environ.get("LAB_WIRE_SECONDS") or amount(1.5, 30))
SEED = int(os.environ.get("LAB_SEED", "1"))
STEPS = (5, 20, 60, 150)
VICTIM_PORT = 2525
# Where a DNAT sends what was dialled as 21. It is no control port.
OTHER_PORT = 8021
KEPT_OPTIONS = {False: {5: None, 8: 10}, True: {2: 4, 3: 3, 4: 2, 8: 10}}  # with their lengths; True: of a SYN


class StormLab(Lab):
    """translated: DNAT to OTHER_PORT. loose: conntrack takes up connections in the middle."""

    def __init__(self, mode, translated=False, loose=1):
        super().__init__(mode=mode, forward_all=True)
        self.loose, self.server_port = loose, OTHER_PORT if translated else 21

    def __enter__(self):
        super().__enter__()
        try:
            self.router.sysctl("netfilter/nf_conntrack_tcp_loose", self.loose)
            if self.server_port != 21:
                for family, addresses in self.addresses.items():
                    self._translate(family, addresses)
        except BaseException:
            self._close()
            raise
        return self

    def _translate(self, family, addresses):
        host = f"[{addresses.server}]" if family == 6 else addresses.server
        if rules.FLAVOUR == "nft":
            ip = "ip6" if family == 6 else "ip"
            self.router.run(["nft", "insert", "rule", "inet", "lab", "translate_destination", "iifname", "inside", ip,
                             "daddr", addresses.server_public, "tcp", "dport", "21", "dnat", ip, "to",
                             f"{host}:{OTHER_PORT}"])
        else:
            self.router.run([rules.iptables(family), "-t", "nat", "-I", "PREROUTING", "-i", "inside", "-d",
                             addresses.server_public, "-p", "tcp", "--dport", "21", "-j", "DNAT", "--to-destination",
                             f"{host}:{OTHER_PORT}"])


@contextlib.contextmanager
def silent_kernel(lab, host):
    """It does not end what it knows nothing of."""
    rule = ["OUTPUT", "-p", "tcp", "--tcp-flags", "RST", "RST", "-j", "DROP"]
    for family in (4, 6):
        lab.hosts[host].run([rules.iptables(family), "-A", *rule])
    try:
        yield
    finally:
        for family in (4, 6):
            lab.hosts[host].run([rules.iptables(family), "-D", *rule])


class Pinholes:
    """Every expectation that comes to be on the router."""

    def __init__(self, lab):
        self._log = lab.path("expectations")
        self._process = lab.router.spawn(["conntrack", "-E", "expect", "-e", "NEW"], log=self._log)

    def check(self, lab, family):
        """Each is one of the peers', and of no denied port."""
        addresses = lab.addresses[family]
        peers = {addresses.client, addresses.server, lab.client_seen(family), lab.server_seen(family)}
        with open(self._log, encoding="ascii", errors="replace") as file:
            found = re.findall(r"src=(\S+) dst=(\S+) sport=\d+ dport=(\d+) mask", file.read())
        for source, destination, port in found:
            if is_ipv6(source) == (family == 6):
                check({source, destination} <= peers and int(port) >= 1024,
                      f"a pinhole from {source} to {destination}:{port}")
        self._process.stop()


def versions_of(draw, choices, count, ending):
    """Texts of one length: each of count lines is drawn from choices, and has as many forms."""
    forms = [[line.ljust(max(map(len, lines))) for line in lines] for lines in (draw.choice(choices) for _ in range(count))]
    texts = [b"\r\n".join(lines[number % len(lines)] for lines in forms) + b"\r\n" for number in range(3)]
    return [*texts, bytes(draw.choice(ending) for _ in texts[0])]


def commands(lab, family, draw):
    addresses = lab.addresses[family]
    mine = offer_line(addresses.client, draw.randrange(20000, 30000), draw.random() < 0.5)
    theirs = offer_line(addresses.victim, VICTIM_PORT, mine.startswith(b"EPRT"))
    choices = ([mine, b"NOOP " + theirs, theirs], [b"NOOP " + theirs, theirs, b"XXXX " + theirs], [mine, theirs, b"NOOP x"],
               [theirs, mine, b"NOOP"], [b"CWD a" + theirs, b"CWD \n" + theirs, b"\r\n\r\n\n" + theirs],
               [b"\xff\xf4\xff\xf2ABOR", theirs, b"NOOP"], [b"NOOP", theirs, mine])
    return versions_of(draw, choices, draw.randrange(1, 5), b"PORT \r\n1,0")


def announcement(address, port):
    return b"227 ok (" + port_argument(address, port).encode() + b")"


def replies(lab, family, draw):
    """One to CWD, one to PASV or EPSV if that has been asked by then, and one too many."""
    port = draw.randrange(20000, 30000)
    theirs = announcement(lab.addresses[4].victim, VICTIM_PORT)
    mine = b"229 ok (|||%d|)" % port if family == 6 else announcement(lab.addresses[4].server, port)
    choices = ([b"250 a " + theirs, theirs], [b"250-a\r\n " + theirs + b"\r\n250 b", theirs, b"250 " + theirs],
               [b"200 a", theirs], [b"550 " + theirs, b"550-\n" + theirs], [mine, theirs, b"250 a"],
               [theirs, mine, b"250 a"], [b"500 no", theirs, mine])
    return versions_of(draw, choices, 3, b"227 \r\n(1,0)")


def foreign_options(one):
    """Kinds of a segment's options that should have been stripped."""
    kept, options, found = KEPT_OPTIONS[bool(one.flags & SYN)], one.options, []
    while options and options[0]:
        if options[0] == 1:
            options = options[1:]
        elif len(options) < 2 or options[1] < 2 or options[1] > len(options):
            return found + [options[0]]
        else:
            if options[0] not in kept or kept[options[0]] not in (None, options[1]):
                found.append(options[0])
            options = options[options[1]:]
    return found


class Judge:
    """names_another: whether a line, as somebody reads it, leads to a third host. announces: what counts as an offer."""

    def __init__(self, names_another, announces):
        self.names_another, self.announces = names_another, announces
        self.counts = {}

    def count(self, what, more=1):
        self.counts[what] = self.counts.get(what, 0) + more

    def judge(self, came):
        """came: what arrived of one direction of a trial. A peer that calls anew begins another stream."""
        for one in came:
            check(not foreign_options(one), f"options {foreign_options(one)} in {one}")
        for end in {one.source for one in came if one.flags & SYN}:
            for first in {one.seq for one in came if one.source == end and one.flags & SYN}:
                self._judge_stream([one for one in came if one.source == end], first)

    def _judge_stream(self, came, first):
        readings = wire.Readings((first + 1) % CIRCLE)
        for one in came:
            readings.take(one)
        check(not readings.contradictions(), f"bytes that came in two versions: {readings.contradictions()}")
        for text in readings.streams():
            for line in text.split(b"\n"):
                check(not self.names_another(line), f"somebody reads {line!r} in {text!r}")
        self.count("bytes", len(readings.stream()))
        self.count("offers", len(re.findall(self.announces, readings.stream())))


def victim_in(lab, family, line):
    victim = lab.addresses[family].victim
    return (victim if is_ipv6(victim) else victim.replace(".", ",")).encode() in line


def command_judge(lab, family):
    def names_another(line):
        bare = re.sub(rb"^[\0-\x20\x7f-\xff]+", b"", line).upper()
        return bare.startswith((b"PORT", b"EPRT", b"LPRT")) and victim_in(lab, family, line)
    return Judge(names_another, rb"(?m)^(?:PORT|EPRT) ")


def reply_judge(lab, _family):
    return Judge(lambda line: line.startswith(b"227") and victim_in(lab, 4, line), rb"(?m)^22[79] ")


def lying_client(lab, family, draw, judge):
    port = draw.randrange(20000, 30000)
    liar = Liar(lab, family, draw, "client", "inside", (lab.addresses[family].client, port), (lab.server_seen(family), 21))
    with contextlib.closing(liar), contextlib.closing(wire.Tap(lab.server)) as tap:
        liar.call()
        liar.until(lambda: b"220 " in liar.heard and liar.heard.endswith(b"\n"), 3)
        for line, code in ((b"USER a\r\n", b"331 "), (b"PASS b\r\n", b"230 ")):
            liar.tell(line, functools.partial(liar.heard.__contains__, code))
        storm = Storm(liar, commands(lab, family, draw))
        came = tap.take()
        for _ in range(draw.choice(STEPS)):
            storm.step()
        storm.end()
        came += tap.take(0.05)
        judge.judge([one for one in came if not one.outgoing and one.destination[1] == lab.server_port])


def read_all(client):
    with contextlib.suppress(OSError):  # nothing is there, or it was reset
        while client.recv(4096):
            pass


def say_once(client, line):
    with contextlib.suppress(OSError):
        client.send(line)


def lying_server(lab, family, draw, judge):
    liar = LyingServer(lab, family, draw, "server", "outside", (lab.addresses[family].server, lab.server_port))
    with lab.client.entered():
        client = socket.socket(family_of(lab.addresses[family].client), socket.SOCK_STREAM)
    with client, contextlib.closing(liar), contextlib.closing(wire.Tap(lab.client)) as tap:
        client.setblocking(False)
        client.connect_ex((lab.server_seen(family), 21))
        liar.accept()
        for line, answer in ((b"220 a\r\n", b"USER a\r\n"), (b"331 a\r\n", b"PASS b\r\n"), (b"230 a\r\n", b"CWD a\r\n")):
            liar.tell(line, functools.partial(answers, client, line, answer, liar))
        storm, asked = Storm(liar, replies(lab, family, draw)), False
        for number in range(draw.choice(STEPS)):
            storm.step()
            if number % 8 == 7:
                read_all(client)
                if not asked and draw.random() < 0.3:
                    asked = True
                    say_once(client, b"EPSV\r\n" if family == 6 else b"PASV\r\n")
        storm.end()
        here = client.getsockname()[:2]
        judge.judge([one for one in tap.take(0.05) if not one.outgoing and one.destination == here])


def answers(client, line, answer, liar):
    """Has the client say answer to line; true when the server has it."""
    with contextlib.suppress(BlockingIOError):
        if client.recv(4096).endswith(line):
            client.send(answer)
    return liar.heard.endswith(answer)


def storms(lab, family, trial, make_judge, host):
    judge, pinholes, number = make_judge(lab, family), Pinholes(lab), 0
    server = contextlib.nullcontext()
    if host == "client":
        server = ScriptedServer(lab.server, lab.addresses[family].server, lab.server_port)
    with server, silent_kernel(lab, host):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            number += 1
            name = f"{SEED}.{number} {host} {family} {lab.mode} {lab.server_port}"
            try:
                trial(lab, family, random.Random(name), judge)
            except TimeoutError:
                judge.count("unanswered")  # conntrack may have forgotten it, or the port be in use
            except Exception as failure:
                raise RuntimeError(f"trial {name}: {failure}") from failure
    pinholes.check(lab, family)
    lab.gateway.check_invariant()
    print(f"# {number} trials: {', '.join(f'{count} {what}' for what, count in judge.counts.items())}", flush=True)
    check(judge.counts.get("unanswered", 0) <= number / 2 and judge.counts.get("bytes"),
          "nothing came through: this tests nothing")


def main():
    plan = Plan(__doc__)
    labs = (("routed", ("routed",)), ("SNAT", ("snat",)), ("DNAT to another port", ("dnat", True)),
            ("both, not loose", ("both", False, 0)))
    for name, words in labs:
        fixture = functools.partial(StormLab, *words)
        for family in (4, 6):
            for who, trial, judge in (("client", lying_client, command_judge), ("server", lying_server, reply_judge)):
                plan.add(f"a263: whatever a {who} sends, all receivers read what was judged ({name}, IPv{family})", storms,
                         family, trial, judge, who, fixture=fixture)
    plan.run()


if __name__ == "__main__":
    main()
