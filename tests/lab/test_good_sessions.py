#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What TCP may do, and good peers do rarely, with real TCP stacks: keep-alives while half a line is held, paths that are
narrower than an edited segment, ways that change, ports that are used again at once, numbers that wrap in the middle of an
edit, losses. Through the gateway a session goes on as it would directly.
"""

import contextlib
import functools
import random
import re
import socket
import struct
import threading
import time

import rules
import topology
import wire
from lab import Lab
from process import SLOWNESS, Stopwatch, wait_until
from rawtcp import TCP_QUEUE_SEQ, TCP_REPAIR, TCP_REPAIR_QUEUE
from scripted import ScriptedClient, ScriptedServer, family_of, offer_line
from tap import Plan, check, check_equal, check_in_time

# Nothing is lost but where that is said, and nobody waits but for a retransmission.
BOUND = 1.0
TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_MAXSEG = 4, 5, 6, 2
SEND_QUEUE = 2


def echo(argument):
    return f"200 {argument}\r\n".encode()


@contextlib.contextmanager
def logged_in(lab, family, patience=5):
    with ScriptedServer(lab.server, lab.addresses[family].server, handlers={"NOOP": echo}) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.socket.settimeout(patience * SLOWNESS)
        client.login()
        yield server.session(), client


def keep_alive(connection):
    """A probe after a second of silence, another after the next, and the peer is dead if neither is answered."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((TCP_KEEPIDLE, 1), (TCP_KEEPINTVL, 1), (TCP_KEEPCNT, 2)):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def probed_with_half_a_line(lab, family):
    with logged_in(lab, family) as (session, client):
        keep_alive(client.socket)
        keep_alive(session.connection)
        for number in range(2):  # the second time behind an edit
            line = offer_line(client.address, 20000 + number) + b"\r\n"
            client.send(line[:9])
            time.sleep(4.5)
            client.send(line[9:])
            client.expect("200")
        client.command(b"NOOP x", "200 x")


@contextlib.contextmanager
def narrowed(lab, family, where, mtu):
    """The router's way to the server, or to the client, has this MTU; it tells who sends more."""
    addresses = lab.addresses[family]
    target, device = (addresses.server, "outside") if where == "server" else (addresses.client, "inside")
    lab.router.ip(f"route add {target} dev {device} mtu {mtu}")
    try:
        yield
    finally:
        lab.router.ip(f"route del {target} dev {device}")
        for host in (lab.client, lab.server):
            host.ip("route flush cache")


def offer_at_the_end_of_a_full_segment(lab, family, mtu):
    with narrowed(lab, family, "server", mtu), logged_in(lab, family) as (_, client), Stopwatch() as watch:
        client.command(b"NOOP " + b"a" * 2000, "200")  # from which the client learns
        full = client.socket.getsockopt(socket.IPPROTO_TCP, TCP_MAXSEG)
        for more in range(-20, 21, 5):
            line = offer_line(client.address, 20000) + b"\r\n"
            client.send(b"NOOP " + b"b" * (full - len(line) - 7 + more) + b"\r\n" + line)
            client.expect("200")
            client.expect("200")
    check_in_time(watch.seconds(), BOUND, "nine lines")


class NarrowBeyond:
    """
    A router beyond ours that has a narrow way, played by the server's host: it drops what is too long and may not be cut,
    and says so. What may be cut it takes as if it had been.
    """

    def __init__(self, lab, mtu):
        self.lab, self.mtu, self.told = lab, mtu, 0
        self._rule = ["INPUT", "-p", "tcp", "-m", "length", "--length", f"{mtu + 1}:", "-m", "u32", "--u32",
                      "4&0x4000=0x4000", "-j", "DROP"]
        self._over = threading.Event()

    def __enter__(self):
        self._tap = wire.Tap(self.lab.server)
        self._link = wire.Link(self.lab.server, self.lab.router, 4, "outside")
        self.lab.server.run(["iptables", "-A", *self._rule])
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()
        self.lab.server.run(["iptables", "-D", *self._rule])
        self._tap.close()
        self._link.close()
        self.lab.client.ip("route flush cache")

    def _tell(self):
        while not self._over.is_set():
            for one in self._tap.take(0.05):
                if not one.outgoing and len(one.whole) > self.mtu and one.whole[6] & 0x40:
                    self.told += 1
                    text = b"\3\4\0\0" + struct.pack("!HH", 0, self.mtu) + one.whole[:28]
                    text = text[:2] + struct.pack("!H", wire.checksum(text)) + text[4:]
                    self._link.send(wire.ipv4(self.lab.addresses[4].server, one.source[0], text, wire.ICMP))


def long_line_behind_edits(lab, family):
    """A line of one segment, so that the number which the error quotes is none of those that the client waits for."""
    with NarrowBeyond(lab, 1000), logged_in(lab, family) as (_, client):
        for number in range(4):
            client.command(offer_line(client.address, 20000 + number), "200")
        with Stopwatch() as watch:
            client.command(b"NOOP " + b"a" * 1030, "200")
    check_in_time(watch.seconds(), BOUND, "a long line")


class TwoWays(Lab):
    """The server has a second cable to the router."""

    def __init__(self):
        super().__init__(mode="routed")

    def __enter__(self):
        super().__enter__()
        try:
            topology.connect(self.router, "outside2", self.server, "eth1", False, 1500)
            for host, place, device in ((self.router, 1, "outside2"), (self.server, 2, "eth1")):
                host.ip(f"address add 10.55.0.{place}/24 dev {device}")
                host.ip(f"address add fd55::{place}/64 dev {device} nodad")
                for name in ("all", device):
                    host.sysctl(f"ipv4/conf/{name}/rp_filter", 0)
        except BaseException:
            self._close()
            raise
        return self

    def move(self, family):
        """From now on what the router and the server say to each other takes the second cable."""
        net = "10.55.0." if family == 4 else "fd55::"
        self.router.ip(f"route add {self.addresses[family].server} via {net}2 dev outside2")
        self.server.ip(f"route replace {self.client_seen(family)} via {net}1 dev eth1")


def way_changes_in_silence(lab, family):
    """While the client waits for the end of a transfer, as it may for hours."""
    ended = threading.Event()

    def wait(_argument):
        def run(session):
            session.send(b"150 a moment\r\n")
            ended.wait(10)
            session.send(b"226 done\r\n")
        return run
    with ScriptedServer(lab.server, lab.addresses[family].server, handlers={"WAIT": wait}), \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        client.command(b"WAIT", "150")
        time.sleep(0.3)  # the client has acknowledged all of it
        lab.move(family)
        with Stopwatch() as watch:
            ended.set()
            client.expect("226")
    check_in_time(watch.seconds(), BOUND, "the end of a transfer")


def vanish(connection):
    """As if its host had lost power."""
    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    connection.close()


def port_used_again(lab, family, end):
    addresses = lab.addresses[family]
    for port in range(30001, 30006):
        with ScriptedServer(lab.server, addresses.server) as server:
            for number in range(2):
                with lab.client.entered():
                    connection = socket.socket(family_of(addresses.client), socket.SOCK_STREAM)
                connection.settimeout(5 * SLOWNESS)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                connection.bind((addresses.client, port))
                with connection, Stopwatch() as watch:
                    connection.connect((lab.server_seen(family), 21))
                    check_equal(connection.recv(100), b"220 scripted\r\n", "the greeting")
                    check_in_time(watch.seconds(), BOUND, f"greeting {number}")
                    if number == 0:
                        end(connection, server.session())


def ends_itself(connection, session):
    connection.shutdown(socket.SHUT_WR)
    check_equal(connection.recv(100), b"", "what came behind the end")
    session.ended.wait(5)


def resets(connection, _session):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def vanishes(connection, _session):
    vanish(connection)


def both_vanish(connection, session):
    vanish(session.connection)
    vanish(connection)


def numbers_that_wrap(lab, family):
    """The client's first number so chosen that 2^32 is somewhere in its third, its fourth or its fifth line."""
    addresses = lab.addresses[family]
    with ScriptedServer(lab.server, addresses.server, handlers={"NOOP": echo}), Stopwatch() as watch:
        for before in range(20, 90, 3):
            with lab.client.entered():
                connection = socket.socket(family_of(addresses.client), socket.SOCK_STREAM)
            connection.settimeout(5 * SLOWNESS)
            for option, value in ((TCP_REPAIR, 1), (TCP_REPAIR_QUEUE, SEND_QUEUE), (TCP_QUEUE_SEQ, -before),
                                  (TCP_REPAIR, 0)):
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
            with connection:
                connection.connect((lab.server_seen(family), 21))
                lines = connection.makefile("rb")
                offers = [offer_line(addresses.client, 20000 + number) for number in range(3)]
                for line, code in zip([None, b"USER a", b"PASS b", *offers, b"NOOP x"],
                                      (b"220", b"331", b"230", b"200", b"200", b"200", b"200 x")):
                    if line:
                        connection.sendall(line + b"\r\n")
                    reply = lines.readline()
                    check(reply.startswith(code), f"{line!r} was answered with {reply!r}, {before} before the wrap")
    check_in_time(watch.seconds(), 10 * BOUND, "all of them")


@contextlib.contextmanager
def losing(lab, family, share):
    rule = ["INPUT", "-p", "tcp", "-m", "statistic", "--mode", "random", "--probability", str(share), "-j", "DROP"]
    for host in (lab.client, lab.server):
        host.run([rules.iptables(family), "-A", *rule])
    try:
        yield
    finally:
        for host in (lab.client, lab.server):
            host.run([rules.iptables(family), "-D", *rule])


def with_losses(lab, family):
    """Every twentieth packet, in both directions and on both sides of the edits."""
    draw, sent = random.Random(7), b""
    with logged_in(lab, family, 30) as (session, client):
        before = len(session.received)
        with losing(lab, family, 0.05):
            for _ in range(60):
                batch = [b"NOOP " + bytes(draw.choice(b"abc") for _ in range(draw.randrange(1, 300)))
                         for _ in range(draw.randrange(4))]
                batch.append(offer_line(client.address, draw.randrange(20000, 60000), draw.random() < 0.5))
                batch.append(b"EPSV" if family == 6 else b"PASV")
                text = b"\r\n".join(batch) + b"\r\n"
                sent += text
                while text:
                    size = draw.choice((1, 3, 200, len(text)))
                    client.send(text[:size])
                    text = text[size:]
                for _ in batch:
                    client.expect("2")
        wait_until(lambda: len(session.lines) >= sent.count(b"\n") + 2, "the last line")
        check_equal(blank_offers(bytes(session.received[before:])), blank_offers(sent), "the commands at the server")


def blank_offers(text):
    return re.sub(rb"(PORT|EPRT) [^\r]*", rb"\1 ?", text)


def main():
    plan = Plan(__doc__)
    for lengths, direction in (("grow", "longer"), ("shrink", "shorter")):
        lab = functools.partial(Lab, mode="both", lengths=lengths)
        for family in (4, 6):
            where = f"(IPv{family}, {direction} public address)"
            for statement, function, *arguments in (
                    ("numbers wrap in a line that is edited", numbers_that_wrap),
                    ("every byte arrives though packets are lost", with_losses)):
                plan.add(f"{statement} {where}", function, family, *arguments, fixture=lab)
            if lengths == "grow":
                plan.add(f"a260: keep-alives are answered while half a line is held {where}", probed_with_half_a_line,
                         family, fixture=lab)
            for mtu in (1000, 576, 552) if family == 4 else (1280,):
                plan.add(f"a261: an offer at the end of a full segment passes where the path takes {mtu} bytes {where}",
                         offer_at_the_end_of_a_full_segment, family, mtu, fixture=lab)
        plan.add(f"a261: a long line behind edits passes where the path beyond is narrow ({direction} public address)",
                 long_line_behind_edits, 4, fixture=lab)
    for family in (4, 6):
        plan.add(f"a262: a session goes on whose way changes while its client is silent (IPv{family})",
                 way_changes_in_silence, family, fixture=TwoWays)
    for family in (4, 6):
        for what, end in (("an end", ends_itself), ("a reset", resets), ("the client's power has failed", vanishes),
                          ("everybody's power has failed", both_vanish)):
            plan.add(f"a port is used again at once after {what} (IPv{family})", port_used_again, family, end,
                     fixture=functools.partial(Lab, mode="both"))
    plan.run()


if __name__ == "__main__":
    main()
