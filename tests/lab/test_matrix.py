#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
FTP through the gateway with real clients and a real server: every combination of address family, transfer mode and NAT.

Each statement is one session of three transfers, so several edits add up on one control connection. Both sides'
captures are read: what must be translated was translated everywhere, and every checksum holds. LAB_FULL=1 makes the files
larger.
"""

import contextlib
import ftplib
import functools
import ipaddress
import os
import re

import topology
from capture import SYN, Capture, streams
from clients import CLIENTS, Session, file_digest, random_file
from lab import MEGABYTES as MEGABYTES_IN_FULL
from lab import Lab
from scripted import ScriptedClient, ScriptedServer
from servers import Vsftpd
from tap import Plan, check, check_equal
from transfers import amount

# A transfer is as long as several windows.
MEGABYTES = amount(min(MEGABYTES_IN_FULL, 20), MEGABYTES_IN_FULL)
NAT_NAMES = {"routed": "routed", "snat": "SNAT", "dnat": "DNAT", "both": "SNAT and DNAT", "masquerade": "masquerading"}


class Cell:
    """A lab with a server for each family, and the file to transfer."""

    def __init__(self, mode):
        self.mode = mode

    @contextlib.contextmanager
    def __call__(self):
        with contextlib.ExitStack() as stack:
            # Every packet of gigabytes is read back and verified: large packets make that a sixth of the work. Control
            # connections have the MSS that the rules give them, and masquerading is shown with the usual size.
            options = {"lengths": "site"} if self.mode == "masquerade" else {"mtu": 9000}
            self.lab = stack.enter_context(Lab(mode=self.mode, **options))
            self.servers = {family: stack.enter_context(Vsftpd(self.lab.server, addresses.server, self.lab.directory))
                            for family, addresses in self.lab.addresses.items()}
            self.source = self.lab.path("source")
            self.digest = random_file(self.source, MEGABYTES)
            yield self


def texts_of(address):
    """The ways in which a control connection can spell an address."""
    parsed = ipaddress.ip_address(address)
    spellings = {str(parsed), parsed.exploded, address.replace(".", ",")}
    return [spelling.encode() for spelling in spellings]


def control_streams(segments, what):
    """The commands and the replies of the one control connection among segments, after all checksums were verified."""
    control = []
    for segment in segments:
        if not segment.ip_valid or not segment.tcp_valid or segment.truncated:
            check(False, f"{what}: a bad checksum, or a cut packet: {segment!r:.300}")
        if segment.is_control():
            control.append(segment)
    opened = sum(1 for segment in control if segment.flags & SYN and segment.destination_port == 21)
    check_equal(opened, 1, f"{what}: control connections in the capture")
    contents = streams(control)
    commands = next(content for key, content in contents.items() if key[3] == 21)
    replies = next(content for key, content in contents.items() if key[1] == 21)
    return commands, replies, control


def check_no_text(address, control, contents, what):
    for text in texts_of(address):
        for content in (*contents, *(segment.payload for segment in control)):
            check(text not in content, f"{what} saw the untranslated address {text.decode()}: {content[-200:]!r}")


def offered_endpoints(commands, replies):
    """Every endpoint that was announced, as (address or None for 229, port), in order; commands first."""
    def of_hostport(text):
        numbers = text.decode().split(",")
        return ".".join(numbers[:4]), int(numbers[4]) * 256 + int(numbers[5])

    found = []
    for line in commands.splitlines():
        if match := re.fullmatch(rb"PORT ([\d,]+)", line):
            found.append(of_hostport(match[1]))
        elif match := re.fullmatch(rb"EPRT \|[12]\|([^|]+)\|(\d+)\|", line):
            found.append((str(ipaddress.ip_address(match[1].decode())), int(match[2])))
    for line in replies.splitlines():
        if match := re.match(rb"227 .*?((?:\d+,){5}\d+)", line):
            found.append(of_hostport(match[1]))
        elif match := re.match(rb"229 .*\(\|\|\|(\d+)\|\)", line):
            found.append((None, int(match[1])))
    return found


def verb_of(passive, extended):
    if passive:
        return "EPSV" if extended else "PASV"
    return "EPRT" if extended else "PORT"


def offer_names(commands):
    return sorted({line.split()[0].decode() for line in commands.splitlines()
                   if line.split()[:1] and line.split()[0] in (b"PORT", b"EPRT", b"PASV", b"EPSV")})


def check_captures(lab, family, passive, extended, far, near):
    """far: the capture at the server, near: the one at the client."""
    addresses = lab.addresses[family]
    far_segments = list(far.segments())
    commands, replies, control = control_streams(far_segments, "the server")
    if lab.mode in ("snat", "both", "masquerade"):
        check_no_text(addresses.client, control, (commands, replies), "the server")
    near_commands, near_replies, near_control = control_streams(near.segments(), "the client")
    if lab.mode in ("dnat", "both"):
        check_no_text(addresses.server, near_control, (near_commands, near_replies), "the client")

    verb = verb_of(passive, extended)
    check_equal(offer_names(commands), [verb], "offers in the session")
    offers = offered_endpoints(commands, near_replies)
    check_equal(len(offers), 3, "offers in the session")
    expected = lab.server_seen(family) if passive else lab.client_seen(family)
    if verb != "EPSV":
        check_equal({address for address, _ in offers}, {expected}, "the announced address as the far side saw it")
    # The server's side of each data connection: where it went, or where it came from.
    opened = {(segment.source, segment.destination, segment.destination_port) for segment in far_segments
              if segment.flags & SYN and not segment.flags & 0x10 and not segment.is_control()}
    server, client = addresses.server, lab.client_seen(family)
    wanted = {(client, server) if passive else (server, client)}
    check_equal({(source, destination) for source, destination, _ in opened}, wanted, "ends of the data connections")
    if not passive or lab.mode not in ("dnat", "both"):
        check_equal({port for *_, port in opened}, {port for _, port in offers}, "ports of the data connections")


def transfer(cell, family, passive, extended, client):
    lab, server = cell.lab, cell.servers[family]
    session = Session(namespace=lab.client, address=lab.server_seen(family), port=21, passive=passive,
                      extended=extended, source=cell.source, name=f"{client}-{verb_of(passive, extended)}",
                      directory=lab.directory)
    with Capture(lab.server, lab.directory) as far, Capture(lab.client, lab.directory, "tcp port 21") as near:
        listing = CLIENTS[client](session)
    try:
        check_equal(file_digest(server.path(session.name)), cell.digest, "SHA-256 of the uploaded file")
        check_equal(file_digest(session.destination), cell.digest, "SHA-256 of the downloaded file")
        check(re.search(rf"\b{MEGABYTES}000000\b.*\b{session.name}\b", listing), f"the file is not in {listing!r}")
        check_captures(lab, family, passive, extended, far, near)
        check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")
    finally:
        for path in (server.path(session.name), session.destination, far.path, near.path):
            if os.path.exists(path):
                os.remove(path)


def active_fails_without_gateway(lab):
    lab.may_pass_by = True  # nobody judges here, and the rules are open
    with Vsftpd(lab.server, lab.addresses[4].server, lab.directory), lab.client.entered(), ftplib.FTP() as client:
        client.connect(lab.server_seen(4), timeout=10)
        client.login()
        client.set_pasv(False)
        try:
            client.nlst()
        except ftplib.error_perm as refusal:
            check("Illegal PORT" in str(refusal), f"vsftpd refused for another reason: {refusal}")
        else:
            check(False, "the listing arrived, so this lab can't show what the gateway is for")


def passive_fails_without_gateway(lab):
    lab.may_pass_by = True  # nobody judges here, and the rules are open
    with ScriptedServer(lab.server, lab.addresses[4].server), ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        reply = client.command(b"PASV", "227")
        check(any(text in reply for text in texts_of(lab.addresses[4].server)),
              f"the server's own address was translated by somebody: {reply!r}")


def main():
    plan = Plan(__doc__)
    for mode in topology.NAT_MODES:
        cell = Cell(mode)
        for family in (4, 6):
            for passive in (False, True):
                for client in ("ftplib",) if mode == "masquerade" else CLIENTS:
                    # IPv4 has both generations of commands; of the clients here curl can be told to use the newer one.
                    variants = ((False, True) if client == "curl" else (False,)) if family == 4 else (True,)
                    for extended in variants:
                        plan.add(f"{client} uploads, downloads and lists over IPv{family} with "
                                 f"{verb_of(passive, extended)}, {NAT_NAMES[mode]}",
                                 transfer, family, passive, extended, client, fixture=cell)
    absent = {"gateway": {"absent": "open"}}
    plan.add("without a gateway an active transfer through SNAT fails", active_fails_without_gateway,
             fixture=functools.partial(Lab, mode="snat", daemon=False, settings=absent))
    plan.add("without a gateway a 227 through DNAT stays untranslated", passive_fails_without_gateway,
             fixture=functools.partial(Lab, mode="dnat", daemon=False, settings=absent))
    plan.run()


if __name__ == "__main__":
    main()
