#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The adapters against the running kernel: what does conntrack answer, and does the data connection arrive?

    client ------------------ router ------------------ server
    10.99.1.2             10.99.1.1  203.0.113.1        203.0.113.2
    fd00:99::2            fd00:99::1 2001:db8::1        2001:db8::2

The router drops what is neither established, nor a new control connection, nor RELATED through the carrier, so a data
connection that arrives has used its pinhole.

The operations are those of the program that adapters.c makes.
"""

import contextlib
import os
import re
import select
import socket
import subprocess
import sys
import time

from gateway import binary
from namespace import Namespace
from process import SLOWNESS
from tap import enter_lab

# Beside the gateway's program, in the same build directory.
ADAPTERS = os.path.join(os.path.dirname(binary()), "tests", "lab", "adapters")
# How long what comes is waited for, and what does not.
PATIENCE, SILENCE = 10 * SLOWNESS, 1 * SLOWNESS


class Hosts:
    """The three namespaces, once they are made."""

    client = router = server = None


class Family:
    def __init__(self, name, iptables, client, inside, outside, server, prefix):
        self.name, self.iptables = name, iptables
        self.client, self.inside, self.outside, self.server = client, inside, outside, server
        self.prefix = prefix
        self.all_ones = "255.255.255.255" if prefix == 24 else ":".join(["ffff"] * 8)
        self.domain = socket.AF_INET6 if ":" in client else socket.AF_INET

    def endpoint(self, address, port):
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


FAMILIES = [
    Family("IPv4", "iptables", "10.99.1.2", "10.99.1.1", "203.0.113.1", "203.0.113.2", 24),
    Family("IPv6", "ip6tables", "fd00:99::2", "fd00:99::1", "2001:db8::1", "2001:db8::2", 64),
]


def router(*command, check=True):
    return Hosts.router.run(command, check=check).stdout


def adapters(*arguments):
    """Runs one operation in the router; returns its answer as a dictionary, or as text."""
    answer = router(ADAPTERS, *(str(argument) for argument in arguments)).strip()
    fields = dict(re.findall(r"(\w+)=(\S+)", answer))
    return fields or answer


def listen(where, family, port=0):
    with where.entered():
        listener = socket.socket(family.domain, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen(16)
        listener.settimeout(PATIENCE)
        return listener


def connect(where, family, address, port, patience=PATIENCE):
    with where.entered():
        connection = socket.socket(family.domain, socket.SOCK_STREAM)
        connection.settimeout(patience)
        connection.connect((address, port))
        connection.settimeout(PATIENCE)
        return connection


class Control:
    """A control connection through the router, and its four endpoints as this end and that end know them."""

    def __init__(self, family, mode, port=21):
        self.family = family
        target, target_port = mode.target(family, port)
        listener = listen(Hosts.server, family, port)
        self.near = connect(Hosts.client, family, target, target_port)
        self.far = listener.accept()[0]
        listener.close()
        self.near.sendall(b"x")
        self.far.recv(1)
        self.client = self.near.getsockname()[:2]
        self.server_seen = self.near.getpeername()[:2]
        self.server = self.far.getsockname()[:2]
        self.client_seen = self.far.getpeername()[:2]

    def text(self, name):
        return self.family.endpoint(*getattr(self, name))

    @property
    def view(self):
        return [self.text(name) for name in ("client", "server_seen", "server", "client_seen")]

    def close(self):
        self.near.close()
        self.far.close()


class Mode:
    """What the router translates. Ports are translated too where NAT is on, so that no match is by luck."""

    def __init__(self, name, snat, dnat):
        self.name, self.snat, self.dnat = name, snat, dnat

    def target(self, family, port):
        return (family.inside, port + 2000) if self.dnat else (family.server, port)

    def load(self, family):
        nat = [family.iptables, "-w", "-t", "nat"]
        router(*nat, "-F")
        if self.snat:
            address = family.endpoint(family.outside, "40000-40999")
            router(*nat, "-A", "POSTROUTING", "-o", "outside", "-p", "tcp", "--dport", "21", "-j", "SNAT",
                   "--to-source", address)
        if self.dnat:
            for port in (21, 2121):
                router(*nat, "-A", "PREROUTING", "-i", "inside", "-d", family.inside, "-p", "tcp", "--dport",
                       str(port + 2000), "-j", "DNAT", "--to-destination", family.endpoint(family.server, port))


ROUTED = Mode("routed", False, False)
SNAT = Mode("SNAT", True, False)
DNAT = Mode("DNAT", False, True)
BOTH = Mode("SNAT and DNAT", True, True)


@contextlib.contextmanager
def network():
    """Makes the three hosts and their cables, and removes them."""
    with contextlib.ExitStack() as stack:
        for name in ("client", "router", "server"):
            host = Namespace(name, f"fan-{os.getpid()}", "/run/lab")
            stack.callback(host.close)
            setattr(Hosts, name, host)
        for host, link in ((Hosts.client, "inside"), (Hosts.server, "outside")):
            Hosts.router.ip(f"link add {link} type veth peer name uplink netns {host.full_name}")
            Hosts.router.ip(f"link set {link} up")
            host.ip("link set uplink up")
        for family in FAMILIES:
            set_addresses(family)
            load_filter(family)
        Hosts.router.sysctl("ipv4/ip_forward", 1)
        Hosts.router.sysctl("ipv6/conf/all/forwarding", 1)
        yield


def set_addresses(family):
    nodad = "nodad" if family.name == "IPv6" else ""
    for host, link, address in ((Hosts.client, "uplink", family.client), (Hosts.router, "inside", family.inside),
                                (Hosts.router, "outside", family.outside), (Hosts.server, "uplink", family.server)):
        host.ip(f"address add {address}/{family.prefix} dev {link} {nodad}")
    Hosts.client.ip(f"route add default via {family.inside}")
    Hosts.server.ip(f"route add default via {family.outside}")


def load_filter(family):
    """The carrier on port 21 only: 2121 is a control connection to which it was not attached."""
    for port in (21, 2021):
        router(family.iptables, "-w", "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--dport", str(port), "-j", "CT",
               "--helper", "sane")
    router(family.iptables, "-w", "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--dport", "7021", "-j", "CT",
           "--helper", "sane", "--zone", "7")
    router(family.iptables, "-w", "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--sport", "7021", "-j", "CT",
           "--zone", "7")
    router(family.iptables, "-w", "-t", "raw", "-A", "OUTPUT", "-m", "mark", "--mark", "0xf7", "-j", "NOTRACK")
    forward = [family.iptables, "-w", "-A", "FORWARD", "-m", "conntrack"]
    router(*forward, "--ctstate", "ESTABLISHED", "-j", "ACCEPT")
    router(*forward, "--ctstate", "NEW", "-p", "tcp", "-m", "multiport", "--dports", "21,2121,7021", "-j", "ACCEPT")
    router(*forward, "--ctstate", "RELATED", "-m", "helper", "--helper", "sane", "-p", "tcp", "--dport", "1024:", "-j",
           "ACCEPT")
    router(family.iptables, "-w", "-P", "FORWARD", "DROP")


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, name, expected, actual):
        self.count += 1
        if expected == actual:
            print(f"ok {self.count} - {name}", flush=True)
            return
        self.failed += 1
        print(f"not ok {self.count} - {name}", flush=True)
        print(f"# expected {expected!r}\n# but got  {actual!r}", flush=True)


TAP = Tap()


def conntrack_entries(family, *filters):
    return router("conntrack", "-L", "-f", family.name.lower(), *filters, check=False).splitlines()


def expectations(family, port):
    output = router("conntrack", "-L", "expect", "-f", family.name.lower(), check=False)
    return [line for line in output.splitlines() if f"dport={port} " in line]


def test_lookup(family, mode):
    control = Control(family, mode)
    expected = {
        "reason": "none", "carrier": "1", "resizable": "1" if mode.snat or mode.dnat else "0",
        "client": control.text("client"), "server_seen": control.text("server_seen"),
        "server": control.text("server"), "client_seen": control.text("client_seen"),
        "seqadj0": "0,0,0", "seqadj1": "0,0,0",
    }
    where = f"{family.name}, {mode.name}"
    TAP.check(f"{where}: a packet from the client finds its connection", {**expected, "direction": "0"},
              adapters("lookup", 0, control.text("client"), control.text("server")))
    TAP.check(f"{where}: a packet from the server finds its connection", {**expected, "direction": "1"},
              adapters("lookup", 0, control.text("server"), control.text("client")))
    other = family.endpoint(control.client[0], 65000)
    TAP.check(f"{where}: a packet of no connection finds none", {"reason": "no-connection"},
              adapters("lookup", 0, other, control.text("server")))
    if mode.dnat:
        TAP.check(f"{where}: an answer that belongs to other ends counts for nothing", {"reason": "no-connection"},
                  adapters("lookup", 0, control.text("client"), control.text("server_seen")))
    control.close()


def test_lookup_again(family, mode):
    """
    Where both are translated neither tuple is in the packet, and the kernel would have to search its whole table. The
    names of servers that are in use when the first packet is looked up are learnt before.
    """
    first, second = Control(family, mode), Control(family, mode)
    where = f"{family.name}, {mode.name}"
    for direction, ends in (("client", ("client", "server")), ("server", ("server", "client"))):
        answer = adapters("lookups", 0, *(control.text(end) for control in (first, second) for end in ends))
        TAP.check(f"{where}: a packet from the {direction} of a second session with a server is found without a search",
                  ("none", "0", "none", "0", second.text("client")),
                  tuple(answer[key] for key in ("reason0", "dumps0", "reason1", "dumps1", "client1")))
        print(f"# {answer['microseconds0']} and {answer['microseconds1']} microseconds")
    stranger = family.endpoint(first.client[0], 65000)
    answer = adapters("lookups", 0, first.text("client"), first.text("server"), stranger, first.text("server"))
    TAP.check(f"{where}: what was learnt of one session is not taken for another's", ("none", "no-connection"),
              (answer["reason0"], answer["reason1"]))
    for control in (first, second):
        control.close()


def test_lookup_zone(family):
    control = Control(family, ROUTED, 7021)
    ends = control.text("client"), control.text("server")
    TAP.check(f"{family.name}: a connection in zone 7 is found in zone 7", "none",
              adapters("lookup", 7, *ends)["reason"])
    TAP.check(f"{family.name}: a connection in zone 7 is not found in zone 0", "no-connection",
              adapters("lookup", 0, *ends)["reason"])
    passive = listen(Hosts.server, family)
    port = passive.getsockname()[1]
    answer = adapters("expect", 7, *control.view, family.endpoint(family.client, 0),
                      family.endpoint(family.server, port), 0, 0, 0, 20)
    TAP.check(f"{family.name}: an expectation is created and deleted in zone 7", ("none", "none"),
              (answer["reason"], adapters("unexpect", 7, *control.view, family.endpoint(family.client, 0),
                                          family.endpoint(family.server, port))["reason"]))
    control.close()
    passive.close()


def data_arrives(listener, where, family, address, port, patience=PATIENCE):
    """Connects to the pinhole, sends a byte each way, and returns whom the listener saw."""
    try:
        near = connect(where, family, address, port, patience)
        far, peer = listener.accept()
        near.sendall(b"to")
        received = far.recv(2)
        far.sendall(b"fro")
        received += near.recv(3)
        far.close()
        near.close()
        return peer[0] if received == b"tofro" else "broken"
    except OSError as error:
        return type(error).__name__


def test_active(family, mode):
    """PORT: the client listens, the server connects to where the client is seen."""
    where = f"{family.name}, {mode.name}"
    control = Control(family, mode)
    listener = listen(Hosts.client, family)
    port = listener.getsockname()[1]
    target = control.client_seen[0]
    unreachable = "ConnectionRefusedError" if mode.snat else "TimeoutError"
    TAP.check(f"{where}: without an expectation the server can't reach the client", unreachable,
              data_arrives(listener, Hosts.server, family, target, port, SILENCE))
    arguments = [0, *control.view, family.endpoint(control.server[0], 0), family.endpoint(target, port)]
    answer = adapters("expect", *arguments, int(mode.snat or mode.dnat), 1, port, 20)
    TAP.check(f"{where}: an expectation for PORT is created", "none", answer["reason"])
    TAP.check(f"{where}: its data connection arrives from the server as the client knows it", control.server_seen[0],
              data_arrives(listener, Hosts.server, family, target, int(answer["port"])))
    TAP.check(f"{where}: it lets in one connection only", unreachable,
              data_arrives(listener, Hosts.server, family, target, int(answer["port"]), SILENCE))
    TAP.check(f"{where}: whoever looks for it or deletes it afterwards learns that it is gone", ("gone", "gone"),
              (adapters("peek", *arguments)["reason"], adapters("unexpect", *arguments)["reason"]))
    control.close()
    listener.close()


def test_passive(family, mode):
    """227: the server listens, the client connects to where the server is seen."""
    where = f"{family.name}, {mode.name}"
    control = Control(family, mode)
    listener = listen(Hosts.server, family)
    port = listener.getsockname()[1]
    target = control.server_seen[0]
    arguments = [0, *control.view, family.endpoint(control.client[0], 0), family.endpoint(target, port)]
    answer = adapters("expect", *arguments, int(mode.snat or mode.dnat), 0, port, 20)
    TAP.check(f"{where}: an expectation for 227 is created", "none", answer["reason"])
    TAP.check(f"{where}: its data connection arrives from the client as the server knows it", control.client_seen[0],
              data_arrives(listener, Hosts.client, family, target, int(answer["port"])))
    control.close()
    listener.close()


def shape(port):
    return [len(str(number)) for number in (port, port // 256, port % 256)]


def test_taken_port(family):
    """Two clients' PORT commands name the same port, and both are seen at the same address."""
    SNAT.load(family)
    first, second = Control(family, SNAT), Control(family, SNAT)
    listener = listen(Hosts.client, family)
    port = listener.getsockname()[1]
    ends = [family.endpoint(family.server, 0), family.endpoint(family.outside, port)]
    TAP.check(f"{family.name}: a free port is kept", {"reason": "none", "port": str(port), "error": "Success"},
              adapters("expect", 0, *first.view, *ends, 1, 1, port, 20))
    answer = adapters("expect", 0, *second.view, *ends, 1, 1, port, 20)
    other = int(answer["port"])
    TAP.check(f"{family.name}: where the port is taken, another one of 1024 or more is found", (True, True, "none"),
              (other != port, other >= 1024, answer["reason"]))
    TAP.check(f"{family.name}: the other port's text is as long as the wanted one's", shape(port), shape(other))
    TAP.check(f"{family.name}: the data connection to the other port reaches the port that the client named",
              family.server, data_arrives(listener, Hosts.server, family, family.outside, other))
    TAP.check(f"{family.name}: without translation there is no other port", "no-port",
              adapters("expect", 0, *second.view, *ends, 0, 1, port, 20)["reason"])
    TAP.check(f"{family.name}: another connection's expectation under the same tuple is not deleted", "gone",
              adapters("unexpect", 0, *second.view, *ends)["reason"])
    TAP.check(f"{family.name}: it still lets its data connection in", family.server,
              data_arrives(listener, Hosts.server, family, family.outside, port))
    for end in (first, second, listener):
        end.close()


def test_repeated_offer(family):
    SNAT.load(family)
    control = Control(family, SNAT)
    ends = [family.endpoint(family.server, 0), family.endpoint(family.outside, 45678)]
    arguments = [0, *control.view, *ends]
    adapters("expect", *arguments, 1, 1, 45678, 200)
    TAP.check(f"{family.name}: the same connection's expectation is replaced by the same one", ("none", "45678"),
              tuple(adapters("expect", *arguments, 1, 1, 45678, 20)[key] for key in ("reason", "port")))
    found = [re.fullmatch(rf"(\d+) proto=6 src={family.server} dst={family.outside} sport=0 dport=45678"
                          rf" mask-src={family.all_ones} mask-dst=\S+ sport=0 dport=65535 master-src=.* helper=sane.*",
                          line) for line in expectations(family, 45678)]
    TAP.check(f"{family.name}: the kernel has it once, for any source port of exactly the server's address", [True],
              [bool(match) for match in found])
    TAP.check(f"{family.name}: the kernel has it with the timeout of the second", [True],
              [bool(match) and int(match[1]) <= 20 for match in found])
    TAP.check(f"{family.name}: whoever looks for an unused expectation, again and again, finds it waiting",
              ("none", "none"), (adapters("peek", *arguments)["reason"], adapters("peek", *arguments)["reason"]))
    TAP.check(f"{family.name}: deleting an unused expectation says that it was waiting", "none",
              adapters("unexpect", *arguments)["reason"])
    TAP.check(f"{family.name}: deleting it again says that it is gone", "gone",
              adapters("unexpect", *arguments)["reason"])
    adapters("expect", *arguments, 1, 1, 45678, 200)
    TAP.check(f"{family.name}: of several that are deleted at once each has its own answer", "gone,none,gone",
              adapters("unexpects", *arguments)["reasons"])
    TAP.check(f"{family.name}: and there is none any more", "gone,gone,gone", adapters("unexpects", *arguments)["reasons"])
    control.close()


def test_refusals(family):
    ROUTED.load(family)
    bare = Control(family, ROUTED, 2121)
    ends = [family.endpoint(family.server, 0), family.endpoint(family.client, 45678)]
    TAP.check(f"{family.name}: a connection without a helper is found, and said to be without", ("none", "0"),
              tuple(adapters("lookup", 0, bare.text("client"), bare.text("server"))[key]
                    for key in ("reason", "carrier")))
    TAP.check(f"{family.name}: a connection without a helper can hold no expectation", "no-carrier",
              adapters("expect", 0, *bare.view, *ends, 0, 1, 45678, 20)["reason"])
    absent = [family.endpoint(family.client, 65000)] + bare.view[1:]
    TAP.check(f"{family.name}: an expectation of no connection is refused", "no-connection",
              adapters("expect", 0, *absent, *ends, 0, 1, 45678, 20)["reason"])
    bare.close()


def test_seqadj(family, mode):
    where = f"{family.name}, {mode.name}"
    control = Control(family, mode)
    ends = control.text("client"), control.text("server")
    before = conntrack_entries(family, "-p", "tcp", "--sport", str(control.client[1]))
    kept = "no-resize" if mode is ROUTED else "none"
    TAP.check(f"{where}: a sequence adjustment of commands answers {kept}", kept,
              adapters("seqadj", 0, *control.view, 0, 3000000001, -3, 5)["reason"])
    TAP.check(f"{where}: a sequence adjustment of replies answers {kept}", kept,
              adapters("seqadj", 0, *control.view, 1, 4000000000, 0, -7)["reason"])
    found = adapters("lookup", 0, *ends)
    expected = ("0,0,0", "0,0,0") if mode is ROUTED else ("3000000001,-3,5", "4000000000,0,-7")
    TAP.check(f"{where}: a later lookup sees what the kernel kept", expected,
              (found.get("seqadj0"), found.get("seqadj1")))
    after = conntrack_entries(family, "-p", "tcp", "--sport", str(control.client[1]))
    TAP.check(f"{where}: nothing else that conntrack shows of the entry has changed",
              [without_time(line) for line in before], [without_time(line) for line in after])
    TAP.check(f"{where}: the entry lives as long as was said with the adjustment", [430],
              [(int(line.split()[2]) - 1) // 1000 for line in after])
    absent = [family.endpoint(family.client, 65000)] + control.view[1:]
    TAP.check(f"{where}: a sequence adjustment of no connection is refused", "no-connection",
              adapters("seqadj", 0, *absent, 0, 1, 0, 1)["reason"])
    control.close()


def without_time(line):
    words = line.split()
    seconds = int(words[2])
    assert seconds > 400000, line
    return words[:2] + words[3:]


def test_candidates():
    for wanted in (1024, 1025, 2600, 9999, 10000, 32768, 65535):
        ports = [int(port) for port in adapters("candidates", wanted, 12345).split()]
        alike = [shape(port) == shape(wanted) for port in ports]
        TAP.check(f"candidates for {wanted}: 64 different ports of 1024 and up, without the wanted one",
                  (64, True, True), (len(set(ports)), min(ports) >= 1024, wanted not in ports))
        TAP.check(f"candidates for {wanted}: the first 48 keep the length of the text", [True] * 48, alike[:48])
    TAP.check("candidates for the same port differ from client to client", False,
              adapters("candidates", 32768, 1) == adapters("candidates", 32768, 2))


@contextlib.contextmanager
def queue(number, what, *prefix):
    command = Hosts.router.command([*prefix, ADAPTERS, "queue", number, what])
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        process.answer = process.stdout.readline().strip()
        yield process
    finally:
        process.last = process.communicate()[0].strip()


def test_queue(family):
    ROUTED.load(family)
    rule = [family.iptables, "-w", "-t", "mangle", "-A", "FORWARD", "-p", "tcp", "-m", "conntrack", "--ctorigdstport",
            "21", "--ctstate", "ESTABLISHED", "-j", "NFQUEUE", "--queue-num", "21"]
    router(*rule)
    with queue(21, "replace") as first:
        TAP.check(f"{family.name}: a free queue is bound", "bound", first.answer)
        with queue(21, "accept") as second:
            TAP.check(f"{family.name}: a queue of another process is refused, with what to do",
                      f'error=netfilter queue 21 is taken by "adapters" (process {first.pid}); stop that, or set another'
                      " queue in [gateway] and load the rules again", second.answer)
        with queue(22, "accept", "setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin") as second:
            TAP.check(f"{family.name}: no permission is told from a queue that is taken",
                      "error=no permission to use netfilter queues; run as root or with CAP_NET_ADMIN in this network"
                      " namespace", second.answer)
        control = Control(family, ROUTED)
        control.near.sendall(b"axbxcx" * 100)
        TAP.check(f"{family.name}: a replaced packet arrives replaced", b"aybycy" * 100, read_all(control.far, 600))
        big = b"x" * 100000
        control.far.sendall(big)
        TAP.check(f"{family.name}: large segments are queued whole", b"y" * len(big),
                  read_all(control.near, len(big)))
        control.close()
    counters = dict(re.findall(r"(\w+)=(\d+)", first.last))
    TAP.check(f"{family.name}: no packet was truncated and no verdict refused", ("0", "0"),
              (counters.get("truncated"), counters.get("failed")))
    router(*[word if word != "-A" else "-D" for word in rule])


def read_all(connection, length):
    received = b""
    with contextlib.suppress(OSError):
        while len(received) < length:
            piece = connection.recv(65536)
            if not piece:
                break
            received += piece
    return received


def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return (~total & 0xffff).to_bytes(2, "big")


def reset_packet(family, source, destination):
    """A TCP reset as the gateway would write it."""
    addresses = b"".join(socket.inet_pton(family.domain, end[0]) for end in (source, destination))
    ports = source[1].to_bytes(2, "big") + destination[1].to_bytes(2, "big")
    tcp = ports + bytes.fromhex("0000000a 00000000 5004 0000")
    pseudo = addresses + len(tcp + bytes(4)).to_bytes(4, "big") + bytes([0, 0, 0, socket.IPPROTO_TCP])
    tcp += checksum(pseudo + tcp + bytes(4)) + bytes(2)
    if family.name == "IPv6":
        header = bytes.fromhex("60000000") + len(tcp).to_bytes(2, "big") + bytes([socket.IPPROTO_TCP, 64])
        return header + addresses + tcp
    header = bytes.fromhex("4500") + (20 + len(tcp)).to_bytes(2, "big") + bytes.fromhex("00004000 4006")
    return header + checksum(header + bytes(2) + addresses) + addresses + tcp


def test_inject(family):
    source, destination = (family.server, 21), (family.client, 33333)
    with Hosts.client.entered():
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    packet = reset_packet(family, source, destination)
    answer = adapters("inject", "0xf7", packet.hex())
    TAP.check(f"{family.name}: a raw packet is sent", {"result": "Success"}, answer)
    TAP.check(f"{family.name}: it arrives as it was written, with the source address that it carries", True,
              arrives(tap, packet))
    TAP.check(f"{family.name}: conntrack has not seen it", [], conntrack_entries(family, "-p", "tcp", "--sport", "21"))
    tap.close()


def arrives(tap, packet):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if select.select([tap], [], [], 0.1)[0]:
            received = tap.recv(2048)
            # The kernel writes an identification and the header checksum anew into an IPv4 header.
            if received[12:] == packet[12:] and received[0] == packet[0]:
                return True
    return False


def main():
    enter_lab()
    with network():
        test_candidates()
        for family in FAMILIES:
            for mode in (ROUTED, SNAT, DNAT, BOTH):
                mode.load(family)
                test_lookup(family, mode)
                test_lookup_again(family, mode)
                test_active(family, mode)
                test_passive(family, mode)
                test_seqadj(family, mode)
            test_lookup_zone(family)
            test_taken_port(family)
            test_repeated_offer(family)
            test_refusals(family)
            test_queue(family)
            test_inject(family)
    print(f"1..{TAP.count}")
    return 1 if TAP.failed else 0


if __name__ == "__main__":
    sys.exit(main())
