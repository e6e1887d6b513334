#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What became of each transfer is told as it was, and a file is as long as the event says: each outcome is provoked on the real
kernel, in active and in passive mode, over IPv4 and IPv6, with every kind of translation.
"""

import contextlib
import os
import re
import socket
import struct
import threading
import time

from gateway import binary
from lab import Lab
from process import SLOWNESS, wait_until
from scripted import ScriptedClient, ScriptedServer, family_of, offer_line
from tap import Plan, check, check_equal
from transfers import FULL, amount

NAT = ("routed", "snat", "dnat", "both")
WAYS = [(family, mode) for family in (4, 6) for mode in ("active", "passive")]
SIZES = (0, 1, 1448, 1000003)
HUGE = 5_000_000_123
CHUNK = bytes(1 << 20)
TELLING = 40 * SLOWNESS # what is still open when its reply comes is waited for 30 seconds


class Files(ScriptedServer):
    """
    A server whose files are as long as their names say. NAME is a number, and before it, with a hyphen, what goes wrong:
    "gone": 550 at once. "late": 425, and nobody connects. "broken": it gives up, with 451 or 452. "held": it sends so
    much and waits for ABOR.
    """

    def __init__(self, namespace, address):
        verbs = {"RETR": self.retrieve, "STOR": self.store, "APPE": self.store, "REST": self.restart, "PASV": self.pasv,
                 "EPSV": self.epsv, "PORT": self.port_, "EPRT": self.eprt}
        super().__init__(namespace, address, handlers=verbs)
        self.skipped = 0
        self.closed_port = False # what is announced has no listener

    def restart(self, argument):
        self.skipped = int(argument)
        return b"350 from there\r\n"

    def pasv(self, _argument):
        return lambda session: self.announced(session, session._do_pasv(""))

    def epsv(self, _argument):
        return lambda session: self.announced(session, session._do_epsv(""))

    def announced(self, session, reply):
        if self.closed_port:
            session._listener.close()
        return reply

    @staticmethod
    def port_(argument):
        return lambda session: session._do_port(argument)

    @staticmethod
    def eprt(argument):
        return lambda session: session._do_eprt(argument)

    def retrieve(self, argument):
        return lambda session: self.move(session, argument, self.send_file)

    def store(self, argument):
        return lambda session: self.move(session, argument, self.take_file)

    def move(self, session, argument, how):
        what, _, size = argument.rpartition("-")
        if what == "gone":
            return b"550 no such file\r\n"
        if not session._listener and not session._target:
            return b"425 where to?\r\n"
        session.send(b"150 here it comes\r\n")
        if what == "late":
            return b"425 nobody came\r\n"
        try:
            data = session.data_connection()
        except OSError as error:
            return f"425 no data connection: {error}\r\n".encode()
        with data:
            data.settimeout(TELLING)
            try:
                return how(session, data, what, int(size) - self.skipped)
            except OSError as error:
                return f"426 {error}\r\n".encode()
            finally:
                self.skipped = 0

    def send_file(self, session, data, what, size):
        if size > 10 * len(CHUNK):
            with open(os.path.join(self.directory, "sparse"), "w+b") as file:
                file.truncate(size)
                data.sendfile(file)
        else:
            data.sendall(CHUNK[:size] if size <= len(CHUNK) else bytes(size))
        if what == "broken":
            return b"451 the disk is gone\r\n"
        if what == "held":
            check(session.connection.recv(100).startswith(b"ABOR"), "ABOR at the server")
            data.close()
            return b"426 aborted\r\n226 ABOR done\r\n"
        return b"226 done\r\n"

    @staticmethod
    def take_file(_session, data, what, size):
        if what == "broken":
            while size > 0:
                size -= len(data.recv(min(size, 65536)))
            return b"452 no space\r\n"
        while data.recv(1 << 20):
            pass
        return b"226 done\r\n"

    directory = None


class Client(ScriptedClient):
    """A client that transfers in a family and a mode."""

    def __init__(self, lab, family, mode):
        super().__init__(lab.client, lab.server_seen(family))
        self.lab = lab
        self.family = family
        self.mode = mode
        self.listener = None
        self.login()

    def offer_data(self):
        """PORT, EPRT, PASV or EPSV. Returns what makes the data connection once the transfer was asked for."""
        if self.mode == "active":
            listener = self.listen()
            self.offer(listener.getsockname()[1])
            return lambda: self.accept(listener)
        if self.family == 4:
            numbers = re.search(rb"\((.*)\)", self.command(b"PASV", "227")).group(1).split(b",")
            port = int(numbers[4]) * 256 + int(numbers[5])
        else:
            port = int(re.search(rb"\|\|\|(\d+)\|", self.command(b"EPSV", "229")).group(1))
        return lambda: self.connect(port)

    @staticmethod
    def accept(listener):
        with listener:
            return listener.accept()[0]

    def connect(self, port):
        with self.namespace.entered():
            data = socket.socket(family_of(self.lab.server_seen(self.family)), socket.SOCK_STREAM)
        data.settimeout(TELLING)
        data.connect((self.lab.server_seen(self.family), port))
        return data

    def begin(self, line):
        """A transfer's data connection, and it has begun."""
        join = self.offer_data()
        self.send(line + b"\r\n")
        data = join()
        self.expect("150")
        return data

    def fetch(self, name, offset=0):
        join = self.offer_data()
        if offset:
            self.command(f"REST {offset}".encode(), "350")
        self.send(f"RETR {name}\r\n".encode())
        with join() as data:
            self.expect("150")
            length = 0
            room = bytearray(1 << 20)
            while count := data.recv_into(room):
                length += count
        return length

    def put(self, verb, name, size):
        with self.begin(f"{verb} {name}".encode()) as data:
            data.sendall(CHUNK[:size] if size <= len(CHUNK) else bytes(size))


@contextlib.contextmanager
def made(nat, **options):
    """A lab, and servers of both families."""
    with Lab(mode=nat, **options) as lab, contextlib.ExitStack() as stack:
        servers = {family: stack.enter_context(Files(lab.server, lab.addresses[family].server)) for family in (4, 6)}
        for server in servers.values():
            server.directory = lab.directory
        yield lab, servers


def told(lab, client, since, **expected):
    """The transfer event of a client, which must have these members; None: it has no such one."""
    event = lab.gateway.wait_event("transfer", since, client=client.endpoint)
    check_equal(event.get("mode"), client.mode, "mode")
    for key, value in expected.items():
        check_equal(event.get(key), value, f"{key} of {event}")
    return event


def offer_told(lab, client, since, reason):
    """How the offer ended: used, or a reason."""
    name = "pinhole-used" if reason == "used" else "pinhole-close"
    check_equal(lab.gateway.wait_event(name, since, client=client.endpoint)["reason"], reason, "the end of the offer")
    if reason != "used":
        check_equal(lab.gateway.events("pinhole-used", since, client=client.endpoint), [], "offers that were used")


@contextlib.contextmanager
def dropping(namespace, rule):
    """A filter of a host's own: a forward, an input and an output chain with rule in the one that it begins with."""
    chain, _, rule = rule.partition(" ")
    text = f"table inet own {{\n chain {chain} {{\n type filter hook {chain} priority 10; policy accept;\n {rule}\n }}\n}}\n"
    namespace.run(["nft", text])
    try:
        yield
    finally:
        namespace.run(["nft", "delete table inet own"])


def complete(nat, family, mode):
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client:
        for size in SIZES:
            since = lab.gateway.position()
            check_equal(client.fetch(size), size, "bytes that were fetched")
            client.expect("226")
            told(lab, client, since, verb="RETR", outcome="complete", by=None, bytes=size, direction="down", code=226)
            offer_told(lab, client, since, "used")
            for verb in ("STOR", "APPE"):
                since = lab.gateway.position()
                client.put(verb, size, size)
                client.expect("226")
                told(lab, client, since, verb=verb, outcome="complete", bytes=size, direction="up")
        since = lab.gateway.position()
        check_equal(client.fetch(1000003, 400000), 600003, "bytes that were fetched")
        client.expect("226")
        told(lab, client, since, outcome="complete", bytes=600003)


def filtered_here(nat, family, mode):
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client, \
            dropping(lab.router, "forward ct status & expected != 0 drop"):
        since = lab.gateway.position()
        join = client.offer_data()
        client.send(b"RETR 100\r\n")
        client.expect("150")
        if mode == "passive":
            lab.client.sysctl("ipv4/tcp_syn_retries", 1)
            with contextlib.suppress(OSError):
                join()
        client.socket.settimeout(TELLING)
        client.expect("425")
        told(lab, client, since, outcome="filtered-here", by=None, bytes=0, code=425)
        offer_told(lab, client, since, "filtered-here")


def never_came(nat, family, mode):
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client:
        since = lab.gateway.position()
        client.offer_data()
        client.send(b"RETR late-100\r\n")
        client.expect("150")
        client.expect("425")
        told(lab, client, since, outcome="never-came", by="server" if mode == "active" else "client", bytes=0)
        check_equal(lab.gateway.events("pinhole-used", since, client=client.endpoint), [], "offers that were used")


def deleted_here(nat, family, mode):
    """While the offer waits, the kernel is made to forget the control connection, as by a firewall that is loaded again."""
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client:
        since = lab.gateway.position()
        client.offer_data()
        lab.gateway.wait_event("pinhole-open", since, client=client.endpoint)
        lab.router.run(["conntrack", "-F"])
        offer_told(lab, client, since, "deleted-here")
        said = lab.router.run([binary(), "why", "-c", lab.gateway.configuration, client.address]).stdout
        check("conntrack was made to forget" in said, f"what why says: {said}")


def expectation_deleted_here(nat, family, mode):
    """What is expected alone. An active offer is made again when the transfer begins, and nobody uses the new one either."""
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client:
        since = lab.gateway.position()
        client.offer_data()
        lab.gateway.wait_event("pinhole-open", since, client=client.endpoint)
        # What was deleted in the tenth of a second that an offer takes to be known may have been the gateway's own.
        time.sleep(0.5 * SLOWNESS)
        lab.router.run(["conntrack", "-F", "expect"])
        client.send(b"RETR late-100\r\n")
        client.expect("150")
        client.expect("425")
        told(lab, client, since, outcome="never-came" if mode == "active" else "deleted-here", bytes=0, code=425)
        lab.gateway.wait_event("pinhole-close", since, client=client.endpoint, reason="deleted-here")
        check_equal(lab.gateway.events("pinhole-used", since, client=client.endpoint), [], "offers that were used")


def refused_by_peer(nat, family, mode):
    with made(nat) as (lab, servers), Client(lab, family, mode) as client:
        since = lab.gateway.position()
        servers[family].closed_port = mode == "passive"
        join = client.offer_data()
        if mode == "active":
            join.__closure__[0].cell_contents.close()
            client.send(b"RETR 100\r\n")
        else:
            with contextlib.suppress(ConnectionRefusedError):
                join()
            client.send(b"RETR late-100\r\n")
        client.expect("150")
        client.expect("425")
        told(lab, client, since, outcome="refused-by-peer", by="client" if mode == "active" else "server", bytes=0)
        offer_told(lab, client, since, "refused-by-peer")


def no_answer(nat, family, mode):
    silent = "input tcp flags & (syn | ack) == syn tcp dport >= 1024 drop"
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client, \
            dropping(lab.client if mode == "active" else lab.server, silent):
        since = lab.gateway.position()
        join = client.offer_data()
        if mode == "passive":
            lab.client.sysctl("ipv4/tcp_syn_retries", 1)
            with contextlib.suppress(OSError):
                join()
            client.send(b"RETR late-100\r\n")
        else:
            client.send(b"RETR 100\r\n")
        client.expect("150")
        client.socket.settimeout(TELLING)
        client.expect("425")
        told(lab, client, since, outcome="no-answer", by="client" if mode == "active" else "server", bytes=0)
        offer_told(lab, client, since, "no-answer")


def answer_filtered_here(nat, family, mode):
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client, \
            dropping(lab.router, "forward ct status & expected != 0 ct direction reply drop"):
        since = lab.gateway.position()
        join = client.offer_data()
        client.send(b"RETR 100\r\n" if mode == "active" else b"RETR late-100\r\n")
        if mode == "passive":
            lab.client.sysctl("ipv4/tcp_syn_retries", 1)
            with contextlib.suppress(OSError):
                join()
        client.expect("150")
        client.socket.settimeout(TELLING)
        client.expect("425")
        told(lab, client, since, outcome="filtered-here", by=None, bytes=0)


def refused_by_policy(family):
    with made("snat") as (lab, _servers), Client(lab, family, "active") as client:
        since = lab.gateway.position()
        client.command(offer_line("10.99.99.9" if family == 4 else "2001:db8:99::9", 4000), "5")
        client.command(b"RETR 100")
        event = lab.gateway.wait_event("transfer", since, client=client.endpoint)
        check_equal(event.get("outcome"), "refused-by-policy", f"outcome of {event}")


def aborted_by_client_reset(nat, family, mode):
    """It closes with bytes unread, as who is killed does, while the server still calls it complete or not."""
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client:
        since = lab.gateway.position()
        with client.begin(b"RETR 20000000") as data:
            data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            data.recv(1000)
        client.reply()
        event = told(lab, client, since, outcome="aborted", by="client")
        check(1000 <= event["bytes"] < 20000000, f"bytes of {event}")


def aborted_by_killed_client(nat, family, mode):
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client:
        since = lab.gateway.position()
        data = client.begin(b"RETR 20000000")
        data.recv(1000)
        for connection in (data, client.socket):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        event = told(lab, client, since, outcome="aborted", by="client")
        check(1000 <= event["bytes"] < 20000000, f"bytes of {event}")


def aborted_by_abor(nat, family, mode):
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client:
        since = lab.gateway.position()
        with client.begin(b"RETR held-5000") as data:
            received = 0
            while received < 5000:
                received += len(data.recv(5000))
            client.send(b"ABOR\r\n")
            check_equal(data.recv(100), b"", "what comes after ABOR")
        client.expect("426")
        client.expect("226")
        told(lab, client, since, outcome="aborted", by="client", bytes=5000, code=426)


def aborted_by_server(nat, family, mode):
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client:
        since = lab.gateway.position()
        client.fetch("broken-5000")
        client.expect("451")
        told(lab, client, since, outcome="aborted", by="server", bytes=5000, code=451)
        since = lab.gateway.position()
        client.put("STOR", "broken-5000", 5000)
        client.expect("452")
        told(lab, client, since, outcome="aborted", by="server", bytes=5000, code=452)
        since = lab.gateway.position()
        client.offer_data()
        client.command(b"RETR gone-1", "550")
        told(lab, client, since, outcome="aborted", by="server", bytes=0, code=550)


def loss(nat, family, mode):
    """
    3 % of what is forwarded is lost, but no SYN: one that a filter drops has used its pinhole up by then, here as with the
    kernel's helper, and that is another statement's.
    """
    with made(nat) as (lab, _servers), Client(lab, family, mode) as client, \
            dropping(lab.router, "forward tcp dport != 21 tcp sport != 21 tcp flags & syn == 0 numgen random mod 100 < 3 drop"):
        client.socket.settimeout(TELLING)
        for _ in range(amount(1, 3)):
            since = lab.gateway.position()
            client.fetch(3000017)
            client.expect("226")
            told(lab, client, since, outcome="complete", bytes=3000017)
            since = lab.gateway.position()
            client.put("STOR", 700001, 700001)
            client.expect("226")
            told(lab, client, since, outcome="complete", bytes=700001)


def huge(accounting):
    """More than 32 bits of sequence numbers can say, with the kernel's accounting and without it."""
    with made("snat", offloads=True) as (lab, _servers), Client(lab, 4, "passive") as client:
        lab.router.sysctl("netfilter/nf_conntrack_acct", accounting)
        client.socket.settimeout(TELLING)
        since = lab.gateway.position()
        check_equal(client.fetch(HUGE), HUGE, "bytes that were fetched")
        client.expect("226")
        told(lab, client, since, outcome="complete", bytes=HUGE)


def many():
    """A thousand small files, of as many clients as there is hurry."""
    clients, each = 20, 50
    with made("snat") as (lab, _servers):
        faults = []

        def fetch_all(number):
            try:
                with Client(lab, (4, 6)[number % 2], ("active", "passive")[number // 2 % 2]) as client:
                    for size in range(each):
                        check_equal(client.fetch(size), size, "bytes that were fetched")
                        client.expect("226")
            except Exception as fault:  # pylint: disable=broad-exception-caught
                faults.append(fault)

        threads = [threading.Thread(target=fetch_all, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check_equal(faults, [], "faults of clients")
        wait_until(lambda: len(lab.gateway.events("transfer")) == clients * each, "all transfers to be told", TELLING)
        events = lab.gateway.events("transfer")
        check_equal({event.get("outcome") for event in events}, {"complete"}, "outcomes")
        for event in events:
            check_equal(event.get("bytes"), int(event["path"]), f"bytes of {event}")
        check_equal(len(lab.gateway.events("pinhole-used")), clients * each, "offers that were used")


OUTCOMES = {
    "a transfer that went well is complete, and as long as its file": complete,
    "what this host's own filter drops is told as filtered here": filtered_here,
    "an answer that this host's own filter drops is told as filtered here": answer_filtered_here,
    "a290: an offer that goes with its control connection's entry is told as deleted here": deleted_here,
    "who does not call is told to never have come": never_came,
    "who refuses is told to have refused": refused_by_peer,
    "who does not answer is told not to have": no_answer,
    "a client that resets its data connection has aborted": aborted_by_client_reset,
    "a client that is killed has aborted": aborted_by_killed_client,
    "ABOR is the client's doing": aborted_by_abor,
    "a server that gives up has aborted": aborted_by_server,
    "what is lost on the way changes no file's length": loss,
}


def main():
    plan = Plan(__doc__)
    for number, (statement, function) in enumerate(OUTCOMES.items()):
        for place, nat in enumerate(NAT):
            # What differs by translation is the same for all outcomes but the first: each has one way, and LAB_FULL=1 more.
            ways = [WAYS[(number + place) % len(WAYS)]]
            if FULL and (function is complete or place == number % len(NAT)):
                ways = WAYS
            elif not FULL and function is not complete and place != number % len(NAT):
                continue
            for family, mode in ways:
                plan.add(f"{statement}: {nat}, IPv{family}, {mode}", function, nat, family, mode)
    for family, mode in WAYS:
        plan.add(f"a290: an offer that somebody deletes by itself is told as deleted here: IPv{family}, {mode}",
                 expectation_deleted_here, NAT[WAYS.index((family, mode))], family, mode)
    for family in (4, 6):
        plan.add(f"what policy refuses is told as refused by policy: IPv{family}", refused_by_policy, family)
    for accounting in (0, 1) if FULL else (1,):
        plan.add(f"a file of more than 4 GiB is as long as it is, with accounting {'on' if accounting else 'off'}", huge, accounting)
    plan.add("of a thousand small transfers none is forgotten", many)
    plan.run()


if __name__ == "__main__":
    main()
