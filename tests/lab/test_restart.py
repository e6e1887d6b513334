#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The gateway dies and comes back: what was agreed goes on without it, because the kernel holds it, and what is new works
again with its successor.
"""

import functools
import hashlib
import os
import socket

from capture import RST, Capture, streams
from lab import MEGABYTES, Lab
from process import wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer, naive_endpoint, offer_line
from servers import Vsftpd
from tap import Plan, check, check_equal

SIZE = 10 * MEGABYTES * 10**6
BLOCK = 1 << 20


def with_gateway(function):
    """A statement that failed may have left none."""
    @functools.wraps(function)
    def check_it(lab, *arguments):
        if not lab.gateway.process:
            lab.gateway.start()
        function(lab, *arguments)
    return check_it


def make_file(path):
    """SIZE bytes that differ everywhere, cheaply: random blocks with a counter."""
    digest, block = hashlib.sha256(), bytearray(os.urandom(10**6))
    with open(path, "wb") as file:
        for number in range(SIZE // len(block)):
            block[:8] = number.to_bytes(8, "big")
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def check_control_intact(capture, lab, family):
    """The control connection that the server saw was one, was never reset, and only translated offers were in it."""
    control = [segment for segment in capture.segments() if segment.is_control()]
    check(not any(segment.flags & RST for segment in control), "the control connection was reset")
    check(all(segment.ip_valid and segment.tcp_valid for segment in control), "bad checksums")
    commands = [content for key, content in streams(control).items() if key[3] == 21]
    check_equal(len(commands), 1, "control connections")
    offers = [line.split() for line in commands[0].decode().splitlines() if line[:4] in ("PORT", "EPRT")]
    check_equal({naive_endpoint(*offer)[0] for offer in offers}, {lab.client_seen(family)}, "addresses in offers")
    return len(offers)


@with_gateway
def killed_in_transfer(lab, family):
    gateway = lab.gateway
    with Vsftpd(lab.server, lab.addresses[family].server, lab.directory) as server, \
            Capture(lab.server, lab.directory, "tcp port 21") as far, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        digest = make_file(server.path("big"))
        client.login()
        client.command(b"TYPE I", "200")
        # The line that was edited before is what leaves an offset behind.
        check(b"pub" in client.list_active(), "the first listing")
        received = hashlib.sha256()
        with client.listen() as listener:
            client.offer(listener.getsockname()[1])
            client.send(b"RETR pub/big\r\n")
            client.expect("150")
            with listener.accept()[0] as data:
                data.settimeout(30)
                total = 0
                while block := data.recv(BLOCK):
                    received.update(block)
                    if total < SIZE // 5 <= total + len(block):
                        gateway.kill()
                    total += len(block)
        check_equal(total, SIZE, "bytes that arrived")
        check_equal(received.hexdigest(), digest, "SHA-256 of what arrived")
        check(gateway.process is None, "the gateway was not killed in the middle")
        since = gateway.position()
        gateway.start()
        client.expect("226")
        client.command(b"PWD", "257")
        check(b"pub" in client.list_active(), "the listing after the restart")
        check(b"pub" in client.list_passive(), "the passive listing after the restart")
        opened = gateway.wait_event("session-open", since)
        check(opened.get("adopted"), f"the restarted gateway did not adopt the session: {opened}")
        client.command(b"QUIT", "221")
    check_equal(check_control_intact(far, lab, family), 3, "active offers at the server")
    check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")
    os.remove(server.path("big"))


@with_gateway
def killed_with_open_offer(lab, family):
    """The pinhole that the dead gateway made still admits the data connection."""
    with ScriptedServer(lab.server, lab.addresses[family].server), \
            ScriptedClient(lab.client, lab.server_seen(family)) as client, client.listen() as listener:
        client.login()
        client.offer(listener.getsockname()[1])
        lab.gateway.kill()
        check_equal(len(lab.expectations(family)), 1, "expectations after the gateway's death")
        lab.gateway.start()
        client.send(b"LIST\r\n")
        with listener.accept()[0] as data:
            data.settimeout(10)
            check_equal(data.recv(4096), LISTING, "the listing")
        client.expect("150")
        client.expect("226")
        check_equal(client.list_active(), LISTING, "the next listing")


@with_gateway
def successor_reads_offsets(lab, family):
    """Several deaths, each after an edit: the offsets of all that came before are the kernel's, and are read."""
    with ScriptedServer(lab.server, lab.addresses[family].server) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        for number in range(4):
            for _ in range(number + 1):
                check_equal(client.list_active(), LISTING, "a listing")
            check_equal(client.list_passive(), LISTING, "a passive listing")
            lab.gateway.kill()
            lab.gateway.start()
        check_equal(client.list_active(), LISTING, "the last listing")
        check_equal(len([line for line in server.session().lines if line[:4] in (b"PORT", b"EPRT")]), 11, "offers")
    check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")


@with_gateway
def polite_end_keeps_sessions(lab, family):
    """A stop and a start, as an upgrade does it."""
    with ScriptedServer(lab.server, lab.addresses[family].server), \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        check_equal(client.list_active(), LISTING, "the listing before")
        lab.gateway.stop()
        lab.gateway.start()
        check_equal(client.list_active(), LISTING, "the listing afterwards")


@with_gateway
def commands_wait_for_successor(lab, family):
    """absent = closed: a command that is sent while nobody is there is answered as soon as somebody is."""
    with ScriptedServer(lab.server, lab.addresses[family].server) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        lab.gateway.kill()
        with client.listen() as listener:
            client.send(offer_line(client.address, listener.getsockname()[1]) + b"\r\n")
            # The segment was sent once at least, and came no further than the router.
            client.socket.settimeout(0.5)
            try:
                reply = client.reply()
            except socket.timeout:
                reply = None
            check_equal(reply, None, "the answer while nobody judges commands")
            check_equal(server.session().lines[-1], b"PASS lab@\r\n", "the last command at the server")
            lab.gateway.start()
            client.socket.settimeout(20)
            client.expect("200")
            wait_until(lambda: lab.expectations(family), "the pinhole")
        check_equal(client.list_active(), LISTING, "the next listing")


def main():
    plan = Plan(__doc__)
    for lengths, direction in (("grow", "longer"), ("shrink", "shorter")):
        lab = functools.partial(Lab, mode="snat", lengths=lengths)
        for family in (4, 6):
            where = f"(IPv{family}, {direction} public address)"
            if (family, lengths) in ((4, "grow"), (6, "shrink")):
                plan.add(f"kill -9 in the middle of {SIZE // 10**6} MB harms neither transfer nor session {where}",
                         killed_in_transfer, family, fixture=lab)
            for statement, function in (
                    ("a pinhole outlives the gateway that made it", killed_with_open_offer),
                    ("each successor goes on from the offsets it finds", successor_reads_offsets),
                    ("a polite stop and a start keep the session", polite_end_keeps_sessions)):
                plan.add(f"{statement} {where}", function, family, fixture=lab)
        plan.add(f"a command that finds nobody waits for the successor (IPv4, {direction} public address)",
                 commands_wait_for_successor, 4, fixture=lab)
    plan.run()


if __name__ == "__main__":
    main()
