#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A router behind a NAT that another host does, as clouds have it: 1:1, and without any helper for FTP.

    client ---- router ---- cloud ---- world
       10.7.1.2    .1  10.9.1.1  .2      203.0.113.9
                           = 198.51.100.1, and later 198.51.100.2, for the world

`advertise` and `advertise-active` put the address that the world sees into the text, by address or by name. Names are looked
up again, and the next offer has what they are then.
"""

import contextlib
import functools
import re

import rules
from gateway import READY, binary, endpoint
from lab import Lab
from nameserver import NameServer, Resolving
from process import TimedOut, titled, wait_titled, wait_until
from proxy import Proxy
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, check, check_equal

WORLD = {4: "203.0.113.9", 6: "2001:db8:9::9"}
PUBLIC = {4: ("198.51.100.1", "198.51.100.2"), 6: ("2001:db8:1::1", "2001:db8:1::2")}
NAME = "router.cloud.test"
LATE = "late.cloud.test"


def program_of(family):
    return "iptables" if family == 4 else "ip6tables"


class Cloud:
    """The lab's server is the host that translates; the world is behind it."""

    def __init__(self, lab):
        self.lab = lab
        self.host = lab.server
        self.world = lab._make_namespace("world")  # pylint: disable=protected-access
        self.host.ip(f"link add world type veth peer name eth0 netns {self.world.full_name}")
        for host, device, last in ((self.host, "world", "254"), (self.world, "eth0", "9")):
            host.ip(f"address add 203.0.113.{last}/24 dev {device}")
            host.ip(f"address add 2001:db8:9::{last}/64 dev {device} nodad")
            host.ip(f"link set {device} up")
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            self.host.sysctl(name, 1)
        for host, way in ((self.world, ("203.0.113.254", "2001:db8:9::254")),
                          (lab.router, (lab.addresses[4].server, lab.addresses[6].server)),
                          (lab.client, (lab.addresses[4].inside_router, lab.addresses[6].inside_router))):
            for address in way:
                host.ip(f"route add default via {address}")
        self.given = None
        self.give(0)
        self._publish_inside()

    def give(self, number):
        """
        From here on the router has this public address of each family; connections keep the one that they have. The new
        rules come before the old ones go: while a chain of nat is empty, packets of translated connections leave as they
        are. """
        for change, given in (("-I", number), ("-D", self.given)):
            for family, addresses in PUBLIC.items() if given is not None else ():
                own, public = self.lab.addresses[family].outside_router, addresses[given]
                run = [program_of(family), "-t", "nat", change]
                self.host.run([*run, "PREROUTING", "-i", "world", "-d", public, "-j", "DNAT", "--to-destination", own])
                self.host.run([*run, "POSTROUTING", "-o", "world", "-s", own, "-j", "SNAT", "--to-source", public])
        self.given = number

    def _publish_inside(self):
        """The router's own DNAT: a server of its client's host may be reached from outside."""
        for family, addresses in self.lab.addresses.items():
            own, inside = addresses.outside_router, addresses.client
            if rules.FLAVOUR == "nft":
                ip = "ip" if family == 4 else "ip6"
                self.lab.router.run(["nft", "add", "rule", "inet", "lab", "translate_destination",
                                     f'iifname "outside" {ip} daddr {own} tcp dport 21 dnat {ip} to {inside}'])
                self.lab.router.run(["nft", "add", "rule", "inet", "lab", "forward",
                                     f'iifname "outside" {ip} daddr {inside} tcp dport 21 ct state new accept'])
            else:
                self.lab.router.run([program_of(family), "-t", "nat", "-A", "PREROUTING", "-i", "outside", "-d", own, "-p", "tcp",
                                     "--dport", "21", "-j", "DNAT", "--to-destination", inside])
                self.lab.router.run([program_of(family), "-A", "FORWARD", "-i", "outside", "-d", inside, "-p", "tcp",
                                     "--dport", "21", "-m", "conntrack", "--ctstate", "NEW", "-j", "ACCEPT"])


class Site:
    """A gateway, or a proxy, with these settings; its process, its events, and the names that it may look up."""

    def __init__(self, settings, proxy=False, records=None):
        self.settings = {"gateway": {"resolve-interval": "1"}, **settings}
        self.proxy = proxy
        self.records = {} if records is None else records
        self.lab = self.cloud = self.gateway = self.resolving = self.names = None

    @contextlib.contextmanager
    def __call__(self):
        with contextlib.ExitStack() as stack:
            self.lab = lab = stack.enter_context(Lab(mode="masquerade", settings=self.settings, daemon=False,
                                                     gateway_rules=not self.proxy))
            self.cloud = Cloud(lab)
            self.resolving = Resolving(lab.directory, binary())
            self.names = stack.enter_context(NameServer(lab.router, dict(self.records)))
            if self.proxy:
                forward = ", ".join(f"{addresses.outside_router}->{addresses.client}" for addresses in lab.addresses.values())
                self.gateway = Proxy(lab, {"tls": "none", "implicit-ports": "none", "forward": forward},
                                     gateway=self.settings["gateway"],
                                     sections={key: value for key, value in self.settings.items() if key != "gateway"})
                self.gateway.program = self.resolving.command
                stack.enter_context(self.gateway)
            else:
                self.gateway = lab.gateway
                self.gateway.process = lab.router.spawn([self.resolving.command, "run", "-c", self.gateway.configuration])
                self.gateway.process.wait_for_output(READY)
            yield self

    def said(self, text):
        wait_until(lambda: text in self.gateway.process.output(), f"{text!r} of the gateway")

    @contextlib.contextmanager
    def client_behind(self, family):
        """A session of a client behind the router with a server of the world."""
        with ScriptedServer(self.cloud.world, WORLD[family]) as server, \
                ScriptedClient(self.lab.client, WORLD[family]) as client:
            client.login()
            yield server, client

    @contextlib.contextmanager
    def server_behind(self, family, public=0):
        """A session of a client of the world with a server behind the router, by the router's public address."""
        with ScriptedServer(self.lab.client, self.lab.addresses[family].client), \
                ScriptedClient(self.cloud.world, PUBLIC[family][public]) as client:
            client.login()
            yield client


def offered(server):
    """The address in the newest PORT or EPRT that a server has received."""
    line = [line for line in server.session().lines if line[:4] in (b"PORT", b"EPRT")][-1].decode()
    return line.split("|")[2] if "|" in line else ".".join(re.findall(r"\d+", line)[:4])


def offer(server, client):
    """Makes an offer that nobody follows. Returns the address in it."""
    with client.listen() as listener:
        client.offer(listener.getsockname()[1])
    return offered(server)


def wait_for_offer(server, client, address):
    """Who has the session takes what has been found within a second."""
    wait_until(lambda: offer(server, client) == address, f"an offer of {address}", interval=0.2)


def announced(client):
    """The address in the newest 227."""
    return ".".join(re.findall(rb"\((\d+,\d+,\d+,\d+),", bytes(client.received))[-1].decode().split(","))


def client_behind(site, family, public=0):
    with site.client_behind(family) as (server, client):
        check_equal(client.list_active(), LISTING, "the listing in active mode")
        check_equal(offered(server), PUBLIC[family][public], "what the server was offered")
        if family == 4:
            check_equal(client.list_active(extended=True), LISTING, "the listing by EPRT")
            check_equal(offered(server), PUBLIC[family][public], "what the server was offered by EPRT")
        # What other people's servers announce is their own.
        check_equal(client.list_passive(), LISTING, "the listing in passive mode")


def server_behind(site, family, public=0):
    with site.server_behind(family, public) as client:
        check_equal(client.list_passive(), LISTING, "the listing in passive mode")
        if family == 4:
            check_equal(announced(client), PUBLIC[4][public], "what the client was told")
        check_equal(client.list_active(), LISTING, "the listing in active mode")


def pinhole_is_where_packets_arrive(site):
    """The text alone names the public address: who could choose it would open nothing there."""
    since = site.gateway.position()
    with site.server_behind(4) as client:
        client.connect_passive().close()
        opened = site.gateway.wait_event("pinhole-open", since, client=client.endpoint)
        offer = site.gateway.wait_event("offer", since, client=client.endpoint)
    check_equal(offer["announced_ip"], PUBLIC[4][0], "what was announced")
    check(opened["to_ip"] in (site.lab.addresses[4].outside_router, site.lab.addresses[4].client),
          f"the pinhole is at {endpoint(opened, 'to')}")


def another_address(site):
    """The cloud gives the router another address, and the name follows; the session has been open all the time."""
    with site.client_behind(4) as (server, client), site.server_behind(4) as visitor:
        for number in (1, 0):
            site.cloud.give(number)
            site.names.records[NAME] = [PUBLIC[4][number], PUBLIC[6][number]]
            site.said(f"{NAME} is announced as {PUBLIC[4][number]} and {PUBLIC[6][number]}")
            wait_for_offer(server, client, PUBLIC[4][number])
            check_equal(client.list_active(), LISTING, "the listing in active mode")
            check_equal(visitor.list_passive(), LISTING, "the listing in passive mode")
            check_equal(announced(visitor), PUBLIC[4][number], "what the visitor was told")


def name_that_is_lost(site):
    kept = site.names.records.pop(NAME)
    site.said(f"{NAME} is not found any more")
    client_behind(site, 4)
    site.names.records[NAME] = kept
    site.said(f"{NAME} is found again")


def name_that_comes_late(site):
    """At the start there is none: the router's own address is what is announced, and the log says so."""
    site.said(f"{LATE} is not found")
    with site.client_behind(4) as (server, client):
        check_equal(offer(server, client), site.lab.addresses[4].outside_router, "what the server was offered")
        site.names.records[LATE] = [PUBLIC[4][0]]
        site.said(f"{LATE} is announced as {PUBLIC[4][0]}")
        wait_for_offer(server, client, PUBLIC[4][0])


def name_of_hosts(site):
    """The file of the host, without any name server; what it says of loopback is no address to be announced."""
    site.names.records.pop(LATE, None)
    site.resolving.write_hosts([f"127.0.1.1 {LATE}"])
    check("has no address that" in check_report(site, 1), "check takes an address of loopback")
    since = site.gateway.position()
    site.resolving.write_hosts([f"{PUBLIC[4][1]} {LATE}"])
    site.said(f"{LATE} is announced as {PUBLIC[4][1]}")
    host_told(site, since, "host-changed", f"{LATE} is announced as {PUBLIC[4][1]} (before: ")
    site.resolving.write_hosts([])
    host_told(site, since, "host-lost", f"{LATE} is not found; announced is {PUBLIC[4][1]}")
    shown = site.lab.router.run([site.resolving.command, "status", "-c", site.gateway.configuration], check=False)
    check(f"{LATE} NOT FOUND, announced is {PUBLIC[4][1]}" in " ".join(shown.stdout.split()), f"what status shows: {shown.stdout}")
    check_equal(shown.returncode, 1, "the exit status of status")


def host_told(site, since, event, text):
    """A292."""
    def told():
        return [one["host"] for one in site.gateway.events(since=since) if one["event"] == event]
    try:
        wait_until(lambda: any(text in host for host in told()), f"{event}: {text}")
    except TimedOut:
        check(False, f"{event}: {text}: {told()}")


def check_report(site, status):
    done = site.lab.router.run([site.resolving.command, "check", "-c", site.gateway.configuration], check=False)
    check_equal(done.returncode, status, f"the exit status of check, which says {done.stdout}")
    return "".join(line for line in done.stdout.splitlines(True) if "advertise" in line)


def check_looks_up(site):
    check(f"{NAME} is {PUBLIC[4][0]} and {PUBLIC[6][0]}" in check_report(site, 0), "check does not say what it has found")
    site.names.records[NAME] = [PUBLIC[4][0]]
    check("it has no IPv6 address" in check_report(site, 0), "check does not say which family has none")
    kept = site.names.records.pop(NAME)
    check(f"{NAME} is not found" in check_report(site, 1), "check is satisfied without any address")
    site.names.records[NAME] = [*kept, PUBLIC[6][0]]


def resolver_that_dies(site):
    resolver = wait_titled(site.gateway.process.pid, "ftpalg-names")
    site.lab.router.run(["kill", "-KILL", str(resolver)])
    site.said("the resolver was ended by signal 9")
    wait_until(lambda: titled(site.gateway.process.pid, "ftpalg-names") not in ([], [resolver]), "the next resolver")
    client_behind(site, 4)


def reload_names_another(site):
    """A name comes with a reload, and an address in its place with the next one; the last resolver ends with its names."""
    with open(site.gateway.configuration, encoding="ascii") as file:
        before = file.read()
    site.names.records["other.cloud.test"] = [PUBLIC[4][0]]
    try:
        for after, said, resolvers in ((before.replace(NAME, "other.cloud.test"), "other.cloud.test is announced as", 1),
                                       (re.sub(f"{NAME}(, [0-9a-f:]+)?", PUBLIC[4][0], before), "reloaded", 0)):
            with open(site.gateway.configuration, "w", encoding="ascii") as file:
                file.write(after)
            site.lab.router.run(["kill", "-HUP", str(site.gateway.process.pid)])
            site.said(said)
            wait_until(lambda: len(titled(site.gateway.process.pid, "ftpalg-names")) == resolvers,  # pylint: disable=cell-var-from-loop
                       f"{resolvers} resolvers")
            with site.client_behind(4) as (server, client):
                wait_for_offer(server, client, PUBLIC[4][0])
    finally:
        with open(site.gateway.configuration, "w", encoding="ascii") as file:
            file.write(before)


def sections(to_world, to_clients):
    """One rule for each way, by networks: behind the router are 10.7.1.0/24 and fd07::/64."""
    inside = "10.7.1.0/24, fd07::/64"
    return {"rule out": {"clients": inside, "advertise-active": to_world},
            "rule in": {"servers": inside, "advertise": to_clients}}


ADDRESSES = ", ".join(addresses[0] for addresses in PUBLIC.values())
RECORDS = {NAME: [addresses[0] for addresses in PUBLIC.values()]}


def main():
    plan = Plan(__doc__)
    # TPROXY and REDIRECT are one here: what is announced comes from the policy in both.
    for name, proxy in (("gateway", False), ("proxy", True)):
        site = Site(sections(ADDRESSES, ADDRESSES), proxy)
        for family in (4, 6):
            plan.add(f"{name}: a client behind the router offers the public address, IPv{family}", client_behind, family,
                     fixture=site)
            plan.add(f"{name}: a server behind the router announces it, IPv{family}", server_behind, family, fixture=site)
        plan.add(f"{name}: the pinhole is where packets arrive, not where the text says", pinhole_is_where_packets_arrive,
                 fixture=site)
        site = Site(sections(NAME, NAME), proxy, RECORDS)
        for statement, function in (
                ("a name is announced as its address", functools.partial(client_behind, family=4)),
                ("it changes, and the next offer of an open session has the new address", another_address),
                ("a name that is lost keeps its address, which is told", name_that_is_lost),
                ("who looks names up may die", resolver_that_dies)):
            plan.add(f"{name}: {statement}", function, fixture=site)
    plan.add("gateway: a reload brings another name, and takes it away", reload_names_another,
             fixture=Site(sections(NAME, NAME), False, RECORDS))
    plan.add("gateway: check looks names up, and says what it has not found", check_looks_up,
             fixture=Site(sections(NAME, NAME), False, RECORDS))
    late = Site(sections(LATE, LATE))
    plan.add("gateway: a name without an address at the start changes nothing until it has one", name_that_comes_late, fixture=late)
    plan.add("gateway: /etc/hosts is read again", name_of_hosts, fixture=late)
    plan.run()


if __name__ == "__main__":
    main()
