# SPDX-License-Identifier: GPL-3.0-or-later
"""
Packets of any shape, whole frames from one host to the router, and what of them arrives at another host, as every TCP that
there may be could read it.
"""

import dataclasses
import select
import socket
import struct

from rawtcp import SYN, URG, checksum
from scripted import family_of, is_ipv6

HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, NONE, DESTINATION = 0, 43, 44, 51, 59, 60
ICMP, TCP, ICMPV6 = 1, 6, 58
EXTENSIONS = (HOP_BY_HOP, ROUTING, DESTINATION, 135, 139, 140, 253, 254)
ETHERNET = {4: b"\x08\x00", 6: b"\x86\xdd"}
PACKET_OUTGOING = 4
CIRCLE, HALF = 1 << 32, 1 << 31


def pack(address):
    return socket.inet_pton(family_of(address), address)


def segment(source, destination, flags, seq=0, ack=0, payload=b"", options=b"", window=65535, urgent=0, harm=0, offset=None):
    """A TCP segment with its checksum, in which harm is an error. offset: a wrong length of the header, in words."""
    options += b"\0" * (-len(options) % 4)
    words = (20 + len(options)) // 4 if offset is None else offset
    head = struct.pack("!HHIIBBHHH", source[1], destination[1], seq % CIRCLE, ack % CIRCLE, words << 4 | flags >> 8,
                       flags & 255, window, 0, urgent)
    whole = head + options + payload
    total = checksum(pack(source[0]) + pack(destination[0]) + struct.pack("!II", len(whole), TCP) + whole) ^ harm
    return whole[:16] + struct.pack("!H", total) + whole[18:]


def ipv4(source, destination, content, protocol=TCP, lifetime=64, options=b"", fragment=0, ident=1, service=0):
    """fragment: the field with flags and offset."""
    options += b"\1" * (-len(options) % 4)
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, service, 20 + len(options) + len(content), ident, fragment,
                       lifetime, protocol, 0) + pack(source) + pack(destination) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + content


def ipv6(source, destination, content, protocol=TCP, lifetime=64, headers=(), service=0):
    """headers: (kind, bytes without their first) of extension headers, in order."""
    chain, following = b"", protocol
    for kind, rest in reversed(headers):
        chain, following = bytes([following]) + rest + chain, kind
    return struct.pack("!IHBB", 6 << 28 | service << 20, len(chain) + len(content), following, lifetime) + pack(source) + \
        pack(destination) + chain + content


def cut_into_fragments(source, destination, contents, places, ident, lifetime=64):
    """places: (first, last + 1) of each fragment, in units of eight bytes; contents: the whole of which it is, for each."""
    for content, (first, end) in zip(contents, places):
        more, part = end * 8 < len(content), content[first * 8:end * 8]
        if is_ipv6(source):
            rest = struct.pack("!BHI", 0, first << 3 | more, ident)
            yield ipv6(source, destination, part, lifetime=lifetime, headers=((FRAGMENT, rest),))
        else:
            yield ipv4(source, destination, part, lifetime=lifetime, fragment=first | (0x2000 if more else 0), ident=ident)


def error(source, destination, kind, width, quoted):
    """An ICMP message of this (type, code) about quoted, which destination has sent to source."""
    if is_ipv6(source):
        message = bytes(kind) + b"\0\0" + struct.pack("!I", width) + ipv6(destination, source, quoted)
        ends = pack(source) + pack(destination) + struct.pack("!II", len(message), ICMPV6)
        message = message[:2] + struct.pack("!H", checksum(ends + message)) + message[4:]
        return ipv6(source, destination, message, ICMPV6)
    message = bytes(kind) + b"\0\0" + struct.pack("!HH", 0, width) + ipv4(destination, source, quoted)
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    return ipv4(source, destination, message, ICMP)


class Link:
    """Sends frames from a host to its router, whatever is in them."""

    def __init__(self, host, router, family, router_device, device="eth0"):
        def hardware(namespace, name):
            words = namespace.output(["ip", "-o", "link", "show", name]).split()
            return bytes.fromhex(words[words.index("link/ether") + 1].replace(":", ""))
        self._head = hardware(router, router_device) + hardware(host, device) + ETHERNET[family]
        with host.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.bind((device, 0))

    def send(self, packet):
        self._socket.send(self._head + packet)

    def close(self):
        self._socket.close()


@dataclasses.dataclass
class Arrived:
    """One TCP segment on a cable."""

    source: tuple
    destination: tuple
    seq: int
    ack: int
    flags: int
    window: int
    urgent: int
    options: bytes
    payload: bytes
    outgoing: bool
    whole: bytes


def find_tcp(packet):
    """(source address, destination address, segment), or None. Raises ValueError where it is a part of a packet."""
    if packet[0] >> 4 == 4:
        length = int.from_bytes(packet[2:4], "big")
        if packet[9] != TCP:
            return None
        if int.from_bytes(packet[6:8], "big") & 0x3fff:
            raise ValueError("a fragment")
        ends = (socket.inet_ntop(socket.AF_INET, packet[at:at + 4]) for at in (12, 16))
        return (*ends, packet[(packet[0] & 15) * 4:length])
    kind, at = packet[6], 40
    while kind in (*EXTENSIONS, AUTHENTICATION, FRAGMENT):
        if kind == FRAGMENT and int.from_bytes(packet[at + 2:at + 4], "big") & 0xfff9:
            raise ValueError("a fragment")
        step = 8 if kind == FRAGMENT else (packet[at + 1] + 2) * 4 if kind == AUTHENTICATION else (packet[at + 1] + 1) * 8
        kind, at = packet[at], at + step
    if kind != TCP:
        return None
    ends = (socket.inet_ntop(socket.AF_INET6, packet[at:at + 16]) for at in (8, 24))
    return (*ends, packet[at:40 + int.from_bytes(packet[4:6], "big")])


def take_fragment(packet):
    """(function from the joined parts to a packet, place, whether more follow, the part, what all parts have in common)"""
    if packet[0] >> 4 == 4:
        field, length = (int.from_bytes(packet[at:at + 2], "big") for at in (6, 2))
        header, ends = (packet[0] & 15) * 4, [socket.inet_ntop(socket.AF_INET, packet[at:at + 4]) for at in (12, 16)]
        return (lambda content: ipv4(*ends, content, packet[9]), (field & 0x1fff) * 8, bool(field & 0x2000),
                packet[header:length], packet[4:6] + packet[9:10] + packet[12:20])
    at, kind, end = 40, packet[6], 40 + int.from_bytes(packet[4:6], "big")
    while kind != FRAGMENT:
        kind, at = packet[at], at + (packet[at + 1] + 1) * 8
    field = int.from_bytes(packet[at + 2:at + 4], "big")
    ends = [socket.inet_ntop(socket.AF_INET6, packet[start:start + 16]) for start in (8, 24)]
    return (lambda content: ipv6(*ends, content, packet[at]), field & 0xfff8, bool(field & 1), packet[at + 8:end],
            packet[at + 4:at + 8] + packet[8:40])


class Tap:
    """What passes at a host's device, from __init__ on."""

    def __init__(self, host, device="eth0"):
        with host.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self._socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 25)  # SO_RCVBUFFORCE
        self._socket.bind((device, 3))
        self._socket.setblocking(False)
        self._parts = {}

    def take(self, wait=0.0):
        """The TCP segments that came since the last time, at the latest after wait seconds with none."""
        found = []
        while select.select([self._socket], [], [], wait if not found else 0)[0]:
            packet, (_, kind, way, *_) = self._socket.recvfrom(65536)
            if kind not in (0x0800, 0x86dd):
                continue
            try:
                found += self._read(packet, way == PACKET_OUTGOING)
            except ValueError:
                found += self._join(packet) if way != PACKET_OUTGOING else []
        return found

    def _join(self, packet):
        """What it is a part of, once that is whole. A router cuts what it has to put together anew, so no two overlap."""
        head, place, more, part, name = take_fragment(packet)
        parts = self._parts.setdefault(name, {})
        if any(place < other + len(content) and other < place + len(part) for other, content in parts.items()):
            raise AssertionError(f"fragments have left that overlap: {part!r} at {place} beside {parts}")
        parts[place] = part
        if not more:
            parts[place + len(part)] = b""
        places = sorted(parts)
        if parts[places[-1]] or places[0] or any(at + len(parts[at]) != after for at, after in zip(places, places[1:])):
            return []
        del self._parts[name]
        return self._read(head(b"".join(parts[at] for at in places)), False)

    @staticmethod
    def _read(packet, outgoing):
        found = find_tcp(packet)
        if not found or len(found[2]) < 20:
            return []
        source, destination, content = found
        sport, dport, seq, ack, offset, flags, window, _, urgent = struct.unpack("!HHIIBBHHH", content[:20])
        header = (offset >> 4) * 4
        return [Arrived((source, sport), (destination, dport), seq, ack, flags | (offset & 15) << 8, window, urgent,
                        content[20:header], content[header:], outgoing, packet)]

    def close(self):
        self._socket.close()


class Readings:
    """
    One direction of a connection at its receiver: for each number the bytes that have ever come for it. Where there is one
    alone, whichever copy a receiver keeps, it reads the same.
    """

    def __init__(self, first):
        self.first = first  # the number of the first byte
        self.copies = {}  # position: set of bytes
        self.urgent = set()  # positions that some receiver could take out of line

    def take(self, came):
        at = (came.seq + bool(came.flags & SYN) - self.first + HALF) % CIRCLE - HALF
        for number, byte in enumerate(came.payload):
            self.copies.setdefault(at + number, set()).add(byte)
        if came.flags & URG:
            self.urgent |= {at + came.urgent - 1, at + came.urgent}

    def contradictions(self):
        return {at: bytes(sorted(found)) for at, found in self.copies.items() if len(found) > 1}

    def stream(self):
        """From the first byte on, up to the first that never came."""
        content = bytearray()
        while len(content) in self.copies:
            content.append(min(self.copies[len(content)]))
        return bytes(content)

    def streams(self):
        """That, and what is left of it for those who take an urgent byte out of line."""
        whole = self.stream()
        yield whole
        for at in self.urgent:
            if 0 <= at < len(whole):
                yield whole[:at] + whole[at + 1:]
