#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
record_peers.py: what clients and servers that nobody here wrote say to each other, without a gateway between them. Writes
the control connections of one visit of each client, to another server each time, into pcaps/recorded/CLIENT-SERVER-HOW.pcap,
and what ftpalg replay makes of them beside it. tests/replay/test_replay.py holds the gateway to that; read the difference
before you commit it.

    client --- router, which lets everything pass --- server
    captured here
"""

import os
import re
import subprocess
import sys

from capture import PCAP_HEADER, RECORD_HEADER, Capture
from gateway import TOP, binary
from peer_clients import CLIENTS
from peer_servers import SERVERS
from servers import Vsftpd
from tap import enter_lab
from test_interop import Routers, meet

RECORDED = os.path.join(TOP, "pcaps", "recorded")
ETHERNET_TYPE = 12
UDP = 17


class PublicVsftpd(Vsftpd):
    """As the peers of test_interop.py are called."""

    user, families = "anonymous", (4, 6)


def without_marks(capture):
    """The records of a pcap file, but for the datagrams that mark its end."""
    out, at = bytearray(capture[:PCAP_HEADER]), PCAP_HEADER
    while at + RECORD_HEADER <= len(capture):
        size = RECORD_HEADER + int.from_bytes(capture[at + 8:at + 12], "little")
        frame = capture[at + RECORD_HEADER:at + size]
        if frame[ETHERNET_TYPE:ETHERNET_TYPE + 2] != b"\x08\0" or frame[ETHERNET_TYPE + 11] != UDP:
            out += capture[at:at + size]
        at += size
    return out


def visits():
    """(client, server, passive, family): each client twice, as different as it can be; servers take turns."""
    servers = list(SERVERS)
    for number, (client, (_, modes, families)) in enumerate(CLIENTS.items()):
        kinds = [(passive, family) for family in families for passive in modes]
        for turn, (passive, family) in enumerate((kinds[0], kinds[-1]) if len(kinds) > 1 else kinds):
            partners = [server for server in servers if meet(server, client, family)]
            yield client, partners[(2 * number + turn) % len(partners)], passive, family


def name_of(client, server, passive, family):
    words = f"{client} {server} {'passive' if passive else 'active'} v{family}".lower()
    return re.sub(r"[^a-z0-9]+", "-", words)


def record(routers, client, server, passive, family):
    name = name_of(client, server, passive, family)
    with Capture(routers.plain.client, routers.plain.directory, "tcp port 21") as capture:
        worked, _ = routers.visit(routers.plain, server, client, passive, family)
    with open(capture.path, "rb") as file:
        recorded = without_marks(file.read())
    path = os.path.join(RECORDED, f"{name}.pcap")
    with open(path, "wb") as file:
        file.write(recorded)
    events = subprocess.run([binary(), "replay", path], check=True, stdout=subprocess.PIPE).stdout
    with open(f"{path[:-5]}.jsonl", "wb") as file:
        file.write(events)
    print(f"{name}: {len(worked)} operations, {len(recorded)} bytes", flush=True)


def main():
    enter_lab()
    os.makedirs(RECORDED, exist_ok=True)
    SERVERS["vsftpd"] = PublicVsftpd
    with Routers("snat")() as routers:
        for visit in visits():
            if not sys.argv[1:] or name_of(*visit) in sys.argv[1:]:
                record(routers, *visit)


if __name__ == "__main__":
    main()
