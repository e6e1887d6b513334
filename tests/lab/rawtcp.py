# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP segments made by hand, with any flag, option, lifetime and header in front, for both families."""

import socket
import struct
import time

FIN, SYN, RST, PSH, ACK, URG = (1 << bit for bit in range(6))
IPV6_HDRINCL = 36
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
# An extension header of eight bytes that says nothing: destination options, padding, then TCP.
DESTINATION_OPTIONS = bytes((socket.IPPROTO_TCP, 0, 1, 4, 0, 0, 0, 0))
# An authentication header (RFC 4302) of 24 bytes, then TCP: index 256, number 1, and a check value of nobody's key.
AUTHENTICATION = bytes((socket.IPPROTO_TCP, 4, 0, 0)) + struct.pack("!II", 256, 1) + bytes(12)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(source, destination, flags, seq=0, ack=0, payload=b"", options=b"", lifetime=64, extra=b"", window=65535,
           urgent=0):
    """source, destination: (address, port). extra: IPv4 options, or an IPv6 extension header of those above."""
    options += b"\1" * (-len(options) % 4)
    family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    ends = socket.inet_pton(family, source[0]) + socket.inet_pton(family, destination[0])
    header = struct.pack("!HHIIBBHHH", source[1], destination[1], seq & 0xffffffff, ack & 0xffffffff,
                         (20 + len(options)) // 4 << 4, flags, window, 0, urgent)
    segment = header + options + payload
    total = checksum(ends + struct.pack("!II", len(segment), 6) + segment)
    segment = segment[:16] + struct.pack("!H", total) + segment[18:]
    if family == socket.AF_INET6:
        following = {b"": socket.IPPROTO_TCP, AUTHENTICATION: socket.IPPROTO_AH}.get(extra, socket.IPPROTO_DSTOPTS)
        return struct.pack("!IHBB", 6 << 28, len(extra) + len(segment), following, lifetime) + ends + extra + segment
    header = struct.pack("!BBHHHBBH", 0x45 + len(extra) // 4, 0, 20 + len(extra) + len(segment), 1, 0x4000, lifetime,
                         6, 0)
    header += ends + extra
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + segment


def send(namespace, destination, data):
    """Sends a whole packet from the namespace; it goes where destination's address is routed to."""
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    with namespace.entered(), socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        if family == socket.AF_INET6:
            raw.setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)
        raw.sendto(data, (destination, 0))


def numbers(connection):
    """What a connected socket sends next, and what it expects next."""
    found = []
    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    for queue in (2, 1):
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        found.append(connection.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xffffffff)
    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, -1)  # without a probe of the window
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # which that has taken away
    return found


class Listener:
    """Every TCP segment that arrives in a namespace, headers of IP taken off."""

    def __init__(self, namespace, family):
        kind = socket.AF_INET6 if family == 6 else socket.AF_INET
        self._family = family
        with namespace.entered():
            self._socket = socket.socket(kind, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._socket.close()

    def segments(self, port, wait=0.5):
        """Those to port that come until none has come for wait seconds: (source port, flags, options, payload)."""
        self._socket.settimeout(wait)
        found = []
        try:
            while True:
                data = self._socket.recv(65536)
                if self._family == 4:
                    data = data[(data[0] & 15) * 4:]
                source, destination = struct.unpack("!HH", data[:4])
                header = (data[12] >> 4) * 4
                if destination == port:
                    found.append((source, data[13], data[20:header], data[header:]))
        except socket.timeout:
            return found


class HandMade:
    """
    A TCP connection from a namespace of which its kernel knows nothing, and which has to be kept from resetting it: each
    segment and each window is the test's to say. Takes what comes in order.
    """

    def __init__(self, namespace, source, destination):
        self.source, self.destination = source, destination
        self.seq, self.ack = 0x1000, 0
        self._namespace = namespace
        self._kind = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
        with namespace.entered():
            self._socket = socket.socket(self._kind, socket.SOCK_RAW, socket.IPPROTO_TCP)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._socket.close()

    def send(self, flags, payload=b"", seq=None, window=65535):
        """What has no number of its own counts, as a SYN does."""
        data = packet(self.source, self.destination, flags, self.seq if seq is None else seq, self.ack, payload,
                      window=window)
        send(self._namespace, self.destination[0], data)
        if seq is None:
            self.seq += len(payload) + bool(flags & SYN)

    def receive(self, seconds=5):
        """The next segment that has data or a flag besides ACK, as (flags, payload), and it is acknowledged next time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            data = self._socket.recv(65536)
            if self._kind == socket.AF_INET:
                data = data[(data[0] & 15) * 4:]
            ports, (seq, _, offset, flags) = struct.unpack("!HH", data[:4]), struct.unpack("!IIBB", data[4:14])
            payload = data[(offset >> 4) * 4:]
            if ports != (self.destination[1], self.source[1]) or not (payload or flags & (SYN | FIN | RST)):
                continue
            if self.ack not in (0, seq):
                continue
            self.ack = (seq + len(payload) + bool(flags & (SYN | FIN))) & 0xffffffff
            return flags, payload
        raise TimeoutError("no segment came")

    def accept(self, seconds=5):
        """The same as a server: its client is whoever connects."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            data, sender = self._socket.recvfrom(65536)
            if self._kind == socket.AF_INET:
                data = data[(data[0] & 15) * 4:]
            source, destination, seq, _, _, flags = struct.unpack("!HHIIBB", data[:14])
            if destination == self.source[1] and flags & (SYN | ACK) == SYN:
                self.destination = (sender[0], source)
                self.ack = (seq + 1) & 0xffffffff
                self.send(SYN | ACK)
                return
        raise TimeoutError("nobody connected")

    def open(self):
        self.send(SYN)
        flags, _ = self.receive()
        if flags & RST:
            raise ConnectionResetError("the connection was refused")
        self.send(ACK)
