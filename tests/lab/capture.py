# SPDX-License-Identifier: GPL-3.0-or-later
"""
What a host really saw: tcpdump in its namespace, and a reader of the file that verifies every checksum.

The end of a capture is marked by a datagram that the host broadcasts on the captured device, behind everything else.
Once that is in the file, everything before it is too; and a capture that holds nothing but its mark has proved that it
was listening.
"""

import dataclasses
import os
import secrets
import signal
import socket
import struct

from process import wait_until

MARK_PORT = 9  # discard
MARK = object()
TAIL = 1 << 20
PCAP_HEADER = 24
RECORD_HEADER = 16
ETHERNET_HEADER = 14
TCP, UDP = 6, 17
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


def checksum_holds(data, pseudo=b""):
    """
    True if a checksum field inside data makes the ones' complement sum all ones. That sum is the remainder by 65,535 of
    the number that all bytes make, for which 0 and 65,535 are the same. pseudo has an even length.
    """
    number = int.from_bytes(data, "big") << (8 if len(data) % 2 else 0)
    return (number + int.from_bytes(pseudo, "big")) % 0xffff == 0


@dataclasses.dataclass(slots=True)
class Segment:
    """One TCP segment as it was on the cable."""

    source: str
    source_port: int
    destination: str
    destination_port: int
    sequence: int
    flags: int
    payload: bytes
    ip_valid: bool
    tcp_valid: bool
    truncated: bool
    time: float

    def is_control(self, ports=(21,)):
        return self.source_port in ports or self.destination_port in ports


def parse_ipv4(packet):
    """(protocol, source, destination, pseudo header, payload, header checksum holds)"""
    header = (packet[0] & 15) * 4
    length = int.from_bytes(packet[2:4], "big")
    source, destination = packet[12:16], packet[16:20]
    payload = packet[header:length]
    pseudo = source + destination + struct.pack("!BBH", 0, packet[9], length - header)
    return packet[9], source, destination, pseudo, payload, checksum_holds(packet[:header])


def parse_ipv6(packet):
    """As parse_ipv4. No extension headers: nobody in the lab sends them with TCP."""
    length = int.from_bytes(packet[4:6], "big")
    source, destination = packet[8:24], packet[24:40]
    pseudo = source + destination + struct.pack("!II", length, packet[6])
    return packet[6], source, destination, pseudo, packet[40:40 + length], True


def parse_frame(frame, original_length, time):
    """The TCP segment in an Ethernet frame, MARK, or None for anything else."""
    ethertype = frame[12:14]
    if ethertype == b"\x08\x00":
        protocol, source, destination, pseudo, payload, ip_valid = parse_ipv4(frame[ETHERNET_HEADER:])
    elif ethertype == b"\x86\xdd":
        protocol, source, destination, pseudo, payload, ip_valid = parse_ipv6(frame[ETHERNET_HEADER:])
    else:
        return None
    if protocol == UDP and payload[2:4] == MARK_PORT.to_bytes(2, "big"):
        return MARK
    if protocol != TCP:
        return None
    source_port, destination_port, sequence, _, offset, flags = struct.unpack("!HHIIBB", payload[:14])
    truncated = len(frame) < original_length
    family = socket.AF_INET if len(source) == 4 else socket.AF_INET6
    return Segment(socket.inet_ntop(family, source), source_port, socket.inet_ntop(family, destination),
                   destination_port, sequence, flags, payload[(offset >> 4) * 4:], ip_valid,
                   checksum_holds(payload, pseudo), truncated, time)


def read_file(path):
    """Yields what parse_frame makes of each record of a capture file."""
    with open(path, "rb") as file:
        order = "<" if file.read(PCAP_HEADER)[:4] == b"\xd4\xc3\xb2\xa1" else ">"
        record = struct.Struct(f"{order}IIII")
        while header := file.read(RECORD_HEADER):
            seconds, microseconds, length, original = record.unpack(header)
            parsed = parse_frame(file.read(length), original, seconds + microseconds / 1e6)
            if parsed is not None:
                yield parsed


def streams(segments):
    """
    The bytes that each direction of each connection carried, in order and each once, from the first segment seen on:
    {(source, port, destination, port): bytes}. A later copy of a byte must be equal to the first: the gateway's promise
    for retransmissions.
    """
    starts, contents = {}, {}
    for segment in segments:
        key = (segment.source, segment.source_port, segment.destination, segment.destination_port)
        if segment.flags & SYN or key not in starts:
            starts[key], contents[key] = segment.sequence + (1 if segment.flags & SYN else 0), bytearray()
        content, position = contents[key], (segment.sequence - starts[key]) & 0xffffffff
        if not segment.payload or segment.flags & SYN or position > 0x7fffffff:
            continue
        if position > len(content):
            raise RuntimeError(f"a gap in the capture, or segments out of order: {key} at {position}")
        known = content[position:position + len(segment.payload)]
        if known != segment.payload[:len(known)]:
            raise RuntimeError(f"a retransmission with other bytes: {bytes(known)!r} became {segment.payload!r}")
        content += segment.payload[len(known):]
    return {key: bytes(content) for key, content in contents.items()}


class Capture:
    """tcpdump on a host's device, from __enter__ to __exit__; segments() afterwards."""

    def __init__(self, host, directory, filter_expression="tcp", device="eth0"):
        self._host = host
        self._device = device
        self._filter = f"({filter_expression}) or udp port {MARK_PORT}"
        self.path = f"{directory}/{host.name}-{id(self):x}.pcap"
        self._tcpdump = None

    def __enter__(self):
        # Started as root it would become a user who may not write here; started as anybody else it has no such wish.
        stay = ["-Z", "root"] if os.geteuid() == 0 else []
        self._tcpdump = self._host.spawn(["tcpdump", "-i", self._device, "-n", "-U", "--immediate-mode", "-B", "131072",
                                          *stay, "-w", self.path, self._filter])
        self._tcpdump.wait_for_output("listening on")
        return self

    def __exit__(self, *exception):
        if exception[0] is None:
            self.sync()
        self._tcpdump.stop(signal.SIGINT)
        if exception[0] is None and "\n0 packets dropped by kernel" not in self._tcpdump.output():
            raise RuntimeError(f"the capture has holes: {self._tcpdump.output()}")

    def sync(self):
        """Waits until everything that the host has sent and received by now is in the file."""
        mark = secrets.token_bytes(16)
        with self._host.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self._device.encode())
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sender.sendto(mark, ("255.255.255.255", MARK_PORT))

        def seen():
            with open(self.path, "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                return mark in file.read()
        wait_until(seen, f"a mark in the capture at {self._host.name}", interval=0.002)

    def segments(self):
        """Yields the TCP segments."""
        return (parsed for parsed in read_file(self.path) if parsed is not MARK)
