#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Pinholes as the kernel shows them (conntrack -L expect): one for each offer, exact, and gone as soon as the offer is.
"""

import contextlib
import functools
import socket
import struct
import threading

from lab import Lab
from process import SLOWNESS, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer, offer_line
from tap import Plan, check, check_equal
from test_offpath import SYN, Stranger, packet

ALL_ONES = {4: "255.255.255.255", 6: ":".join(["ffff"] * 8)}
TIMEOUT = 77  # a number that is nobody's default
SETTINGS = {"policy": {"pinhole-timeout": str(TIMEOUT)}}


class Dialogue:
    """A scripted server and a client that has logged in."""

    def __init__(self, lab, family, handlers=None, source=None):
        self.lab, self.family = lab, family
        self.server = ScriptedServer(lab.server, lab.addresses[family].server, handlers=handlers)
        self._source = source

    def __enter__(self):
        self.server.__enter__()
        try:
            self.client = ScriptedClient(self.lab.client, self.lab.server_seen(self.family), source=self._source)
            self.client.login()
            return self
        except BaseException:
            self.server.__exit__()
            raise

    def __exit__(self, *exception):
        self.client.__exit__()
        self.server.__exit__()
        # The next statement wants an empty table, whatever this one found.
        self.lab.router.run(["conntrack", "-F", "expect"])

    def listen(self, port):
        """A listener on this port of the client."""
        with self.lab.client.entered():
            return socket.create_server((self.client.address, port), family=self.client.socket.family)

    def pinholes(self):
        return self.lab.expectations(self.family)

    def one_pinhole(self):
        found = self.pinholes()
        check_equal(len(found), 1, f"expectations ({[pinhole.text for pinhole in found]})")
        return found[0]

    def wait_closed(self, why):
        wait_until(lambda: not self.pinholes(), f"the expectation to go: {why}", timeout=5)


def check_exact(pinhole, lab, family, source, destination, port=None):
    check_equal((pinhole.source, pinhole.source_port), (source, 0), "who may connect")
    check_equal(pinhole.destination, destination, "where to")
    if port is not None:
        check_equal(pinhole.destination_port, port, "port of the pinhole")
    check(pinhole.destination_port >= 1024, f"a pinhole to port {pinhole.destination_port}")
    check_equal((pinhole.mask_source, pinhole.mask_source_port), (ALL_ONES[family], 0), "mask of the source")
    check(TIMEOUT - 10 <= pinhole.timeout <= TIMEOUT, f"{pinhole.timeout} s left of {TIMEOUT} s")
    check("PERMANENT" not in pinhole.text, f"not one-shot: {pinhole.text}")


def active_offer(lab, family):
    with Dialogue(lab, family) as dialogue:
        check_equal(dialogue.pinholes(), [], "expectations before any offer")
        dialogue.client.offer(45123)
        check_exact(dialogue.one_pinhole(), lab, family, lab.addresses[family].server, lab.client_seen(family), 45123)


def passive_offer(lab, family):
    with Dialogue(lab, family) as dialogue:
        dialogue.client.command(b"EPSV" if family == 6 else b"PASV", "22")
        check_exact(dialogue.one_pinhole(), lab, family, lab.addresses[family].client, lab.server_seen(family))


def gone_after_use(lab, family, passive):
    with Dialogue(lab, family) as dialogue:
        listing = dialogue.client.list_passive() if passive else dialogue.client.list_active()
        check_equal(listing, LISTING, "the listing")
        check_equal(dialogue.pinholes(), [], "expectations after the transfer")


def gone_after_new_offer(lab, family):
    with Dialogue(lab, family) as dialogue:
        ports = set()
        for port in (41001, 41002, 41003):
            dialogue.client.offer(port)
            ports.add(dialogue.one_pinhole().destination_port)
        check_equal(ports, {41001, 41002, 41003}, "ports that were expected one after the other")


def gone_after_passive_request(lab, family):
    """PASV behind PORT: the client has changed its mind, though no answer may ever come."""
    with Dialogue(lab, family) as dialogue:
        dialogue.client.offer(41001)
        check_equal(dialogue.one_pinhole().destination_port, 41001, "port of the pinhole")
        dialogue.client.command(b"EPSV" if family == 6 else b"PASV", "22")
        check(dialogue.one_pinhole().destination_port != 41001, "the old expectation outlived the new offer")


def gone_after_refusal(lab, family, code):
    handlers = dict.fromkeys(("PORT", "EPRT"), lambda argument: f"{code} no\r\n".encode())
    with Dialogue(lab, family, handlers) as dialogue:
        dialogue.client.command(offer_line(dialogue.client.address, 41001), str(code))
        dialogue.wait_closed(f"the server answered {code}")


def gone_after_failed_transfer(lab, family):
    """The server takes the offer and then refuses the transfer: nobody will connect."""
    with Dialogue(lab, family, {"LIST": lambda argument: b"550 no such file\r\n"}) as dialogue:
        dialogue.client.offer(41001)
        dialogue.client.command(b"LIST", "550")
        dialogue.wait_closed("the transfer was refused")


def gone_after_quit(lab, family):
    with Dialogue(lab, family) as dialogue:
        dialogue.client.offer(41001)
        dialogue.one_pinhole()
        dialogue.client.command(b"QUIT", "221")
        dialogue.client.socket.close()
        dialogue.wait_closed("QUIT, and FIN from both sides")


def gone_after_client_reset(lab, family):
    with Dialogue(lab, family) as dialogue:
        dialogue.client.offer(41001)
        dialogue.one_pinhole()
        dialogue.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        dialogue.client.socket.close()
        dialogue.wait_closed("RST from the client")


def gone_after_server_close(lab, family):
    """The server hangs up and the client only answers with its own FIN."""
    def refuse(_argument):
        def run(session):
            session.send(b"421 enough\r\n")
            session.hang_up()
        return run

    with Dialogue(lab, family, {"NOOP": refuse}) as dialogue:
        dialogue.client.offer(41001)
        dialogue.one_pinhole()
        dialogue.client.command(b"NOOP", "421")
        dialogue.client.socket.close()
        dialogue.wait_closed("FIN from both sides, the server first")


def one_shot(lab, family):
    """A pinhole admits one connection: a second one to the same port stays outside."""
    def connect_twice(_argument):
        def run(session):
            results = []
            for patience in (10, 1):
                with lab.server.entered():
                    data = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
                data.settimeout(patience * SLOWNESS)
                try:
                    data.connect((lab.client_seen(family), 41001))
                    results.append("in")
                except OSError:
                    results.append("out")
                data.close()
            session.send(f"200 {' '.join(results)}\r\n".encode())
        return run

    with Dialogue(lab, family, {"NOOP": connect_twice}) as dialogue:
        with dialogue.listen(41001):
            dialogue.client.offer(41001)
            check_equal(dialogue.client.command(b"NOOP", "200"), b"200 in out\r\n", "two connections to one pinhole")


def stranger_stays_out(lab, family):
    """Only the server may use a pinhole, not its neighbour."""
    with Dialogue(lab, family) as dialogue:
        dialogue.client.offer(41001)
        victim = lab.hosts["victim"]
        with dialogue.listen(41001):
            with victim.entered():
                stranger = socket.socket(dialogue.client.socket.family)
            stranger.settimeout(1)
            try:
                stranger.connect((lab.client_seen(family), 41001))
                check(False, "a stranger came in through the pinhole")
            except OSError:
                pass
            finally:
                stranger.close()
            check_equal(dialogue.one_pinhole().destination_port, 41001, "the pinhole after the stranger's attempt")


def blind_syn(lab, family):
    """
    A154: a SYN in the server's name, from beside it, uses the pinhole up. The server's own connection, for which the client
    asks then, is let in nevertheless.
    """
    with Dialogue(lab, family) as dialogue, \
            contextlib.closing(Stranger(lab.hosts["victim"], family)) as stranger, dialogue.client.listen() as listener:
        port = listener.getsockname()[1]
        dialogue.client.offer(port)
        dialogue.one_pinhole()
        target = lab.client_seen(family), port
        stranger.socket.sendto(packet((lab.addresses[family].server, 5555), target, (1000, 0), SYN), (target[0], 0))
        wait_until(lambda: not dialogue.pinholes(), "the stranger's packet")
        dialogue.client.send(b"LIST\r\n")
        listener.settimeout(TIMEOUT)
        with listener.accept()[0] as data:
            data.settimeout(TIMEOUT)
            check_equal(data.recv(4096), LISTING, "what arrived")
        dialogue.client.expect("150")
        dialogue.client.expect("226")


def same_port_twice(lab, family):
    """Two clients behind one public address announce the same port: the second gets another, and both get data."""
    with Dialogue(lab, family) as first, \
            ScriptedClient(lab.client, lab.server_seen(family), source=lab.addresses[family].second_client) as second:
        second.login()
        listeners = []
        for client in (first.client, second):
            with lab.client.entered():
                listeners.append(socket.create_server((client.address, 41001), family=client.socket.family))
            client.offer(41001)
        found = first.pinholes()
        check_equal({(pinhole.source, pinhole.destination) for pinhole in found},
                    {(lab.addresses[family].server, lab.client_seen(family))}, "ends of the expectations")
        check_equal(len({pinhole.destination_port for pinhole in found}), 2, "different ports that are expected")
        for client, listener in zip((first.client, second), listeners):
            listener.settimeout(TIMEOUT)
            client.send(b"LIST\r\n")
            with listener, listener.accept()[0] as data:
                data.settimeout(TIMEOUT)
                check_equal(data.recv(4096), LISTING, f"what arrived at {client.address}")
            client.expect("150")
            client.expect("226")


def check_ends_of_pinholes(lab, client, expected):
    """What became of the pinholes of this client's session: [(event, reason)]. It has ended."""
    lab.gateway.wait_event("session-close", client=client.endpoint)
    seen = [(event["event"], event["reason"]) for event in lab.gateway.events(client=client.endpoint)
            if event["event"] in ("pinhole-used", "pinhole-close")]
    check_equal(seen, expected, "what became of the pinholes")


def expires(lab, family):
    with Dialogue(lab, family) as dialogue:
        dialogue.client.offer(41001)
        dialogue.one_pinhole()
        dialogue.wait_closed("two seconds of pinhole-timeout")
        dialogue.client.list_active()
    check_ends_of_pinholes(lab, dialogue.client, [("pinhole-close", "gone"), ("pinhole-used", "used")])


def outlasts_its_pinhole(lab, family):
    """Used while it was open, and asked about when another one of the same age had expired."""
    go_on = threading.Event()

    def slow_list(session):
        with session.data_connection() as data:
            session.send(b"150 here it comes\r\n")
            go_on.wait(TIMEOUT)
            data.sendall(LISTING)
        return b"226 done\r\n"

    with Dialogue(lab, family, handlers={"LIST": lambda _argument: slow_list}) as dialogue, \
            ScriptedClient(lab.client, lab.server_seen(family)) as other:
        other.login()
        with dialogue.client.listen() as listener:
            dialogue.client.offer(listener.getsockname()[1])
            dialogue.client.send(b"LIST\r\n")
            with listener.accept()[0]:
                dialogue.client.expect("150")
                other.offer(41001)
                dialogue.wait_closed("two seconds of pinhole-timeout")
                go_on.set()
                dialogue.client.expect("226")
    check_ends_of_pinholes(lab, dialogue.client, [("pinhole-used", "used")])


def main():
    plan = Plan(__doc__)
    labs = {mode: functools.partial(Lab, mode=mode, settings=SETTINGS, bystanders=True)
            for mode in ("routed", "snat", "dnat", "both")}
    for mode, lab in labs.items():
        for family in (4, 6):
            where = f"(IPv{family}, {mode})"
            plan.add(f"an active offer makes one exact expectation {where}", active_offer, family, fixture=lab)
            plan.add(f"a passive offer makes one exact expectation {where}", passive_offer, family, fixture=lab)
            for kind, passive in (("an active", False), ("a passive", True)):
                plan.add(f"an expectation is gone after {kind} transfer {where}", gone_after_use, family, passive,
                         fixture=lab)
            if mode != "snat":
                continue
            for statement, function, *arguments in (
                    ("a new offer takes the place of the old one", gone_after_new_offer),
                    ("a passive request ends an active offer", gone_after_passive_request),
                    ("a 500 to the offer ends it", gone_after_refusal, 500),
                    ("a 425 to the offer ends it", gone_after_refusal, 425),
                    ("a 550 to the transfer ends the offer", gone_after_failed_transfer),
                    ("QUIT and FIN end the offer", gone_after_quit),
                    ("a reset ends the offer", gone_after_client_reset),
                    ("a server that hangs up ends the offer", gone_after_server_close),
                    ("a pinhole admits one connection only", one_shot),
                    ("a pinhole admits nobody but the server", stranger_stays_out),
                    ("A154: who uses a pinhole up in the server's name keeps the server from nothing", blind_syn),
                    ("two clients that announce the same port both get their data", same_port_twice)):
                plan.add(f"{statement} {where}", function, family, *arguments, fixture=lab)
    short = functools.partial(Lab, mode="snat", settings={"policy": {"pinhole-timeout": "2"}})
    for family in (4, 6):
        plan.add(f"an offer that nobody takes up ends at its deadline (IPv{family}, snat)", expires, family,
                 fixture=short)
        plan.add(f"a pinhole is reported as used by a transfer that lasts longer (IPv{family}, snat)",
                 outlasts_its_pinhole, family, fixture=short)
    plan.run()


if __name__ == "__main__":
    main()
