# SPDX-License-Identifier: GPL-3.0-or-later
"""
A peer that says whatever packets can say: TCP by hand (Liar, LyingServer), and a storm of packets of every shape in which
several versions of what it has to say are mixed.
"""

import struct
import time

import wire
from process import SLOWNESS
from rawtcp import ACK, FIN, PSH, RST, SYN, URG
from wire import CIRCLE, HALF

ECE, CWR, ACCURATE = 64, 128, 256
TIMESTAMPS = b"\1\1\x08\x0a"
# Options as SYNs have them, and what no segment should have.
SYN_EXTRAS = (b"\x22\2", b"\x1e\x0c\0\x81" + bytes(8), b"\x13\x12" + bytes(16), b"\xfd\4\xf9\x89")
ODD_OPTIONS = (b"", b"\x13\x12" + bytes(16), b"\x1d\x10" + bytes(14), b"\x1e\x14\x20\5" + bytes(16),
               b"\x22\x0acookie!!", b"\x08\x0a" + bytes(8), b"\x08\x0a\xff\xff\xff\xff\0\0\0\0", b"\2\4\0\1",
               b"\3\3\x0e", b"\x08\5\1\1\1", b"\x45\2", b"\0\x13\x12" + bytes(16), b"\x13\0", b"\5\x0b" + bytes(9),
               b"\1" * 40)
GENTLE_FLAGS = (PSH | ACK, ACK, PSH | ACK, PSH | ACK | ECE, PSH | ACK | CWR, ACK | ACCURATE)
ROUGH_FLAGS = (PSH | ACK,) * 12 + (ACK, ACK, 0, PSH, FIN | ACK, FIN, FIN | PSH | ACK, RST | PSH, RST | ACK, SYN | ACK, SYN,
                                   SYN | FIN, SYN | RST, URG | ACK | PSH, URG | ACK, URG, 0xff, 0x3f, PSH | ACK | ECE,
                                   ACK | ACCURATE)
PAD = b"\0\1\4\0\0\0\0"  # of an extension header, without its first byte
ERRORS = {4: ((3, 0), (3, 1), (3, 2), (3, 3), (3, 4), (3, 13), (11, 0), (11, 1), (12, 0), (4, 0), (5, 1)),
          6: ((1, 0), (1, 1), (1, 3), (1, 4), (2, 0), (3, 0), (3, 1), (4, 0), (4, 1), (4, 2), (137, 0))}
WIDTHS = {4: (0, 1, 68, 296, 552, 1500, 65535), 6: (0, 1, 68, 1279, 1280, 1500, 0xffffffff)}
# What a step of a storm is, and how often.
KINDS = {"plain": 40, "fragments": 8, "headers": 8, "harm": 3, "short": 6, "error": 6, "empty": 8, "acknowledgement": 4,
         "wait": 8, "bytes": 9, "patience": 1, "forget": 0.6}


class Liar:
    """A TCP by hand that knows what its peer has said, and may say anything."""

    def __init__(self, lab, family, draw, host, device, source, destination):
        self.lab, self.family, self.draw = lab, family, draw
        self.source, self.destination = source, destination
        self.link = wire.Link(lab.hosts[host], lab.router, family, device)
        self.tap = wire.Tap(lab.hosts[host])
        self.first = self.seq = draw.choice((draw.getrandbits(32), CIRCLE - draw.randrange(1, 400)))
        self.ack, self.peer_first, self.answered = 0, None, False
        self.heard = bytearray()
        self.stamp = draw.choice((None, draw.getrandbits(32), CIRCLE - 2, HALF - 1))
        self._peer_stamp = 0
        self._early = {}

    def close(self):
        if self.destination:
            self.say(RST | ACK)
        self.link.close()
        self.tap.close()

    def options_of_syn(self):
        draw = self.draw
        options = b"\2\4" + struct.pack("!H", draw.choice((1, 5, 39, 40, 64, 536, 1460, 65535)))
        if draw.random() < 0.5:
            options += b"\4\2"
        if self.stamp is not None:
            options += TIMESTAMPS[2:] + struct.pack("!II", self.stamp % CIRCLE, self._peer_stamp)
        if draw.random() < 0.5:
            options += b"\1\3\3" + bytes([draw.choice((0, 7, 14))])
        if draw.random() < 0.3:
            options += draw.choice(SYN_EXTRAS)
        return options[:40]

    def build(self, flags, payload=b"", seq=None, ack=None, options=None, **more):
        if options is None:
            options = b"" if self.stamp is None else TIMESTAMPS + struct.pack("!II", self.stamp % CIRCLE, self._peer_stamp)
        return wire.segment(self.source, self.destination, flags, self.seq if seq is None else seq,
                            self.ack if ack is None else ack, payload, options, **more)

    def put(self, content, **more):
        make = wire.ipv6 if self.family == 6 else wire.ipv4
        self.link.send(make(self.source[0], self.destination[0], content, **more))

    def say(self, flags, payload=b"", lifetime=64, **more):
        self.put(self.build(flags, payload, **more), lifetime=lifetime)

    def listen(self, wait=0.0, answer=True):
        """Takes what came, and acknowledges what spoke."""
        came = [one for one in self.tap.take(wait) if not one.outgoing and one.destination == self.source
                and one.source == self.destination]
        for one in came:
            at = one.options.find(TIMESTAMPS[2:])
            if at >= 0:
                self._peer_stamp = int.from_bytes(one.options[at + 2:at + 6], "big")
            if one.flags & SYN:
                self.peer_first, self.ack, self._early = one.seq, (one.seq + 1) % CIRCLE, {}
            else:
                self.answered = True
                if one.payload:
                    self._early.setdefault(one.seq, one.payload)
        while self._take_early():
            pass
        if answer and any(one.payload or one.flags & FIN for one in came):
            self.say(ACK)

    def _take_early(self):
        for seq, payload in list(self._early.items()):
            known = (self.ack - seq) % CIRCLE
            if known < HALF:
                del self._early[seq]
            if known < len(payload):
                self.heard += payload[known:]
                self.ack = (seq + len(payload)) % CIRCLE
                return True
        return False

    def until(self, condition, seconds):
        deadline = time.monotonic() + seconds * SLOWNESS
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.listen(0.02)
        return True

    def repeat(self, flags, payload, condition, **more):
        """Says it, properly, until the condition is true."""
        for _ in range(5):
            self.say(flags, payload, **more)
            if self.until(condition, 0.3):
                return
        raise TimeoutError("nobody answers")

    def call(self):
        self.repeat(SYN, b"", lambda: self.peer_first is not None, seq=self.first, ack=0, options=self.options_of_syn())
        self.seq = (self.first + 1) % CIRCLE
        self.say(ACK)

    def tell(self, line, heard):
        """A line, said properly until heard() is true."""
        self.repeat(PSH | ACK, line, heard)
        self.seq = (self.seq + len(line)) % CIRCLE
        if self.stamp is not None:
            self.stamp += 1


class LyingServer(Liar):
    """The same, as one who is called."""

    def __init__(self, *words):
        super().__init__(*words, None)

    def accept(self):
        deadline = time.monotonic() + 3 * SLOWNESS
        while self.destination is None:
            if time.monotonic() > deadline:
                raise TimeoutError("nobody called")
            for one in self.tap.take(0.02):
                if not one.outgoing and one.flags & (SYN | ACK) == SYN and one.destination == self.source:
                    self.destination, self.peer_first, self.ack = one.source, one.seq, (one.seq + 1) % CIRCLE
                    self.stamp = self.stamp if TIMESTAMPS[2:] in one.options else None
        options = self.options_of_syn()
        self.seq = (self.first + 1) % CIRCLE
        self.repeat(SYN | ACK, b"", lambda: self.answered, seq=self.first, options=options)


class Storm:
    """versions: texts of one length, of which the first is what the liar would have to say."""

    def __init__(self, liar, versions):
        self.liar, self.draw, self.versions = liar, liar.draw, versions
        self.base, self.length = liar.seq, len(versions[0])
        self.gentle = self.draw.random() < 0.6  # nothing that might end the connection
        self.steps = {}

    def step(self):
        weights = [0 if kind == "forget" and self.gentle else weight for kind, weight in KINDS.items()]
        kind = self.draw.choices(list(KINDS), weights)[0]
        self.steps[kind] = self.steps.get(kind, 0) + 1
        getattr(self, f"_do_{kind}")()

    def end(self):
        """What it should have said from the start, so that something of it arrives."""
        for _ in range(2):
            self.liar.say(PSH | ACK, self.versions[0], seq=self.base)
            self.liar.until(lambda: False, 0.03)

    def _piece(self):
        first = self.draw.randrange(self.length)
        size = self.draw.choice((1, 1, 2, 3, 5, 8, 13, 40, self.length))
        return first, self.draw.choice(self.versions)[first:first + size]

    def _numbers(self, first):
        draw, liar = self.draw, self.liar
        more = {"seq": self.base + first}
        if draw.random() < 0.1:
            end = self.base + self.length
            more["seq"] = draw.choice((self.base - 1, liar.first, liar.first - 1, end, end + 1, self.base + HALF,
                                       self.base + 70000, draw.getrandbits(32), more["seq"] + draw.randrange(-9, 9)))
        if draw.random() < 0.2:
            more["ack"] = draw.choice((0, liar.ack - 1, liar.ack + 1, liar.ack + 1000, liar.ack + HALF, liar.peer_first,
                                       liar.peer_first + 1, draw.getrandbits(32)))
        if draw.random() < 0.2:
            more["window"] = draw.choice((0, 1, 7, 40, 1000))
        if draw.random() < 0.15:
            more["options"] = draw.choice(ODD_OPTIONS)
        return more

    def _segment(self, first, payload):
        flags, more = self.draw.choice(GENTLE_FLAGS if self.gentle else ROUGH_FLAGS), self._numbers(first)
        if flags & URG or self.draw.random() < 0.02:
            more["urgent"] = self.draw.choice((0, 1, 2, len(payload), len(payload) + 1, self.draw.randrange(65536)))
        return self.liar.build(flags, payload, **more)

    def _do_plain(self):
        self.liar.put(self._segment(*self._piece()))

    def _do_bytes(self):
        """One a segment."""
        first, text = self.draw.randrange(self.length), self.draw.choice(self.versions)
        for at in range(first, min(first + self.draw.choice((3, 10, self.length)), self.length)):
            self.liar.say(PSH | ACK, text[at:at + 1], seq=self.base + at)

    def _do_empty(self):
        self.liar.put(self._segment(self._piece()[0], b""))

    def _do_acknowledgement(self):
        self.liar.say(ACK, ack=self.liar.ack - self.draw.choice((0, 0, 1, 10)), window=self.draw.choice((0, 1, 10, 65535)),
                      seq=self.base)

    def _do_harm(self):
        """What no receiver takes."""
        first, payload = self._piece()
        harm = self.draw.choice(({"harm": 1}, {"offset": 4}, {"offset": 15}, {"offset": 0}))
        self.liar.put(self.liar.build(PSH | ACK, payload, seq=self.base + first, **harm))

    def _do_short(self):
        """Comes to the router and no further."""
        first, payload = self._piece()
        flags = PSH | ACK if self.gentle else self.draw.choice((PSH | ACK, RST | ACK, RST, FIN | ACK, PSH | FIN | ACK, SYN))
        seq = self.base + self.draw.choice((first, first, 0, self.length))
        self.liar.say(flags, payload if flags & PSH else b"", lifetime=1, seq=seq, options=b"" if flags & SYN else None)

    def _do_headers(self):
        """Options of IPv4, extension headers of IPv6, bits of the traffic class."""
        draw, here, there = self.draw, self.liar.source[0], self.liar.destination[0]
        content, service = self._segment(*self._piece()), draw.choice((0, 1, 2, 3, 0xff))
        if self.liar.family == 4:
            options = draw.choice((b"\1\1\1\0", b"\x94\4\0\0", b"\x82\x0b" + bytes(9), b"\x83\7\4" + wire.pack(here),
                                   b"\x44\x0c\5\0" + bytes(8), b"\7\7\4" + bytes(4), b"\x88\4\0\1", b"\x1e\4ab"))
            self.liar.put(content, options=options, service=service, fragment=draw.choice((0, 0x4000, 0x8000)))
            return
        routes = [bytes((2, kind, left)) + bytes(4) + wire.pack(there) for kind, left in ((2, 0), (0, 1), (4, 0))]
        kinds = [(wire.HOP_BY_HOP, PAD), (wire.DESTINATION, PAD), (wire.DESTINATION, b"\1\1\x0c" + bytes(12)),
                 *((wire.ROUTING, route) for route in routes), (wire.FRAGMENT, b"\0\0\0" + draw.randbytes(4)),
                 (wire.AUTHENTICATION, b"\4\0\0" + struct.pack("!II", 256, 1) + bytes(12)),
                 *((kind, PAD) for kind in (135, 139, 140, 253, 254))]
        self.liar.put(content, headers=[draw.choice(kinds) for _ in range(draw.choice((1, 1, 2, 3)))], service=service)

    def _do_fragments(self):
        """Each from any version, in any order, twice, overlapping."""
        draw, liar = self.draw, self.liar
        first = draw.choice((0, draw.randrange(self.length)))
        contents = [liar.build(PSH | ACK, text[first:], seq=self.base + first) for text in self.versions]
        at, places, units = 0, [], -(-len(contents[0]) // 8)
        while at < units:
            end = min(units, at + draw.randrange(1, 6))
            places.append((max(0, at - (draw.random() < 0.2)), end))
            at = end
        if draw.random() < 0.6:
            draw.shuffle(places)
        if draw.random() < 0.3:
            places.insert(draw.randrange(len(places)), draw.choice(places))
        chosen = [draw.choice(contents) for _ in places]
        for frame in wire.cut_into_fragments(liar.source[0], liar.destination[0], chosen, places, draw.getrandbits(16) | 1):
            liar.link.send(frame)

    def _do_error(self):
        """Its own host says of what the peer has sent that it did not arrive, or was too long."""
        draw, liar = self.draw, self.liar
        seq = draw.choice((liar.ack, liar.ack - 1, liar.ack - 20, liar.peer_first, draw.getrandbits(32)))
        quoted = wire.segment(liar.destination, liar.source, PSH | ACK, seq, self.base + draw.choice((0, self.length)))
        liar.link.send(wire.error(liar.source[0], liar.destination[0], draw.choice(ERRORS[liar.family]),
                                  draw.choice(WIDTHS[liar.family]), quoted[:draw.choice((8, 20))]))

    def _do_patience(self):
        """Long enough that what is held is acknowledged for the receiver."""
        self.liar.listen(0.03)

    def _do_forget(self):
        """Whoever looks after the router deletes entries, and the peer goes on, or calls again from the same port."""
        liar, draw = self.liar, self.draw
        which = draw.choice((["-F"], ["-D", "-p", "tcp", "-f", f"ipv{liar.family}"]))
        liar.lab.router.run(["conntrack", *which], check=False)  # there may be none
        for flags in draw.choice(((), (SYN,), (SYN, RST), (RST, SYN), (SYN, SYN | ACK, ACK))):
            liar.say(flags, seq=self.base + draw.choice((0, -1, -2, self.length, 1 << 20)), ack=0, options=b"\2\4\5\xb4")
            liar.listen(0.005, answer=draw.random() < 0.5)

    def _do_wait(self):
        self.liar.listen(self.draw.choice((0, 0.001, 0.02)), answer=self.draw.random() < 0.7)
