#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Bounce attacks and the misuse of offers, A01 to A16 of the catalogue below, against servers that obey: ProFTPD with
AllowForeignAddress, and a scripted server that connects wherever a careless server would.

  A01 to A06  PORT, EPRT, LPRT that name another host, in every spelling       A07, A08  numbers that wrap
  A09 to A11  ports that no data connection should go to                       A12, A13  numbers that readers differ on
  A14         a server's reply that names another host                        A15       third-party transfers
  A16         addresses that are nobody's, or the firewall's own

For every row: the client reads an FTP error, nothing of the offer reaches the server, the line keeps its length, no
pinhole appears, one event tells the reason, the bystanders' captures stay empty, and the session goes on to a transfer.
That the same rows do harm without the gateway is stated at the end.
"""

import contextlib
import functools
import ipaddress

import topology
from capture import SYN, Capture, streams
from lab import Lab
from process import wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer, offer_line
from servers import Proftpd
from tap import Plan, check, check_equal

SCRIPTED_PORT, PROFTPD_PORT = 21, 2121
# The lab's addresses are private, and by default the server's own would take their place (test_dialogues.py).
SETTINGS = {"gateway": {"control-ports": f"{SCRIPTED_PORT}, {PROFTPD_PORT}"}, "policy": {"foreign-server": "refuse"}}


# The lab's addresses (topology.ADDRESSES, "grow"); main() checks that they still are.
HOSTS = {
    4: {"client": "10.7.1.2", "neighbour": "10.7.1.99", "inside_router": "10.7.1.1", "server": "10.9.1.2",
        "victim": "10.9.1.99"},
    6: {"client": "fd07::2", "neighbour": "fd07::99", "inside_router": "fd07::1", "server": "fd09::2",
        "victim": "fd09::99"},
}

# Rows: (identifier, what it is, the line, the reasons that fit).
COMMANDS_IPV4 = (
    ("A01", "PORT names a host beside the server", "PORT 10,9,1,99,0,25", "foreign-address"),
    ("A01", "PORT names a host beside the server, high port", "PORT 10,9,1,99,9,9", "foreign-address"),
    ("A01", "PORT names a host beside the client", "PORT 10,7,1,99,9,9", "foreign-address"),
    ("A02", "EPRT names another host", "EPRT |1|10.9.1.99|25|", "foreign-address"),
    ("A03", "EPRT delimited by @", "EPRT @1@10.9.1.99@2525@", "foreign-address"),
    ("A03", "EPRT delimited by !", "EPRT !1!10.9.1.99!2525!", "foreign-address"),
    ("A03", "EPRT delimited by ~", "EPRT ~1~10.9.1.99~2525~", "foreign-address"),
    ("A03", "EPRT delimited by a digit", "EPRT 71710.9.1.99725257", "malformed ambiguous"),
    ("A04", "EPRT names an IPv4 host in IPv6 clothes", "EPRT |2|::ffff:10.9.1.99|2525|", "family-mismatch"),
    ("A04", "EPRT calls an IPv4 address IPv6", "EPRT |2|10.9.1.99|2525|", "family-mismatch malformed"),
    ("A04", "EPRT calls the client's own address IPv6", "EPRT |2|::ffff:10.7.1.2|2525|", "family-mismatch"),
    ("A05", "LPRT names another host", "LPRT 4,4,10,9,1,99,2,0,25", "foreign-address"),
    ("A352", "SPOR names another host", "SPOR 10,9,1,99,9,9", "foreign-address"),
    ("A353", "GridFTP's GET names another host", "GET path=/x;port=10,9,1,99,9,9;", "malformed"),
    ("A353", "GridFTP's PUT names another host", "PUT port=10,9,1,99,9,9;path=/x", "malformed"),
    ("A06", "port in lower case", "port 10,9,1,99,7,208", "foreign-address"),
    ("A06", "pOrT in mixed case", "pOrT 10,9,1,99,7,208", "foreign-address"),
    ("A06", "eprt in lower case", "eprt |1|10.9.1.99|2000|", "foreign-address"),
    ("A07", "a port byte of 260", "PORT 10,7,1,2,260,1", "overflow"),
    ("A07", "a first octet of 266", "PORT 266,7,1,2,9,9", "overflow"),
    ("A07", "an octet of 257 that wraps into the next", "PORT 10,7,1,257,9,9", "overflow"),
    ("A07", "a port byte of thirty digits", "PORT 10,7,1,2,9," + "9" * 30, "overflow"),
    ("A08", "port 65557, which wraps to 21", "EPRT |1|10.7.1.2|65557|", "overflow"),
    ("A08", "port 4294967318, which wraps to 22", "EPRT |1|10.7.1.2|4294967318|", "overflow"),
    ("A09", "the client's own port 22", "PORT 10,7,1,2,0,22", "low-port"),
    ("A09", "the client's own port 139", "EPRT |1|10.7.1.2|139|", "low-port"),
    ("A09", "the client's own port 1023", "PORT 10,7,1,2,3,255", "low-port"),
    ("A10", "PORT with port 0", "PORT 10,7,1,2,0,0", "port-zero"),
    ("A10", "EPRT with port 0", "EPRT |1|10.7.1.2|0|", "port-zero"),
    ("A11", "the client's own X11", "PORT 10,7,1,2,23,112", "denied-port"),
    ("A11", "the client's own MySQL", "EPRT |1|10.7.1.2|3306|", "denied-port"),
    ("A12", "an octet with a leading zero", "PORT 010,7,1,2,40,1", "ambiguous"),
    ("A12", "a port with a leading zero", "EPRT |1|10.7.1.2|02525|", "ambiguous"),
    ("A12", "a space behind a comma", "PORT 10, 7,1,2,40,1", "malformed ambiguous"),
    ("A12", "an octet with a sign", "PORT +10,7,1,2,40,1", "ambiguous malformed"),
    ("A12", "a hexadecimal octet", "PORT 0x0a,7,1,2,40,1", "ambiguous malformed"),
    ("A13", "five numbers", "PORT 10,7,1,2,40", "malformed"),
    ("A13", "seven numbers", "PORT 10,7,1,2,40,1,1", "malformed ambiguous"),
    ("A13", "text behind the numbers", "PORT 10,7,1,2,40,1 junk", "malformed ambiguous"),
    ("A13", "an empty number", "PORT 10,7,1,2,40,", "malformed"),
    ("A15", "a third-party transfer that nobody allowed", "PORT 10,9,1,99,200,10", "foreign-address"),
    ("A16", "the router's address", "PORT 10,7,1,1,40,1", "foreign-address"),
    ("A16", "a loopback address", "PORT 127,0,0,1,40,1", "martian-address"),
    ("A16", "the broadcast address", "PORT 255,255,255,255,40,1", "martian-address"),
    ("A16", "a multicast address", "PORT 224,0,0,1,40,1", "martian-address"),
    ("A16", "a link-local address", "EPRT |1|169.254.1.1|2525|", "martian-address"),
)
COMMANDS_IPV6 = (
    ("A02", "EPRT names a host beside the server", "EPRT |2|fd09::99|2525|", "foreign-address"),
    ("A02", "EPRT names a host beside the client", "EPRT |2|fd07::99|2525|", "foreign-address"),
    ("A03", "EPRT delimited by @", "EPRT @2@fd09::99@2525@", "foreign-address"),
    ("A03", "EPRT in all its zeros", "EPRT |2|fd09:0000:0000:0000:0000:0000:0000:0099|2525|", "foreign-address"),
    ("A04", "EPRT with an IPv4 address", "EPRT |1|10.9.1.99|2525|", "family-mismatch"),
    ("A04", "EPRT with a mapped IPv4 address", "EPRT |2|::ffff:10.9.1.99|2525|", "family-mismatch martian-address"),
    ("A04", "EPRT that calls an IPv6 address IPv4", "EPRT |1|fd09::99|2525|", "family-mismatch malformed"),
    ("A04", "PORT on a connection of IPv6", "PORT 10,9,1,99,40,1", "family-mismatch"),
    ("A05", "LPRT names another host", "LPRT 6,16,253,9,0,0,0,0,0,0,0,0,0,0,0,0,0,153,2,9,221", "foreign-address"),
    ("A06", "eprt in lower case", "eprt |2|fd09::99|2525|", "foreign-address"),
    ("A08", "port 65557, which wraps to 21", "EPRT |2|fd07::2|65557|", "overflow"),
    ("A09", "the client's own port 22", "EPRT |2|fd07::2|22|", "low-port"),
    ("A10", "EPRT with port 0", "EPRT |2|fd07::2|0|", "port-zero"),
    ("A11", "the client's own X11", "EPRT |2|fd07::2|6000|", "denied-port"),
    ("A12", "a port with a leading zero", "EPRT |2|fd07::2|02525|", "ambiguous"),
    ("A13", "a missing field", "EPRT |2|fd07::2|", "malformed"),
    ("A16", "the router's address", "EPRT |2|fd07::1|2525|", "foreign-address"),
    ("A16", "the loopback address", "EPRT |2|::1|2525|", "martian-address"),
    ("A16", "a link-local address", "EPRT |2|fe80::1|2525|", "martian-address"),
    ("A16", "a multicast address", "EPRT |2|ff02::1|2525|", "martian-address"),
)
COMMANDS = {4: COMMANDS_IPV4, 6: COMMANDS_IPV6}

# Rows: (identifier, what it is, the command, the server's reply, the reasons that fit).
REPLIES_IPV4 = (
    ("A14", "227 names a host beside the client", "PASV", "227 Entering Passive Mode (10,7,1,99,0,80)",
     "foreign-address"),
    ("A14", "227 names that host's high port", "PASV", "227 Entering Passive Mode (10,7,1,99,40,1).",
     "foreign-address"),
    ("A14", "227 without parentheses names another host", "PASV", "227 =  10,7,1,99,40,1", "foreign-address"),
    ("A14", "227 names two hosts", "PASV", "227 ok (10,9,1,2,40,1) (10,7,1,99,40,1)", "ambiguous"),
    ("A14", "227 names the client's loopback", "PASV", "227 ok (127,0,0,1,40,1)", "martian-address"),
    ("A09", "227 names the server's port 22", "PASV", "227 ok (10,9,1,2,0,22)", "low-port"),
    ("A08", "229 names port 65558, which wraps to 22", "EPSV", "229 ok (|||65558|)", "overflow"),
    ("A09", "229 names the server's port 22", "EPSV", "229 ok (|||22|)", "low-port"),
    ("A10", "229 names port 0", "EPSV", "229 ok (|||0|)", "port-zero"),
    ("A14", "229 names a host", "EPSV", "229 ok (|1|10.7.1.99|2525|)", "malformed"),
    ("A07", "227 has an octet of 257", "PASV", "227 ok (10,9,1,257,40,1)", "overflow"),
    ("A354", "what answers SPAS names a host beside the client", "SPAS", "200 ok (10,7,1,99,40,1)", "foreign-address"),
    ("A354", "127 names a host beside the client", "NOOP", "127 PORT (10,7,1,99,40,1)", "unsolicited"),
    ("A354", "129 names a host beside the client", "NOOP", "129 Delayed (10,7,1,99,40,1)", "unsolicited"),
    ("A14", "228 names a host beside the client", "LPSV", "228 ok (4,4,10,7,1,99,2,9,221)", "foreign-address"),
)
REPLIES_IPV6 = (
    ("A08", "229 names port 65558, which wraps to 22", "EPSV", "229 ok (|||65558|)", "overflow"),
    ("A09", "229 names the server's port 22", "EPSV", "229 ok (|||22|)", "low-port"),
    ("A14", "229 names a host", "EPSV", "229 ok (|2|fd07::99|2525|)", "malformed"),
    ("A14", "228 names a host beside the client", "LPSV",
     "228 ok (6,16,253,7,0,0,0,0,0,0,0,0,0,0,0,0,0,153,2,9,221)", "foreign-address"),
    ("A14", "227 names an IPv4 host", "PASV", "227 ok (10,7,1,99,40,1)", "family-mismatch"),
)
REPLIES = {4: REPLIES_IPV4, 6: REPLIES_IPV6}


class Arena:
    """A lab with bystanders who are watched, and both kinds of obedient server, for each family."""

    def __init__(self, mode, **options):
        self.mode = mode
        self._options = options

    @contextlib.contextmanager
    def __call__(self):
        with contextlib.ExitStack() as stack:
            self.lab = stack.enter_context(Lab(mode=self.mode, bystanders=True, settings=SETTINGS, **self._options))
            self.servers = {}
            for family, addresses in self.lab.addresses.items():
                self.servers[family] = stack.enter_context(
                    ScriptedServer(self.lab.server, addresses.server, SCRIPTED_PORT))
                stack.enter_context(Proftpd(self.lab.server, addresses.server, self.lab.directory, PROFTPD_PORT))
            self._sessions = {}
            stack.callback(lambda: [client.__exit__() for client in self._sessions.values()])
            self._watch = {name: stack.enter_context(Capture(self.lab.hosts[name], self.lab.directory))
                           for name in ("server", "victim", "neighbour")}
            yield self

    def segments(self, name):
        self._watch[name].sync()
        return list(self._watch[name].segments())

    def check_bystanders(self):
        for name in ("victim", "neighbour"):
            seen = [f"{segment.source}:{segment.source_port}" for segment in self.segments(name)]
            check_equal(seen, [], f"who tried to reach the {name}")

    def server_received(self, family, client_port, port):
        """The commands of one client's control connection, as they came out of the router."""
        key = (self.lab.client_seen(family), client_port, self.lab.addresses[family].server, port)
        control = [segment for segment in self.segments("server") if segment.is_control((SCRIPTED_PORT, PROFTPD_PORT))]
        return streams(control)[key]

    def connect(self, family, port):
        client = ScriptedClient(self.lab.client, self.lab.server_seen(family), port)
        try:
            client.login()
            return client
        except BaseException:
            client.__exit__()
            raise

    @contextlib.contextmanager
    def session(self, family, port):
        """
        A client that has logged in. ProFTPD takes a third of a second to accept one, so with it all statements share a
        session that goes on, until one of them fails.
        """
        client = self._sessions.pop((family, port), None) or self.connect(family, port)
        try:
            yield client
        except BaseException:
            client.__exit__()
            raise
        if port == PROFTPD_PORT:
            self._sessions[family, port] = client
        else:
            client.__exit__()


def check_refusal(arena, family, since, reasons, direction):
    """One event tells it, and nothing was opened."""
    gateway = arena.lab.gateway
    wait_until(lambda: gateway.events("refuse", since), "the event of the refusal")
    refusals = gateway.events("refuse", since)
    check_equal(len(refusals), 1, f"events of refusals ({refusals})")
    check(refusals[0]["reason"] in reasons.split(), f"the reason is {refusals[0]['reason']}, not {reasons}")
    check_equal(refusals[0]["direction"], direction, "the direction in the event")
    check_equal(gateway.events("pinhole-open", since), [], "pinholes that were opened")
    check_equal(arena.lab.expectations(family), [], "expectations in the kernel")


def spellings(address):
    parsed = ipaddress.ip_address(address)
    return {text.encode() for text in (str(parsed), parsed.exploded, address.replace(".", ","))}


def refuse_command(arena, family, port, line, reasons):
    addresses, line = arena.lab.addresses[family], line.encode()
    with arena.session(family, port) as client:
        spoken = arena.server_received(family, client.local_port, port)
        since = arena.lab.gateway.position()
        client.command(line, "5")
        check_refusal(arena, family, since, reasons, "original")
        refused = arena.server_received(family, client.local_port, port)[len(spoken):]
        listing = client.list_active()
        check(listing == LISTING or b" pub" in listing, f"the listing afterwards is {listing!r}")
        # Else the next statement of this session finds it.
        wait_until(lambda: arena.lab.gateway.events("pinhole-open", since), "the event of the listing's offer")
        received = arena.server_received(family, client.local_port, port)
    check_equal(len(refused), len(line) + 2, f"length of the refused line as the server got it ({refused!r})")
    check(line.partition(b" ")[2] not in refused, f"the server saw the offer: {refused!r}")
    for address in (addresses.victim, addresses.neighbour):
        for text in spellings(address):
            check(text not in received, f"the server saw {text!r}: {received!r}")
    arena.check_bystanders()


def refuse_reply(arena, family, command, reply, reasons):
    addresses, reply = arena.lab.addresses[family], reply.encode()
    server = arena.servers[family]
    with arena.session(family, SCRIPTED_PORT) as client:
        since = arena.lab.gateway.position()
        server.handlers[command] = lambda argument: reply + b"\r\n"
        try:
            got = client.command(command.encode(), "425")
        finally:
            del server.handlers[command]
        check_equal(len(got), len(reply) + 2, f"length of the reply ({got!r})")
        for text in spellings(addresses.neighbour):
            check(text not in got, f"the client saw {text!r}: {got!r}")
        check_refusal(arena, family, since, reasons, "reply")
        check_equal(client.list_passive(), LISTING, "the listing afterwards")
    arena.check_bystanders()


def unspecified_means_client(lab, family):
    """0.0.0.0 and :: stand for the client itself, and are filled in."""
    with ScriptedServer(lab.server, lab.addresses[family].server) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client, client.listen() as listener:
        client.login()
        client.command(offer_line("0.0.0.0" if family == 4 else "::", listener.getsockname()[1]), "200")
        received = server.session().lines[-1]
        expected = lab.client_seen(family)
        check(any(text in received for text in spellings(expected)), f"the server got {received!r}, not {expected}")
        client.send(b"LIST\r\n")
        with listener.accept()[0] as data:
            data.settimeout(5)
            check_equal(data.recv(4096), LISTING, "the listing")


def third_party_where_allowed(lab, family):
    """A15, the other half: what the configuration lists is let through unchanged, and reaches the third host."""
    victim = lab.addresses[family].victim
    with ScriptedServer(lab.server, lab.addresses[family].server, connect_timeout=1) as server, \
            Capture(lab.hosts["victim"], lab.directory) as watch, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        line = offer_line(victim, 2525)
        client.command(line, "200")
        check_equal(server.session().lines[-1], line + b"\r\n", "the offer at the server")
        client.command(b"LIST", "150")
        client.expect("425")
        outside = offer_line(victim, 2600)
        client.command(outside, "5")
        check(outside not in bytes(server.session().received), "a port outside the list was let through")
    ports = {segment.destination_port for segment in watch.segments() if segment.flags & SYN}
    check_equal(ports, {2525}, "ports of the third host that the server tried")


def harm_without_gateway(arena, family, port):
    """The server obeys and the victim is reached: what the other statements of this program prevent."""
    victim = arena.lab.addresses[family].victim
    with arena.session(family, port) as client:
        client.command(offer_line(victim, 2525), "200")
        client.command(b"LIST")
    wait_until(lambda: [segment for segment in arena.segments("victim") if segment.destination_port == 2525],
               "a connection from the server to the victim")


def add_commands(plan, mode):
    arena = Arena(mode)
    for family in (4, 6):
        for identifier, what, line, reasons in COMMANDS[family]:
            for port, server in ((SCRIPTED_PORT, "scripted server"), (PROFTPD_PORT, "ProFTPD")):
                plan.add(f"{identifier} {what}: refused (IPv{family}, {mode}, {server})", refuse_command, family, port,
                         line, reasons, fixture=arena)


def add_replies(plan, mode):
    arena = Arena(mode)
    for family in (4, 6):
        for identifier, what, command, reply, reasons in REPLIES[family]:
            plan.add(f"{identifier} {what}: refused (IPv{family}, {mode})", refuse_reply, family, command, reply,
                     reasons, fixture=arena)


def main():
    for family, hosts in HOSTS.items():
        for name, address in hosts.items():
            assert getattr(topology.ADDRESSES["grow", family], name) == address, f"the lab's {name} has moved"
    plan = Plan(__doc__)
    for mode in ("routed", "snat"):
        add_commands(plan, mode)
    for mode in ("routed", "dnat"):
        add_replies(plan, mode)
    snat = functools.partial(Lab, mode="snat")
    for family in (4, 6):
        plan.add(f"A16 an unspecified address stands for the client itself (IPv{family})", unspecified_means_client,
                 family, fixture=snat)
    listed = functools.partial(Lab, mode="snat", bystanders=True, settings={
        "policy": {"fxp": "10.9.1.99/32:2500-2599, fd09::99/128:2500-2599"}})
    for family in (4, 6):
        plan.add(f"A15 a third-party transfer passes where it is listed, and only there (IPv{family})",
                 third_party_where_allowed, family, fixture=listed)
    unguarded = Arena("routed", gateway_rules=False)
    for family in (4, 6):
        for port, server in ((SCRIPTED_PORT, "the scripted server"), (PROFTPD_PORT, "ProFTPD")):
            plan.add(f"without the gateway {server} reaches the victim (IPv{family})", harm_without_gateway, family,
                     port, fixture=unguarded)
    plan.run()


if __name__ == "__main__":
    main()
