#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Whole sessions whose commands come in pieces, with real TCP stacks and a real server: written byte by byte under Nagle's
algorithm, written verb and argument apart, and cut by a small MSS. Every file arrives, with the right hash.

tests/lab/test_split.py cuts single offers at every place; here sessions are long, all commands are cut, and the edits
add up. LAB_FULL=1 makes it 200 transfers for each statement.
"""

import contextlib
import itertools
import re
import socket

from capture import Capture
from lab import Lab
from process import SLOWNESS
from scripted import ScriptedClient, offer_line
from tap import Plan, check, check_equal
from transfers import Client, Files, SmallServer, amount

TRANSFERS = amount(40, 200)
SESSIONS = 4
# The kernel's smallest (TCP_MIN_MSS), and the one that RFC 1122 4.2.2.6 assumes where none is announced.
SMALLEST_MSS, DEFAULT_MSS = 88, 536
# SACK blocks and timestamps come out of the MSS (RFC 6691), and a line may grow by as much as an IPv6 address does.
GROWTH = 40


class Cell:
    """A lab with a server and its files for each family."""

    def __init__(self, **options):
        self.options = options

    @contextlib.contextmanager
    def __call__(self):
        with contextlib.ExitStack() as stack:
            self.lab = stack.enter_context(Lab(mode="both", **self.options))
            self.files = {}
            for family, addresses in self.lab.addresses.items():
                server = SmallServer(self.lab.server, addresses.server, self.lab.directory)
                self.files[family] = Files(stack.enter_context(server))
            yield self


def bytewise(line):
    return [line[position:position + 1] for position in range(len(line))]


def verb_apart(line):
    """As a client does it that writes the verb with its space first."""
    verb, space, rest = line.partition(b" ")
    return [verb + space, rest] if rest else [line]


def all_parts_apart(line):
    """As a client does it that prints verb, space, argument and line end without a buffer."""
    return re.findall(rb"\r\n|[^ \r\n]+|[ ]", line)


def lengths_of(segments, towards_server):
    """Bytes of the longest segment on control connections, and how many segments end within a line."""
    payloads = [segment.payload for segment in segments
                if segment.payload and segment.is_control() and (segment.destination_port == 21) == towards_server]
    return max(map(len, payloads)), sum(not payload.endswith(b"\n") for payload in payloads)


def check_nothing_odd(lab, family, since):
    """No line was refused, nothing was reset, conntrack understood every packet."""
    odd = [event for event in lab.gateway.events(since=since) if event["event"] in ("refuse", "anomaly")]
    check_equal(odd, [], "events about something odd")
    check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")


def written_in_pieces(cell, family, pieces, nagle):
    lab, files = cell.lab, cell.files[family]
    since = lab.gateway.position()
    plan = files.endless()
    with Capture(lab.client, lab.directory, "tcp port 21") as near:
        for _ in range(SESSIONS):
            with lab.client.entered(), Client(pieces) as client:
                client.connect(lab.server_seen(family))
                client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0 if nagle else 1)
                client.login()
                for transfer in itertools.islice(plan, TRANSFERS // SESSIONS):
                    client.transfer(files, *transfer)
                client.quit()
    _, incomplete = lengths_of(near.segments(), towards_server=True)
    check(incomplete >= TRANSFERS, f"only {incomplete} segments ended within a line")
    check_nothing_odd(lab, family, since)


def small_routes(lab):
    """Both ends announce the smallest MSS on every connection, data connections included."""
    for host in (lab.client, lab.server):
        for option in ("-4", "-6"):
            for route in host.output(["ip", option, "route", "show"]).splitlines():
                if " via " in route:
                    target, gateway = re.match(r"(\S+) via (\S+)", route).groups()
                    host.ip(f"{option} route replace {target} via {gateway} advmss {SMALLEST_MSS}")


@contextlib.contextmanager
def cell_with_small_routes():
    with Cell()() as cell:
        small_routes(cell.lab)
        yield cell


def padded(number, mss, line):
    """
    Two commands in front of a line, in one write, the first of a length that differs from transfer to transfer, up to
    one segment and a half: so the line is cut at another place each time, and now and then not at all.
    """
    return b"NOOP " + b"x" * (number * 37 % (mss * 3 // 2)) + b"\r\nNOOP\r\n" + line


def download(client, files, number, mss, passive):
    """Everything that can be known is written at once: padding, offer and RETR, or padding and PASV."""
    name = list(files.contents)[number % len(files.contents)]
    retrieve = b"RETR pub/" + name.encode() + b"\r\n"
    if passive:
        extended = ":" in client.address
        client.send(padded(number, mss, b"EPSV\r\n" if extended else b"PASV\r\n"))
        client.expect("200")
        client.expect("200")
        endpoint = passive_endpoint(client, client.expect("229" if extended else "227").decode())
        with client.namespace.entered(), socket.create_connection(endpoint, 10 * SLOWNESS) as data:
            client.send(padded(number, mss, retrieve))
            content = b"".join(iter(lambda: data.recv(65536), b""))
        codes = ("200", "200", "150", "226")
    else:
        with client.listen() as listener:
            client.send(padded(number, mss, offer_line(client.address, listener.getsockname()[1]) + b"\r\n" + retrieve))
            with listener.accept()[0] as data:
                data.settimeout(10 * SLOWNESS)
                content = b"".join(iter(lambda: data.recv(65536), b""))
        codes = ("200", "200", "200", "150", "226")
    for code in codes:
        client.expect(code)
    files.check_received(name, content)


def passive_endpoint(client, reply):
    if ":" in client.address:
        return client.socket.getpeername()[0], int(re.search(r"\(\|\|\|(\d+)\|\)", reply)[1])
    numbers = re.search(r"(\d+,){5}\d+", reply)[0].split(",")
    return ".".join(numbers[:4]), int(numbers[4]) * 256 + int(numbers[5])


def cut_by_mss(cell, family, mss):
    lab, files = cell.lab, cell.files[family]
    since = lab.gateway.position()
    with Capture(lab.client, lab.directory, "tcp port 21") as near, Capture(lab.server, lab.directory) as far:
        for session in range(SESSIONS):
            with ScriptedClient(lab.client, lab.server_seen(family)) as client:
                client.login()
                client.command(b"TYPE I", "200")
                for number in range(session, TRANSFERS, SESSIONS):
                    download(client, files, number, mss, passive=number // SESSIONS % 4 == 3)
                client.command(b"QUIT", "221")
    sent = list(near.segments())
    arrived = list(far.segments())
    check(all(segment.ip_valid and segment.tcp_valid for segment in sent + arrived), "bad checksums")
    longest, incomplete = lengths_of(sent, towards_server=True)
    check(longest <= mss, f"a command segment of {longest} bytes left the client")
    check(incomplete >= TRANSFERS // 3, f"only {incomplete} segments ended within a line")
    if mss == SMALLEST_MSS:
        largest = max(len(segment.payload) for segment in arrived if not segment.is_control())
        check(largest <= mss, f"a data segment of {largest} bytes")
    longest, _ = lengths_of(arrived, towards_server=True)
    check(longest <= mss + mss // 2 + GROWTH, f"a command segment of {longest} bytes reached the server")
    check_nothing_odd(lab, family, since)


def main():
    plan = Plan(__doc__)
    plain, small = Cell(), cell_with_small_routes
    clamped = Cell(settings={"gateway": {"mss": str(DEFAULT_MSS)}})
    for family in (4, 6):
        for words, pieces, nagle in (("byte by byte under Nagle", bytewise, True),
                                     ("verb and argument apart under Nagle", verb_apart, True),
                                     ("verb and argument apart without Nagle", verb_apart, False),
                                     ("verb, space, argument and line end apart without Nagle", all_parts_apart,
                                      False)):
            plan.add(f"{TRANSFERS} transfers arrive whole from a client that writes {words} (IPv{family})",
                     written_in_pieces, family, pieces, nagle, fixture=plain)
    for family in (4, 6):
        plan.add(f"{TRANSFERS} pipelined transfers arrive whole where both ends announce an MSS of {SMALLEST_MSS} "
                 f"(IPv{family})", cut_by_mss, family, SMALLEST_MSS, fixture=small)
    for family in (4, 6):
        plan.add(f"{TRANSFERS} pipelined transfers arrive whole with mss = {DEFAULT_MSS} (IPv{family})", cut_by_mss,
                 family, DEFAULT_MSS, fixture=clamped)
    plan.run()


if __name__ == "__main__":
    main()
