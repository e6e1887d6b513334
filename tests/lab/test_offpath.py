#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Strangers off the path, A83, A84, A89 and A144 of the catalogue: hosts beside the client and beside the server, which know
all addresses and ports of a control connection, hear nothing of it, and send whatever they like in either peer's name, to
the router and to the peers.

Nothing is opened, closed or stalled: every command is answered within BOUND seconds, and the longest time is printed.
What each volley is made of is below; its numbers are random, but for the timestamps, which go around the whole circle.
"""

import contextlib
import functools
import itertools
import os
import random
import socket
import struct
import time

from lab import Lab
from process import Stopwatch, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer, family_of, is_ipv6, offer_line
from tap import Plan, check, check_equal

BOUND = 2.0
COPIES = 8
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
FLAGS = (SYN, SYN | ACK, ACK, PSH | ACK, RST, RST | ACK, 0)
# Where an edit has made conntrack liberal it takes a FIN of any number for the end, and then a SYN for another beginning:
# what is not defended is in the threat model.
ALL_FLAGS = (FIN | ACK, *FLAGS)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(source, destination, numbers, flags, payload=b"", window=0, timestamp=None):
    """A whole IP packet with any source."""
    (source, sport), (destination, dport), (sequence, acknowledgement) = source, destination, numbers
    pack = functools.partial(socket.inet_pton, family_of(source))
    options = b"" if timestamp is None else b"\1\1\x08\x0a" + struct.pack("!II", timestamp, 0)
    segment = struct.pack("!HHIIBBHHH", sport, dport, sequence, acknowledgement, (20 + len(options)) // 4 << 4, flags,
                          window, 0, 0) + options + payload
    addresses = pack(source) + pack(destination)
    if is_ipv6(source):
        pseudo = addresses + struct.pack("!II", len(segment), 6)
        header = struct.pack("!IHBB", 6 << 28, len(segment), 6, 64) + addresses
    else:
        pseudo = addresses + struct.pack("!BBH", 0, 6, len(segment))
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, 6, 0) + addresses
    return header + segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]


class Stranger:
    """A host that sends in another's name."""

    def __init__(self, namespace, family):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_RAW,
                                        socket.IPPROTO_RAW)

    def volley(self, source, destination, payload, kinds):
        for flags, copy in itertools.product(kinds, range(COPIES)):
            data = payload if flags & PSH else b""
            content = packet(source, destination, (random.getrandbits(32), random.getrandbits(32)), flags, data,
                             window=copy % 2 * 65535, timestamp=copy << 29 if flags & ACK else None)
            self.socket.sendto(content, (destination[0], 0))

    def close(self):
        self.socket.close()


class Strangers:
    """Both of them, and a session that they attack."""

    def __init__(self, lab, family, client):
        addresses = lab.addresses[family]
        self.client = addresses.client, client.local_port
        self.client_seen = addresses.client_seen(lab.mode), client.local_port
        self.server = addresses.server, 21
        self.server_seen = addresses.server_seen(lab.mode), 21
        self.payload = offer_line(addresses.victim, 2525) + b"\r\n", b"227 (10,7,1,99,9,9)\r\n"
        self.inside = Stranger(lab.hosts["neighbour"], family)
        self.outside = Stranger(lab.hosts["victim"], family)

    def attack(self, kinds=FLAGS):
        """To the router in either's name, from where each would come, and to each on its own net."""
        command, reply = self.payload
        self.inside.volley(self.client, self.server_seen, command, kinds)
        self.outside.volley(self.server, self.client_seen, reply, kinds)
        self.outside.volley(self.client_seen, self.server, command, kinds)
        self.inside.volley(self.server_seen, self.client, reply, kinds)
        time.sleep(0.1)

    def close(self):
        self.inside.close()
        self.outside.close()


@contextlib.contextmanager
def attacked_session(lab, family):
    with ScriptedServer(lab.server, lab.addresses[family].server) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        with contextlib.closing(Strangers(lab, family, client)) as strangers:
            yield server, client, strangers


class Clock:
    """The longest time that anything took."""

    def __init__(self):
        self.longest = 0.0

    @contextlib.contextmanager
    def measured(self):
        with Stopwatch() as watch:
            yield
        self.longest = max(self.longest, watch.seconds())

    def judge(self):
        print(f"# the slowest answer took {self.longest:.3f} s", flush=True)
        check(self.longest < BOUND, f"an answer took {self.longest:.3f} s")


def check_unharmed(lab, client, since, clock, pinholes):
    def events(name):
        return lab.gateway.events(name, since, client=client.endpoint)

    clock.judge()
    check_equal(events("session-close"), [], "sessions that were closed")
    wait_until(lambda: len(events("pinhole-open")) >= pinholes, "the pinholes")
    check_equal(len(events("pinhole-open")), pinholes, "pinholes")


def idle(lab, family):
    since, clock = lab.gateway.position(), Clock()
    with attacked_session(lab, family) as (_, client, strangers):
        for _ in range(4):
            strangers.attack(ALL_FLAGS)
            with clock.measured():
                client.command(b"NOOP", "200")
        check_unharmed(lab, client, since, clock, 0)


def behind_an_edit(lab, family):
    """conntrack lets packets of any number pass from now on; and lines come in pieces, so the gateway acknowledges."""
    since, clock = lab.gateway.position(), Clock()
    with attacked_session(lab, family) as (_, client, strangers):
        check_equal(client.list_active(), LISTING, "the listing")
        for _ in range(4):
            strangers.attack()
            with clock.measured():
                client.send(b"PASS a", b"b")
                time.sleep(0.05)
                strangers.attack()
                client.send(b"c\r\n")
                client.reply()
        with clock.measured():
            check_equal(client.list_active(), LISTING, "the listing")
        check_unharmed(lab, client, since, clock, 2)


def a_new_gateway(lab, family):
    clock = Clock()
    with attacked_session(lab, family) as (_, client, strangers):
        check_equal(client.list_active(), LISTING, "the listing")
        for _ in range(2):
            lab.gateway.kill()
            lab.gateway.start()
            since = lab.gateway.position()
            strangers.attack()
            for _ in range(2):
                with clock.measured():
                    client.command(b"NOOP", "200")
        check_unharmed(lab, client, since, clock, 0)


def two_names(lab, family):
    """One client, one port, and two names of a server: the second connection gets nothing of the first one's."""
    addresses = lab.addresses[family]
    program = "ip6tables" if family == 6 else "iptables"
    rule = ["-t", "nat", "-A", "PREROUTING", "-i", "inside", "-d", addresses.outside_router, "-p", "tcp", "--dport",
            "21", "-j", "DNAT", "--to-destination", addresses.server]
    lab.router.run([program, *rule])
    with attacked_session(lab, family) as (_, client, _):
        with lab.client.entered(), socket.socket(family_of(addresses.client), socket.SOCK_STREAM) as second:
            second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            second.settimeout(2)
            try:
                second.bind((addresses.client, client.local_port))
                second.connect((addresses.outside_router, 21))
                greeting = second.recv(100)
            except OSError:
                greeting = b""
        check_equal(greeting, b"", "what the second connection was told")
        client.command(b"NOOP", "200")


def next_numbers(connection):
    """What a TCP socket expects next, and what it sends next."""
    repair, queue, number, receives, sends, without_probe = 19, 20, 21, 1, 2, -1
    found = []
    connection.setsockopt(socket.IPPROTO_TCP, repair, 1)
    for which in (receives, sends):
        connection.setsockopt(socket.IPPROTO_TCP, queue, which)
        found.append(connection.getsockopt(socket.IPPROTO_TCP, number) & 0xffffffff)
    connection.setsockopt(socket.IPPROTO_TCP, repair, without_probe)
    return tuple(found)


@contextlib.contextmanager
def routed_by_the_router(lab, family):
    """The victim reaches the server, which is on its own net, by way of the router. Nobody believes its redirects."""
    addresses = lab.addresses[family]
    route = f"{'-6 ' if family == 6 else ''}route {{}} {addresses.server} via {addresses.outside_router}"
    for host in (lab.client, lab.server, lab.hosts["victim"]):
        with host.entered():
            devices = os.listdir("/proc/sys/net/ipv6/conf")
        for device in devices:
            host.sysctl(f"ipv6/conf/{device}/accept_redirects", 0)
    lab.hosts["victim"].ip(route.format("add"))
    yield
    lab.hosts["victim"].ip(route.format("del"))


def in_the_clients_name(lab, family):
    """A server knows all numbers. What it says as its client, from its own side of the router, is not the client's."""
    since, addresses = lab.gateway.position(), lab.addresses[family]
    with attacked_session(lab, family) as (server, client, strangers), routed_by_the_router(lab, family):
        session = server.session()
        heard = len(session.lines)
        content = packet(strangers.client, strangers.server, next_numbers(session.connection), PSH | ACK,
                         offer_line(addresses.client, 7777) + b"\r\n", window=1000)
        strangers.outside.socket.sendto(content, (addresses.server, 0))
        lab.gateway.wait_event("anomaly", since, client=client.endpoint, reason="wrong-way")
        client.command(b"NOOP", "200")
        check_equal(session.lines[heard:], [b"NOOP\r\n"], "what the server heard")
        check_equal(lab.gateway.events("pinhole-open", since, client=client.endpoint), [], "pinholes")


def main():
    plan = Plan(__doc__)
    lab = functools.partial(Lab, mode="snat", bystanders=True)
    for family in (4, 6):
        for statement, function in (
                ("A83, A89: an idle session goes on", idle),
                ("A89: a session with edits and lines in pieces goes on", behind_an_edit),
                ("A83: a session that a new gateway adopts goes on", a_new_gateway),
                ("A84: a second connection under another name gets nothing of the first", two_names),
                ("A144: what a server says in its client's name is not the client's", in_the_clients_name)):
            plan.add(f"{statement} (IPv{family})", function, family, fixture=lab)
    plan.run()


if __name__ == "__main__":
    main()
