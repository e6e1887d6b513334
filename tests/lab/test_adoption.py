#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Sessions that are older than their gateway: each stream begins where its receiver says that it stands. Real receivers
are asked, whatever they were doing when the gateway died, and go on within a second of its return; and a client that
repeats old bytes with other content, from a raw socket, is not heard.
"""

import contextlib
import fcntl
import functools
import socket
import struct
import termios
import time

import rules
from lab import Lab
from process import SLOWNESS, Stopwatch, wait_until
from rawtcp import ACK, RST, numbers, packet, send
from scripted import ScriptedClient, ScriptedServer, family_of, is_ipv6, offer_line
from tap import Plan, check, check_equal, check_in_time

SOON = 1 * SLOWNESS
BURST = 40
# linux/tcp.h
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
SHORTEST_IDLE = 60  # ftpalg.conf(5), idle-timeout
RECEIVE_QUEUE, SEND_QUEUE = 1, 2


def unacknowledged(connection):
    """Bytes that a socket has sent and may have to send again."""
    return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]


def restart(lab, server, client):
    """
    Restarts the gateway while both are silent: where an acknowledgement dies with it, TCP speaks again at intervals that
    double.
    """
    for connection in (server.session().connection, client.socket):
        wait_until(lambda: unacknowledged(connection) == 0, "the acknowledgement of what was said last")
    lab.gateway.kill()
    lab.gateway.start()


@contextlib.contextmanager
def within_a_second(what, outage=0.0):
    """
    What was sent during an outage is sent again at intervals that double. The one in which the gateway returns is as long as
    all before it and the first of them: twice the outage at most, if that was in it.
    """
    with Stopwatch() as watch:
        yield
    print(f"# {what}: {watch.seconds():.2f} s", flush=True)
    check_in_time(watch.seconds(), max(SOON, 2 * outage), f"{what} after an outage of {outage:.2f} s")


@contextlib.contextmanager
def session(lab, family):
    with ScriptedServer(lab.server, lab.addresses[family].server) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        yield server, client


def ended_by_a_reset_that_died(lab, family):
    """The server goes on, and the client, and conntrack keeps the entry for a while. It begins as a TLS record does."""
    lab.router.sysctl("netfilter/nf_conntrack_tcp_timeout_close", 60)
    rule = ["INPUT", "-p", "tcp", "--tcp-flags", "RST", "RST", "-j", "DROP"]
    lab.server.run([rules.iptables(family), "-A", *rule])
    try:
        with session(lab, family) as (server, client):
            before = bytes(server.session().received)
            here, there = (client.address, client.local_port), (lab.server_seen(family), 21)
            send(lab.client, there[0], packet(here, there, RST | ACK, *numbers(client.socket)))
            wait_until(lambda: "CLOSE" in [one.state for one in lab.control_connections(family)
                                           if one.original_source_port == client.local_port], "the end of its entry")
            lab.gateway.kill()
            lab.gateway.start()
            client.send(b"\x16\x03\x01\0\0\r\n" + offer_line(lab.addresses[family].victim, 2525) + b"\r\n")
            time.sleep(2.5)  # several repetitions, and the settling time
            check_equal(bytes(server.session().received), before, "what the server has read")
    finally:
        lab.server.run([rules.iptables(family), "-D", *rule])


def ended_while_nobody_was_there(lab, family):
    """conntrack sees a packet before anybody drops it: the server's last words and its end, and what its client says."""
    with session(lab, family) as (server, client), Stopwatch() as watch:
        for connection in (server.session().connection, client.socket):
            wait_until(lambda: unacknowledged(connection) == 0, "the acknowledgement of what was said last")
        lab.gateway.kill()
        server.session().send(b"221 scripted\r\n")
        server.session().connection.shutdown(socket.SHUT_WR)
        client.send(b"NOOP\r\n")
        wait_until(lambda: "TIME_WAIT" in [one.state for one in lab.control_connections(family)
                                           if one.original_source_port == client.local_port], "conntrack to take it for ended")
        lab.gateway.start()
        outage = watch.seconds()
        with within_a_second("the last words of a session", outage):
            client.expect("221")
        # Where a stream stands is known by then, and its end comes with the next repetition, after twice the time.
        with within_a_second("the end of a session", 2 * outage):
            check_equal(client.socket.recv(1), b"", "what comes behind the server's last words")
        lab.gateway.wait_event("session-open", client=client.endpoint, adopted=True)


def silent_for_too_long(lab):
    """Of both families. The row is forgotten and conntrack's entry is not; the next line begins as a TLS record does."""
    with contextlib.ExitStack() as stack:
        sessions = [(family, *stack.enter_context(session(lab, family))) for family in (4, 6)]
        for _, _, client in sessions:
            wait_until(lambda client=client: lab.gateway.events("session-close", client=client.endpoint,
                                                                reason="idle"), "the end of a silent session", 2 * SHORTEST_IDLE)
        for family, _, client in sessions:
            client.send(b"\x16\x03\x01\0\0\r\n" + offer_line(lab.addresses[family].victim, 2525) + b"\r\n")
        for family, server, client in sessions:
            lab.gateway.wait_event("session-open", client=client.endpoint, adopted=True)
            lab.gateway.wait_event("session-close", client=client.endpoint, reason="control-byte")
            offer = offer_line(lab.addresses[family].victim, 2525)
            check(offer not in bytes(server.session().received), "the server has read the offer")
        check(not lab.gateway.events("tls"), "a session was taken for one in TLS")


def idle_session(lab, family):
    with session(lab, family) as (server, client):
        # An edit leaves a correction in the kernel.
        client.list_active()
        restart(lab, server, client)
        with within_a_second("the first answer of a session that was idle"):
            client.command(b"NOOP", "200")
        with within_a_second("a listing behind it"):
            client.list_active()
            client.list_passive()


def burst(lab, family):
    with session(lab, family) as (server, client):
        client.list_active()
        since = lab.gateway.position()
        for number in range(BURST):
            client.send(b"NOOP %d\r\n" % number)
            if number == BURST // 2:
                killed = time.monotonic()
                lab.gateway.kill()
        lab.gateway.start()
        with within_a_second(f"what was left of {BURST} commands at once", time.monotonic() - killed):
            for _ in range(BURST):
                client.expect("200")
        lines = [line for line in server.session().lines if line.startswith(b"NOOP")]
        check_equal(lines, [b"NOOP %d\r\n" % number for number in range(BURST)], "commands at the server")
        closed = [event for event in lab.gateway.events("session-close", since) if event["reason"] == "adoption-failed"]
        check_equal(closed, [], "sessions closed")
        client.list_active()


def server_first(lab, family):
    with session(lab, family) as (server, client):
        client.list_active()
        restart(lab, server, client)
        with within_a_second("what a server says by itself"):
            server.session().send(b"150-one moment\r\n150 more\r\n")
            client.expect("150")
        with within_a_second("what the client says afterwards"):
            client.command(b"NOOP", "200")


class Attacker:
    """Segments in a client's name, made by hand, from where the client stands."""

    def __init__(self, client):
        self.client = client
        self.destination = client.socket.getpeername()[0]
        self.sequence = self._number(SEND_QUEUE)
        self.acknowledgement = self._number(RECEIVE_QUEUE)
        self._timestamps = struct.pack("!BBBB", 1, 1, 1, 1)
        with client.namespace.entered():
            self.socket = socket.socket(family_of(self.destination), socket.SOCK_RAW, socket.IPPROTO_TCP)

    def _number(self, queue):
        """The client's own stack says nothing from now on."""
        tcp = self.client.socket
        tcp.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        tcp.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        return tcp.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xffffffff

    def say(self, payload, back):
        """A segment that begins this many bytes before the place where the client stands."""
        pack = socket.inet_pton
        family = family_of(self.destination)
        addresses = pack(family, self.client.address) + pack(family, self.destination)
        header = struct.pack("!HHIIBBHHH", self.client.local_port, 21, (self.sequence - back) & 0xffffffff,
                             self.acknowledgement, 5 << 4, 0x18, 500, 0, 0)
        length = len(header) + len(payload)
        pseudo = addresses + (struct.pack("!II", length, 6) if is_ipv6(self.destination)
                              else struct.pack("!BBH", 0, 6, length))
        whole = pseudo + header + payload + b"\0" * (length % 2)
        total = sum(struct.unpack(f"!{len(whole) // 2}H", whole)) % 0xffff
        header = header[:16] + struct.pack("!H", 0xffff - total) + header[18:]
        self.socket.sendto(header + payload, (self.destination, 0))


def attacked(lab, family):
    """The server has eight bytes, an honest line; then a longer line is sent over them, which hides an offer."""
    victim = lab.addresses[family].server
    with session(lab, family) as (server, client):
        client.command(b"NOOP 1", "200")
        since = lab.gateway.position()
        restart(lab, server, client)
        attacker = Attacker(client)
        offer = offer_line(victim, 2021) + b"\r\n"
        for start, text in ((8, b"RETR xyz"), (0, b"")):
            for _ in range(5):
                attacker.say(text + offer, start)
                time.sleep(0.15 * SLOWNESS)
        wait_until(lambda: len(server.session().lines) > 3, "a line of the attacker at the server")
        lab.gateway.wait_event("refuse", since, reason="foreign-address")
        lines = server.session().lines[3:]
        check_equal(len(lines), 1, "lines of the attacker at the server")
        check(lines[0][:5] == offer[:5] and set(lines[0][5:].strip()) == {ord("X")},
              f"the offer reached the server as {lines[0]!r}")
        attacker.socket.close()


def main():
    plan = Plan(__doc__)
    for mode in ("snat", "both"):
        lab = functools.partial(Lab, mode=mode)
        for family in (4, 6):
            for statement, function in (
                    ("a session that was idle goes on within a second", idle_session),
                    (f"{BURST} commands at once, with the gateway killed among them, are all answered", burst),
                    ("a server may speak first", server_first),
                    ("an offer behind repeated bytes is judged as the server reads it", attacked),
                    ("a382: a session that a reset has ended is none, though its peers go on", ended_by_a_reset_that_died),
                    ("a410: an end that came while nobody was there arrives", ended_while_nobody_was_there)):
                plan.add(f"{statement} (IPv{family}, {mode})", function, family, fixture=lab)
    plan.add("a383: a session that was silent until it was forgotten is read on", silent_for_too_long,
             fixture=functools.partial(Lab, mode="snat", settings={"gateway": {"idle-timeout": str(SHORTEST_IDLE)}}))
    plan.run()


if __name__ == "__main__":
    main()
