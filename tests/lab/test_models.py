#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What `ftpalg explain` says of the kernel's FTP helper is what the kernel's FTP helper does.

Each row is said twice: to `ftpalg explain --json`, and by a client and a server that have this kernel's helper between
them. Of every segment the two must agree: whether it arrives, what of it arrives, and which expectation there is then.
Linux has two ways with numbers that are too large (models "kernel" and "wrapping"); one row finds out which this one
has, and the other rows must then all agree with that model.

Where conntrackd's helper in user space can run (tests/vm/run tests/lab/test_models.py), the same holds for it.
"""

import contextlib
import functools
import json
import os
import re
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "compare"))
# pylint: disable=wrong-import-position
import gateway
import helpers
from lab import Lab
from process import wait_until
from scripted import family_of
from tap import Plan, Skip, check_equal

PORT = 21
# Rows: what it is, who says it, its segments. {own}, {other} and {commas...}: see words().
ROWS_IPV4 = (
    ("PORT of the client's own address", "C", [r"PORT {commas},195,80\r\n"]),
    ("port in lower case", "C", [r"port {commas},195,81\r\n"]),
    ("PORT that names another host", "C", [r"PORT {other_commas},195,82\r\n"]),
    ("PORT that ends with a bare LF", "C", [r"PORT {commas},195,83\n"]),
    ("PORT behind another line in its segment", "C", [r"NOOP\r\nPORT {commas},195,84\r\n"]),
    ("PORT with LIST behind it in its segment", "C", [r"PORT {commas},195,85\r\nLIST\r\n"]),
    ("PORT at the start of a segment within a line", "C", [r"CWD a", r"PORT {commas},195,86\r\n"]),
    ("a verb that only begins with PORT", "C", [r"PORTAL {commas},195,87\r\n"]),
    ("PORT with two spaces", "C", [r"PORT  {commas},195,88\r\n"]),
    ("PORT with a leading zero", "C", [r"PORT 0{commas},195,89\r\n"]),
    ("PORT with text behind the tuple", "C", [r"PORT {commas},195,90 x\r\n"]),
    ("PORT with five numbers", "C", [r"PORT {commas},195\r\n"]),
    ("PORT with seven numbers", "C", [r"PORT {commas},195,91,1\r\n"]),
    ("PORT of port 22", "C", [r"PORT {commas},0,22\r\n"]),
    ("PORT of port 0", "C", [r"PORT {commas},0,0\r\n"]),
    ("PORT with a port byte of 260", "C", [r"PORT {commas},260,1\r\n"]),
    ("PORT with an octet that adds to the one before", "C", [r"PORT {carried},9,9\r\n"]),
    ("the first letter of PORT", "C", [r"P"]),
    ("PORT without an argument", "C", [r"PORT"]),
    ("PORT and the end of a line", "C", [r"PORT\r\n"]),
    ("PASS, which begins as PORT does", "C", [r"PASS x\r\n"]),
    ("EPRT of the client's own address", "C", [r"EPRT |1|{own}|50011|\r\n"]),
    ("EPRT delimited by @", "C", [r"EPRT @1@{own}@50012@\r\n"]),
    ("EPRT that names another host", "C", [r"EPRT |1|{other}|50013|\r\n"]),
    ("EPRT that says IPv6", "C", [r"EPRT |2|{own}|50014|\r\n"]),
    ("EPRT of port 65557", "C", [r"EPRT |1|{own}|65557|\r\n"]),
    ("EPRT of port 0", "C", [r"EPRT |1|{own}|0|\r\n"]),
    ("EPRT without its last delimiter", "C", [r"EPRT |1|{own}|50015\r\n"]),
    ("LPRT", "C", [r"LPRT 4,4,{commas},2,195,92\r\n"]),
    ("227 of the server's own address", "S", [r"227 Entering Passive Mode ({commas},195,80).\r\n"]),
    ("227 without parentheses", "S", [r"227 =  {commas},195,81\r\n"]),
    ("227 that names another host", "S", [r"227 Entering Passive Mode ({other_commas},195,82)\r\n"]),
    ("227 with a number in front", "S", [r"227 Mode 1 ({commas},195,83)\r\n"]),
    ("227 Logout", "S", [r"227 Logout.\r\n"]),
    ("227 of several lines", "S", [r"227-Mode ({commas},195,84)\r\n227 end\r\n"]),
    ("227 behind another line in its segment", "S", [r"200 ok\r\n227 Mode ({commas},195,85)\r\n"]),
    ("227 at the start of a segment within a line", "S", [r"500 no such thing as ", r"227 ({commas},195,86)\r\n"]),
    ("227 that is cut behind its code", "S", [r"227 "]),
    ("227 that is cut in its tuple", "S", [r"227 ok ({commas},19"]),
    ("227 with a port byte of 260", "S", [r"227 ok ({commas},260,1)\r\n"]),
    ("229", "S", [r"229 Entering Extended Passive Mode (|||50021|)\r\n"]),
    ("229 with text in parentheses first", "S", [r"229 Mode (extended) (|||50022|)\r\n"]),
    ("229 delimited by !", "S", [r"229 ok (!!!50023!)\r\n"]),
    ("229 of port 65558", "S", [r"229 ok (|||65558|)\r\n"]),
    ("229 without parentheses", "S", [r"229 ok\r\n"]),
)
ROWS_IPV6 = (
    ("EPRT of the client's own address", "C", [r"EPRT |2|{own}|50011|\r\n"]),
    ("EPRT of the client's own address in full", "C", [r"EPRT |2|{full}|50012|\r\n"]),
    ("EPRT that names another host", "C", [r"EPRT |2|{other}|50013|\r\n"]),
    ("EPRT that says IPv4", "C", [r"EPRT |1|10.0.0.5|50014|\r\n"]),
    ("EPRT of port 65557", "C", [r"EPRT |2|{own}|65557|\r\n"]),
    ("PORT", "C", [r"PORT 10,0,0,5,195,80\r\n"]),
    ("229", "S", [r"229 Entering Extended Passive Mode (|||50021|)\r\n"]),
    ("229 of port 65558", "S", [r"229 ok (|||65558|)\r\n"]),
)
ROWS = {4: ROWS_IPV4, 6: ROWS_IPV6}
TELLTALE = ("PORT with a port byte of 260", "C", [r"PORT {commas},260,1\r\n"])


def words(lab, family, side):
    """What the rows' names in braces stand for: a peer's own address, somebody else's."""
    addresses = lab.addresses[family]
    own = addresses.client if side == "C" else addresses.server
    other = addresses.neighbour if side == "C" else addresses.victim
    found = {"own": own, "other": other}
    if family == 4:
        first, second, third, fourth = map(int, own.split("."))
        found.update(commas=own.replace(".", ","), other_commas=other.replace(".", ","),
                     carried=f"{first},{second},{third - 1},{fourth + 256}")
    else:
        found["full"] = full_text(own)
    return found


def full_text(address):
    packed = socket.inet_pton(socket.AF_INET6, address)
    return ":".join(packed[i:i + 2].hex() for i in range(0, 16, 2))


def to_bytes(text):
    return text.replace(r"\r", "\r").replace(r"\n", "\n").encode()


def from_json_text(text):
    """Bytes from the escapes of explain's JSON."""
    def to_byte(match):
        return b"\\" if match[1] == b"\\" else bytes.fromhex(match[1][1:].decode())
    return re.sub(rb"\\(\\|x[0-9a-f]{2})", to_byte, text.encode())


def explained(lab, family, side, segments, model):
    """What explain says of model and these segments, in a session that is under way."""
    addresses = lab.addresses[family]
    command = [gateway.binary(), "explain", "--json", "--client", addresses.client, "--server", addresses.server]
    if lab.mode == "snat":
        command += ["--nat", f"{addresses.client}={addresses.client_public}"]
    text = f"C> NOOP\nS> 200 ok\n{side}> " + r"\|".join(segments) + "\\c\n"
    result = subprocess.run(command, input=text, check=False, text=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout.splitlines()[2])["helpers"][model]["segments"]


class Pair:
    """A client and a server with the helper between them; lines have passed in both directions."""

    def __init__(self, lab, family):
        self.lab = lab
        with lab.server.entered():
            listener = socket.create_server((lab.addresses[family].server, PORT), family=family_of(
                lab.addresses[family].server))
        with listener:
            with lab.client.entered():
                self.client = socket.create_connection((lab.server_seen(family), PORT))
            self.server = listener.accept()[0]
        for side in (self.client, self.server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.say(self.client, self.server, b"NOOP\r\n", 6)
        self.say(self.server, self.client, b"200 ok\r\n", 8)

    def close(self):
        for side in (self.client, self.server):
            # By a reset: what was dropped is not repeated, and so expected, any more.
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.close()
        self.lab.router.run(["conntrack", "-F", "expect"])

    @staticmethod
    def say(sender, receiver, data, wanted):
        """Sends data as a segment. What arrives of it: wanted bytes, or none once the sender has had to repeat it."""
        before = retransmissions(sender)
        sender.sendall(data)
        arrived = b""

        def settled():
            nonlocal arrived
            with contextlib.suppress(BlockingIOError):
                arrived += receiver.recv(65536, socket.MSG_DONTWAIT)
            return len(arrived) >= wanted or retransmissions(sender) > before
        wait_until(settled, f"{data!r} to arrive or to be repeated")
        return arrived


def retransmissions(connection):
    """tcpi_total_retrans."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int.from_bytes(info[100:104], sys.byteorder)


def observed(lab, family, side, segments):
    """What the helper did with each segment: (arrived, expectation as (from, to) or None)."""
    pair = Pair(lab, family)
    try:
        sender, receiver = (pair.client, pair.server) if side == "C" else (pair.server, pair.client)
        done = []
        for segment in map(to_bytes, segments):
            arrived = pair.say(sender, receiver, segment, 1)
            found = lab.expectations(family)
            check_equal(len(found) <= 1, True, "at most one expectation")
            done.append((arrived, (found[0].source, endpoint_text(found[0], family)) if found else None))
        return done
    finally:
        pair.close()


def endpoint_text(expectation, family):
    if family == 6:
        return f"[{expectation.destination}]:{expectation.destination_port}"
    return f"{expectation.destination}:{expectation.destination_port}"


def predicted(answers, segments):
    """The same from explain's answers."""
    done = []
    for answer, segment in zip(answers, segments):
        arrived = {"drops": lambda _: b"", "forwards": to_bytes, "rewrites": lambda _, text=answer.get("leaves", ""):
                   from_json_text(text)}[answer["verdict"]](segment)
        expects = answer.get("expects")
        done.append((arrived, (expects["from"], expects["to"]) if expects else None))
    return done


def check_row(arena, family, side, segments):
    segments = [segment.format(**words(arena.lab, family, side)) for segment in segments]
    check_equal(observed(arena.lab, family, side, segments),
                predicted(explained(arena.lab, family, side, segments, arena.model(family)), segments),
                f"what {arena.helper.version()} made of {segments}, beside the model")


class Arena:
    """A lab with a helper on its router."""

    def __init__(self, mode, kind):
        self.lab = Lab(mode=mode, gateway_rules=False, daemon=False)
        self._kind = kind
        self._model = None

    def __enter__(self):
        self.lab.__enter__()
        try:
            self.helper = self._kind(self.lab)
            self.helper.__enter__()
            return self
        except BaseException:
            self.lab.__exit__(*sys.exc_info())
            raise

    def __exit__(self, *exception):
        self.helper.__exit__(*exception)
        self.lab.__exit__(*exception)

    def model(self, family):
        """Which model this helper must be like."""
        if self._kind is helpers.Conntrackd:
            return "conntrackd"
        if not self._model:
            segments = [segment.format(**words(self.lab, 4, "C")) for segment in TELLTALE[2]]
            self._model = "wrapping" if observed(self.lab, 4, "C", segments)[0][1] else "kernel"
        return self._model


def check_model_is_named(arena):
    """For the log: which of the two it is."""
    print(f"# {arena.helper.version()} is like the model \"{arena.model(4)}\"", flush=True)


def say_why_not():
    raise Skip("this kernel has no nfnetlink_cthelper; tests/vm/run tests/lab/test_models.py looks at it")


def main():
    plan = Plan(__doc__)
    # conntrackd first: it takes the name of the kernel's helper, which must not be there.
    kinds = [helpers.KernelHelper]
    if helpers.Conntrackd.can_run():
        kinds.insert(0, helpers.Conntrackd)
    else:
        plan.add("conntrackd: it is like its model", say_why_not)
    for kind in kinds:
        for mode in ("snat", "routed"):
            make = functools.partial(Arena, mode, kind)
            plan.add(f"{kind.name}, {mode}: it is like one of the models", check_model_is_named, fixture=make)
            for family in kind.families:
                for what, side, segments in ROWS[family]:
                    plan.add(f"{kind.name}, {mode}, IPv{family}: {what}", check_row, family, side, segments,
                             fixture=make)
    plan.run()


if __name__ == "__main__":
    main()
