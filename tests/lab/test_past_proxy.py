#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Ways past the proxy, A122, A128, A166 and A167 of the catalogue: a client, or a client and a server, lead the router's
conntrack by the nose, so that the carrier makes a pinhole that nobody has judged, or that a connection is not asked about in
FORWARD, or goes to the server itself, or takes what comes from outside for the proxy's own.
"""

import contextlib
import socket
import ssl
import struct
import time

import rules
from rawtcp import ACK, FIN, PSH, RST, SYN, HandMade, Listener, numbers, packet
from scripted import ScriptedClient, ScriptedServer
from tap import Plan, check, check_equal
from test_interception import FLAVOURS, FirewallCell
from test_pass_by import forging, without_resets

# Of a ClientHello and of the ServerHello that repeats it: record, handshake, version and random number come before.
SESSION_ID, SESSION_ID_LENGTH = 44, 32
# What the carrier's protocol asks with (net/netfilter/nf_conntrack_sane.c), and its answer: success, zero, a port.
REQUEST = bytes((0, 0, 0, 7, 0, 0, 0, 0))
WANTED_PORT = 2222
ANSWER = struct.pack("!IHH", 0, 0, WANTED_PORT)
OWN_PORT = 40100
UNUSED_PORT = 2121
QUIET = 1.5


def client_hello():
    """A ClientHello whose session id, which a server of TLS 1.3 repeats, is the carrier's request and its answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    hello = bytearray(outgoing.read())
    check_equal(hello[SESSION_ID - 1], SESSION_ID_LENGTH, "the length of the session id")
    hello[SESSION_ID:SESSION_ID + SESSION_ID_LENGTH] = (REQUEST + ANSWER).ljust(SESSION_ID_LENGTH, b"s")
    return bytes(hello)


@contextlib.contextmanager
def connected(host, address):
    with host.entered():
        connection = socket.create_connection(address, 10)
    with connection:
        yield connection


@contextlib.contextmanager
def by_hand(cell, family, port=OWN_PORT):
    """A control connection to the server, or so its client thinks, that has been greeted."""
    addresses = cell.lab.addresses[family]
    with without_resets(cell.lab, family), \
            HandMade(cell.lab.client, (addresses.client, port), (addresses.server, 21)) as connection:
        connection.open()
        check_equal(connection.receive()[1][:3], b"220", "the greeting")
        yield connection


def carrier_stays_inert(cell, family):
    """The client says what the carrier waits for, and cuts the proxy's answer so that it says the rest."""
    with by_hand(cell, family) as connection:
        connection.send(PSH | ACK, b"AUTH TLS\r\n")
        check_equal(connection.receive()[1][:3], b"234", "the answer to AUTH")
        hello = client_hello()
        started = connection.seq
        connection.send(PSH | ACK, hello, window=SESSION_ID + len(REQUEST))
        answer = connection.receive(20)[1]
        check_equal(answer[SESSION_ID:], REQUEST, "how the first segment of the proxy's answer ends")
        # Old bytes, which the proxy's host throws away, and conntrack does not.
        connection.send(PSH | ACK, REQUEST, seq=started + SESSION_ID, window=0)
        connection.send(ACK)
        answer = connection.receive(20)[1]
        check_equal(answer[:len(ANSWER)], ANSWER, "how the second one begins")
        pinholes = [expected for expected in cell.lab.expectations(family) if expected.destination_port == WANTED_PORT]
    check_equal(pinholes, [], "what the carrier expects")


def received(connection):
    data = connection.recv(4096)
    check(data, "the connection ended")
    return data


def carrier_stays_inert_towards_server(cell, family):
    """TLS passes unopened, and the server's window cuts it so that the carrier's request is a segment of the proxy's own."""
    addresses = cell.lab.addresses[family]
    window = 100
    with without_resets(cell.lab, family, cell.lab.server), \
            HandMade(cell.lab.server, (addresses.server, UNUSED_PORT), (addresses.client, 0)) as server, \
            connected(cell.lab.client, (addresses.server, UNUSED_PORT)) as client:
        server.accept()
        server.send(PSH | ACK, b"220 by hand\r\n")
        check_equal(received(client)[:3], b"220", "the greeting")
        client.sendall(b"AUTH TLS\r\n")
        check_equal(server.receive()[1], b"AUTH TLS\r\n", "what the server heard")
        server.send(PSH | ACK, b"234 go\r\n", window=window)
        check_equal(received(client)[:3], b"234", "the answer to AUTH")
        client.sendall(b"\x16" * window + REQUEST)
        check_equal(server.receive(20)[1], b"\x16" * window, "the first segment of what is passed on")
        server.send(ACK)
        with contextlib.suppress(TimeoutError):
            check_equal(server.receive(QUIET)[1], REQUEST, "the second one")
        server.send(PSH | ACK, ANSWER)
        check_equal(received(client), ANSWER, "what the client hears")
        pinholes = [expected for expected in cell.lab.expectations(family) if expected.destination_port == WANTED_PORT]
    check_equal(pinholes, [], "what the carrier expects")


def provoke_reset(connection):
    """The proxy closes what is no TLS after AUTH with bytes unread, which is a reset and no FIN."""
    connection.send(PSH | ACK, b"AUTH TLS\r\n")
    check_equal(connection.receive()[1][:3], b"234", "the answer to AUTH")
    connection.send(PSH | ACK, b"no TLS " * 150)
    flags = ACK
    while not flags & RST:
        flags, _ = connection.receive()
        check(not flags & FIN, "the proxy has said goodbye: this tests nothing")


def bans_hold_for_old_ports(cell, family):
    """The entry of a connection that the proxy has reset, and whose last packet was the client's, founds no new one."""
    addresses = cell.lab.addresses[family]
    with by_hand(cell, family, OWN_PORT + 1) as connection:
        provoke_reset(connection)
        connection.send(ACK)
        check([entry for entry in cell.lab.control_connections(family) if entry.original_source_port == OWN_PORT + 1],
              "the entry is gone: this tests nothing")
        cell.forbid(family, "-s", addresses.client, "-d", addresses.server)
        try:
            connection.seq, connection.ack = connection.seq + 0x10000, 0
            connection.send(SYN)
            with contextlib.suppress(TimeoutError):
                while True:  # resets of before may still come
                    check(not connection.receive(QUIET)[0] & SYN, "a ban was passed by")
                    connection.ack = 0
        finally:
            cell.allow(family, "-s", addresses.client, "-d", addresses.server)


def forged_beginnings(cell, family):
    """The client calls itself in the server's name, so that its own SYN is the answer and no new connection's."""
    addresses = cell.lab.addresses[family]
    here, there = (addresses.client, OWN_PORT + 2), (addresses.server, 21)
    with without_resets(cell.lab, family), forging(cell.lab, family) as forge, Listener(cell.lab.server, family) as arrived:
        forge(packet(there, here, SYN, 7000))
        time.sleep(0.3)
        forge(packet(here, there, SYN, 9000))
        came = [segment for segment in arrived.segments(21) if segment[0] == here[1]]
    check_equal(came, [], "segments of the client's that the server got itself")


def speak_for(cell, family, connection, payload):
    """What the client's host sends on the proxy's connection to the server, as it would if it knew its numbers."""
    client, server = connection.getpeername()[:2], connection.getsockname()[:2]
    check_equal(client[0], cell.lab.addresses[family].client, "the server's client")
    sends, expects = numbers(connection)
    with forging(cell.lab, family) as forge:
        forge(packet(client, server, PSH | ACK, expects, sends, payload))


@contextlib.contextmanager
def logged_in(cell, family):
    """A session in clear through the proxy; its client and the server's end."""
    address = cell.lab.addresses[family].server
    with ScriptedServer(cell.lab.server, address, UNUSED_PORT) as server, \
            ScriptedClient(cell.lab.client, address, UNUSED_PORT) as client:
        client.login()
        yield client, server.session()


def nobody_speaks_for_the_proxy(cell, family):
    with logged_in(cell, family) as (client, session):
        speak_for(cell, family, session.connection, b"DELE forged\r\n")
        client.command(b"NOOP", "200")
        check_equal([line.split()[0] for line in session.lines], [b"USER", b"PASS", b"NOOP"], "what the server heard")


def nobody_sends_for_the_proxy(cell, family):
    """The same on a data connection: the file has nothing in it that its client did not send."""
    with logged_in(cell, family) as (client, session):
        session.server.handlers["STOR"] = lambda _argument: b"150 go on\r\n"
        with client.connect_passive(extended=True) as sending, session.data_connection() as receiving:
            client.command(b"STOR file", "150")
            sending.sendall(b"first ")
            check_equal(receiving.recv(6, socket.MSG_WAITALL), b"first ", "the beginning of the file")
            speak_for(cell, family, receiving, b"forged ")
            sending.sendall(b"second")
            check_equal(receiving.recv(6, socket.MSG_WAITALL), b"second", "what comes next")


class TrustingCell(FirewallCell):
    """FORWARD lets the inside go wherever it likes, the inside too, and nothing looks at where packets come from."""

    bypassed = "none"

    @contextlib.contextmanager
    def __call__(self):
        with super().__call__():
            for device in ("all", "inside", "outside"):
                self.lab.router.sysctl(f"ipv4/conf/{device}/rp_filter", 0)
            if rules.FLAVOUR == "nft":
                self.lab.router.run(["nft", "insert", "rule", "inet", "lab", "forward", "iifname", "inside", "accept"])
            else:
                for program in ("iptables", "ip6tables"):
                    self.lab.router.run([program, "-I", "FORWARD", "-i", "inside", "-j", "ACCEPT"])
            yield self

    def proxy_options(self):
        """There is a server whose TLS passes unopened, at a port where none listens."""
        return {**super().proxy_options(), "control-ports": f"21, {UNUSED_PORT}", "bypass": self.bypassed}

    def forbid(self, family, *words):
        """A rule of the operator's, first in FORWARD, of whichever kind the proxy's rules are."""
        self.lab.router.run([rules.iptables(family), "-I", "FORWARD", *words, "-j", "DROP"])

    def allow(self, family, *words):
        self.lab.router.run([rules.iptables(family), "-D", "FORWARD", *words, "-j", "DROP"])


class PassingCell(TrustingCell):
    """What is said in TLS passes unopened, to every server."""

    bypassed = "0.0.0.0/1, fd00::/8"


def main():
    plan = Plan(__doc__)
    for flavour in FLAVOURS:
        for interception in ("redirect", "tproxy"):
            cell = TrustingCell(flavour, interception)
            for source in ("router", "client"):
                for family in (4, 6):
                    plan.add(f"a166: nothing that is passed on to a server makes the carrier act ({flavour}, {interception}, from "
                             f"the {source}'s address, IPv{family})", carrier_stays_inert_towards_server, family,
                             fixture=PassingCell(flavour, interception, source))
            borrowing = TrustingCell(flavour, interception, "client")
            for family in (4, 6):
                for name, test in (("control", nobody_speaks_for_the_proxy), ("data", nobody_sends_for_the_proxy)):
                    plan.add(f"a167: nobody speaks on a {name} connection that the proxy has begun in a client's name ({flavour}, "
                             f"{interception}, IPv{family})", test, family, fixture=borrowing)
            for family in (4, 6):
                for name, test in (("a122: no segment of a client's makes the carrier act", carrier_stays_inert),
                                   ("a122: a ban holds for the port of a connection that was reset", bans_hold_for_old_ports),
                                   ("a128: a beginning forged in the server's name leads nowhere", forged_beginnings)):
                    plan.add(f"{name} ({flavour}, {interception}, IPv{family})", test, family, fixture=cell)
    plan.run()


if __name__ == "__main__":
    main()
