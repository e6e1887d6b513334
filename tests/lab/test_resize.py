#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Control connections whose lines changed their length stay healthy: every byte arrives as it was sent, conntrack calls no
packet invalid, nothing is sent twice, and the connection is kept as long as any other.
"""

import collections
import contextlib
import functools
import re
import time

from capture import RST, Capture
from conntrack import connections
from lab import Lab
from process import SLOWNESS, wait_until
from scripted import ScriptedClient, ScriptedServer, naive_endpoint, offer_line
from tap import Plan, check, check_equal

LINES = 600
LINE_LENGTH = 500
PIPELINED = 6
# What a machine that is busy for longer than a retransmission timeout may repeat. Of a connection whose numbers don't fit,
# everything is repeated, again and again.
REPEATED, REPEATED_EACH = 5, 2


def long_text(number):
    """Text that tells its line and its place, so that bytes that moved are seen."""
    return (f"{number:06d} " * LINE_LENGTH)[:LINE_LENGTH - 7].encode()


def noop(argument):
    return f"200 {argument}\r\n".encode()


def check_no_storm(segments, what):
    """Few data segments were sent again, and none again and again."""
    copies = collections.Counter((segment.source, segment.sequence) for segment in segments
                                 if segment.is_control() and segment.payload)
    repeated = {key: count - 1 for key, count in copies.items() if count > 1}
    check(sum(repeated.values()) <= REPEATED and max(repeated.values(), default=0) <= REPEATED_EACH,
          f"{what} saw {sum(repeated.values())} of {len(copies)} segments again, one of them "
          f"{max(repeated.values(), default=0)} times")


def exchange(client, first, count):
    """count long commands and their replies, PIPELINED at a time; returns what was sent."""
    sent = bytearray()
    for start in range(first, first + count, PIPELINED):
        numbers = range(start, min(start + PIPELINED, first + count))
        commands = [b"NOOP " + long_text(number) + b"\r\n" for number in numbers]
        client.send(b"".join(commands))
        sent += b"".join(commands)
        for command in commands:
            check_equal(client.reply(), b"200 " + command[5:], "the reply to a long command")
    return bytes(sent)


def check_offers(session, lab, family):
    """No offer that reached the server names anything but the client as the server knows it."""
    for line in session.lines:
        verb, _, argument = line.decode("latin-1").strip().partition(" ")
        endpoint = naive_endpoint(verb, argument) if verb in ("PORT", "EPRT") else None
        if endpoint:
            check_equal(endpoint[0], lab.client_seen(family), f"the address in {line!r}")


def check_bytes(client, session, lab, family, lines):
    """Compares what the server received with what was sent, each PORT and EPRT as it should have been translated."""
    expected = b"".join(lines)
    expected = re.sub(rb"\r\n(PORT|EPRT) [^\r]*", rb"\r\n\1 ?", expected)
    received = re.sub(rb"\r\n(PORT|EPRT) [^\r]*", rb"\r\n\1 ?", bytes(session.received))
    if received != expected:
        at = next((i for i, (a, b) in enumerate(zip(received, expected)) if a != b), min(len(received), len(expected)))
        check(False, f"commands differ from byte {at} on: sent {expected[at - 40:at + 40]!r}, "
                     f"received {received[at - 40:at + 40]!r}")
    check_offers(session, lab, family)
    check_equal(len(client.received), client.received.rfind(b"\n") + 1, "bytes behind the last reply")


class Offers:
    """Sends offers and keeps what was sent."""

    def __init__(self, client, sent):
        self.client = client
        self.sent = sent

    def make(self, port, extended=None):
        line = offer_line(self.client.address, port, extended)
        self.sent.append(line + b"\r\n")
        self.client.command(line, "200")


def carry(lab, family, offers_first):
    """Some offers, then 300 kB of commands and 300 kB of replies, with one more offer in the middle."""
    for host in (lab.client, lab.server):
        # On a path this short a sender would probe after milliseconds of silence (RFC 8985 7.2).
        host.sysctl("ipv4/tcp_early_retrans", 0)
    with ScriptedServer(lab.server, lab.addresses[family].server, handlers={"NOOP": noop}) as server, \
            Capture(lab.server, lab.directory, "tcp port 21") as far, \
            Capture(lab.client, lab.directory, "tcp port 21") as near:
        with ScriptedClient(lab.client, lab.server_seen(family)) as client:
            client.login()
            sent = [b"USER anonymous\r\nPASS lab@\r\n"]
            offers = Offers(client, sent)
            for number in range(offers_first):
                # Ports of three to five digits, so that lines differ in length; both kinds of command.
                offers.make((2000, 20021, 2303)[number % 3] + number, extended=number % 2)
            sent.append(exchange(client, 0, LINES // 2))
            offers.make(40000)
            sent.append(exchange(client, LINES // 2, LINES // 2))
            sent.append(b"QUIT\r\n")
            client.command(b"QUIT", "221")
        session = server.session()
        wait_until(session.ended.is_set, "the server's end of the session")
        check_bytes(client, session, lab, family, sent)
    check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")
    for capture, what in ((far, "the server"), (near, "the client")):
        segments = list(capture.segments())
        bad = [segment for segment in segments if not (segment.ip_valid and segment.tcp_valid)]
        check_equal(bad, [], "segments with bad checksums")
        check_no_storm(segments, what)
        check(not any(segment.flags & RST for segment in segments), "the control connection was reset")


def offers_back_to_back(lab, family):
    """Ten offers at once in one segment: ten edits are wanted while nothing is acknowledged."""
    with ScriptedServer(lab.server, lab.addresses[family].server, handlers={"NOOP": noop}) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        lines = [offer_line(client.address, 30000 + number) + b"\r\n" for number in range(10)]
        client.send(b"".join(lines))
        for _ in lines:
            client.expect("200", "5")
        sent = exchange(client, 0, 60)
        received = bytes(server.session().received)
        check(received.endswith(sent), f"commands behind the offers were changed: {received[-len(sent):][:200]!r}")
        check_offers(server.session(), lab, family)
        # Whether or not the gateway refused some of them, the session still does its work.
        client.list_active()
    check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")


def control_timeout(lab, family):
    entries = [entry for entry in connections(lab.router, family, 21) if entry.state == "ESTABLISHED"]
    check_equal(len(entries), 1, "established control connections")
    return entries[0].timeout


def idle_connections_survive(lab):
    """
    Ten minutes of silence on a router where an entry that is stuck in one of conntrack's short timeouts (300 s for
    unacknowledged data) would be gone after five; all of it a hundred times as fast.
    """
    lab.router.sysctl("netfilter/nf_conntrack_tcp_timeout_unacknowledged", 3)
    lab.router.sysctl("netfilter/nf_conntrack_tcp_timeout_max_retrans", 3)
    least = int(lab.router.read_sysctl("netfilter/nf_conntrack_tcp_timeout_established")) - 60 * SLOWNESS
    with contextlib.ExitStack() as stack:
        clients = {}
        for family, addresses in lab.addresses.items():
            stack.enter_context(ScriptedServer(lab.server, addresses.server))
            clients[family] = stack.enter_context(ScriptedClient(lab.client, lab.server_seen(family)))
            clients[family].login()
            clients[family].list_active()
            clients[family].list_active()
            check(control_timeout(lab, family) > least, f"IPv{family}: the timeout is not that of a live connection: "
                  f"{control_timeout(lab, family)} s")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 6, "six seconds of silence", timeout=60)
        for family, client in clients.items():
            check(control_timeout(lab, family) > least, f"IPv{family}: the timeout shrank while nothing was sent: "
                  f"{control_timeout(lab, family)} s")
            client.command(b"NOOP", "200")
            client.list_active()
            client.list_passive()


def control_ports_are_clamped(lab, family):
    """The rules lower the MSS of control connections, so that a line may grow without outgrowing the path."""
    with ScriptedServer(lab.server, lab.addresses[family].server), Capture(lab.server, lab.directory) as far, \
            ScriptedClient(lab.client, lab.server_seen(family), source=lab.addresses[family].client) as client:
        client.login()
        client.command(b"NOOP " + b"x" * 3000, "200")
        client.command(b"QUIT", "221")
    longest = max(len(segment.payload) for segment in far.segments() if segment.is_control())
    check(1000 < longest <= 1160, f"the longest control segment carried {longest} bytes")


def main():
    plan = Plan(__doc__)
    for lengths, direction in (("grow", "longer"), ("shrink", "shorter")):
        for mode in ("snat", "both"):
            fixture = functools.partial(Lab, mode=mode, lengths=lengths)
            for family in (4, 6):
                where = f"IPv{family}, {'SNAT' if mode == 'snat' else 'SNAT and DNAT'}, {direction} public address"
                plan.add(f"300 kB each way arrive unchanged behind one edited line ({where})", carry, family, 1,
                         fixture=fixture)
                plan.add(f"300 kB each way arrive unchanged behind ten edited lines ({where})", carry, family, 10,
                         fixture=fixture)
                if mode == "snat":
                    plan.add(f"ten offers in one segment harm nothing that follows them ({where})", offers_back_to_back,
                             family, fixture=fixture)
    for lengths, direction in (("grow", "longer"), ("shrink", "shorter")):
        plan.add(f"idle control connections keep the timeout of established ones ({direction} public address)",
                 idle_connections_survive, fixture=functools.partial(Lab, mode="snat", lengths=lengths))
    plan.add("segments of control connections leave room for a line to grow", control_ports_are_clamped, 4,
             fixture=functools.partial(Lab, mode="snat"))
    plan.run()


if __name__ == "__main__":
    main()
