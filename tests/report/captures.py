# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures that the report's tests need and pcaps/ does not have: whole transfers, hostile words, many sessions."""

import importlib.machinery
import importlib.util
import os
import struct

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def load_generate():
    loader = importlib.machinery.SourceFileLoader("generate", os.path.join(TOP, "tests", "replay", "generate"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("generate", loader))
    loader.exec_module(module)
    return module


generate = load_generate()
LOGIN = ["handshake", "S> 220 ready⏎", "C> USER ftp⏎", "S> 331 Password⏎", "C> PASS correct horse⏎", "S> 230 Logged in⏎"]
NAT = ["--nat", "10.0.0.5=198.51.100.1"]

# What a browser, a terminal or a reader could be fooled with. No CR, LF or NUL: those end lines, or the session.
HOSTILE = [
    "<script>alert(1)</script>", "</script><script>alert(2)</script>", "\"><img src=x onerror=alert(3)>",
    "' onmouseover='alert(4)", "<!-- ", "--><b>", "]]>", "&lt;&amp;&#60;", "</code></li></ol></details>", "<style>*{display:none}</style>",
    "</title></style></textarea>", "javascript:alert(5)", "\\u202egnp.exe", "%3Cscript%3E", "{{7*7}}", "<svg/onload=alert(6)>",
]


def dialogue(name, lines):
    made = generate.Dialogue(name)
    for line in lines:
        if not made.line(line):
            raise generate.DialogueError(f"{name}: \"{line}\" is nothing that can happen")
    return made


class Transfer:
    """A data connection between two endpoints, as packets of a dialogue."""

    def __init__(self, made, source, destination):
        self.made = made
        self.ends = [generate.to_endpoint(source, 0), generate.to_endpoint(destination, 0)]
        self.seq = [5000, 4294967000]  # the second wraps

    def say(self, who, flags, payload=b"", offset=0):
        flags |= generate.ACK if flags != generate.SYN else 0
        ends = self.ends if who == 0 else self.ends[::-1]
        backwards = ends[0][0] == self.made.sides["S"].endpoint[0]
        self.made.emit(self.made.segment(ends, self.seq[who] + offset, self.seq[1 - who], flags, payload), backwards)
        if offset == 0:
            self.seq[who] += len(payload) + (1 if flags & (generate.SYN | generate.FIN) else 0)

    def begin(self):
        self.say(0, generate.SYN)
        self.say(1, generate.SYN)
        self.say(0, 0)
        return self

    def send(self, who, length):
        for at in range(0, length, 1000):
            self.say(who, generate.PSH, bytes(min(1000, length - at)))
        return self

    def end(self, who):
        self.say(who, generate.FIN)
        self.say(1 - who, generate.FIN)
        self.say(who, 0)
        return self


def transfers():
    """A download in passive mode with a retransmission, an upload in active mode, one that is cut, one not let in."""
    made = dialogue("transfers", LOGIN + ["C> PASV⏎", "S> 227 Entering Passive Mode (203,0,113,9,195,80)⏎"])
    passive = Transfer(made, "10.0.0.5:50001", "203.0.113.9:50000").begin()
    for line in ["C> RETR pub/archive.tar.gz⏎", "S> 150 Here it comes⏎"]:
        made.line(line)
    passive.send(1, 123456)
    passive.say(1, generate.PSH, bytes(1000), offset=-1000)
    passive.end(1)
    for line in ["S> 226 Done⏎", "C> PORT 10,0,0,5,195,90⏎", "S> 200 ok⏎", "C> STOR up.bin⏎", "S> 150 Go on⏎"]:
        made.line(line)
    Transfer(made, "203.0.113.9:20", "10.0.0.5:50010").begin().send(1, 5000).end(1)
    for line in ["S> 226 Done⏎", "C> EPSV⏎", "S> 229 Entering Extended Passive Mode (|||50020|)⏎", "C> RETR cut⏎", "S> 150 Here it comes⏎"]:
        made.line(line)
    Transfer(made, "10.0.0.5:50021", "203.0.113.9:50020").begin().send(1, 2500).say(1, generate.RST)
    for line in ["S> 426 Connection closed⏎", "C> PORT 10,0,0,99,195,91⏎", "S> 200 ok⏎"]:
        made.line(line)
    Transfer(made, "203.0.113.9:20", "10.0.0.99:50011").begin().send(0, 10).end(0)
    for line in ["C> QUIT⏎", "S> 221 Goodbye⏎", "close"]:
        made.line(line)
    return made.capture()


def escape(text):
    """Text as a dialogue writes it."""
    return text.replace("\\", "\\\\")


def hostile():
    lines = ["handshake", "S> 220 <script>alert('banner')</script>⏎"]
    for text in HOSTILE[:4]:
        lines += [f"C> USER {escape(text)}⏎", f"S> 331 {escape(text)}⏎"]
    lines += ["C> PASS <b>secret-of-many</b>⏎", "S> 230-<script>⏎", "S>  </script> echo <b>secret-of-many</b>⏎",
              "S> 230 Logged in⏎"]
    for text in HOSTILE:
        lines += [f"C> SIZE {escape(text)}⏎", f"S> 550 {escape(text)}⏎"]
    lines += ["C> CWD \\xff\\xfe\\xc0\\xaf\\xed\\xa0\\x80⏎", "S> 250 ok⏎", "C> CWD \u202eevil\u2066x\u061c\u2028y⏎", "S> 250 ok⏎",
              "C> CWD naïve — 漢字 🙂⏎", "S> 250 ok⏎", "C> PASV⏎", "S> 227 <b>(203,0,113,9,195,80)</b>⏎",
              "C> RETR <script>alert(\"path\")</script>⏎", "S> 150 <i>⏎", "S> 226 </script>⏎",
              "C> PORT <script>,0,0,5,4,5⏎", "S> 500 <u>⏎", "S> 227 <script>unsolicited</script> (1,2,3,4,5,6)⏎",
              "C> LIST \x1b[31mred\x07⏎", "S> 500 no⏎", "C> SIZE a\\x00b</script>⏎"]
    return dialogue("hostile", lines).capture()


def secrets():
    """Passwords where they belong and where not. Returns the capture and what must not be seen."""
    lines = ["handshake", "S> 220 ready⏎", "C> USER anna⏎", "S> 331 Password⏎", "C> pass   Tr0ub4dor&3⏎",
             "S> 530 PASS Tr0ub4dor&3 is wrong⏎", "C> USER Tr0ub4dor&3⏎", "S> 331 Password for Tr0ub4dor&3⏎",
             "C> PASS hunter2-hunter2⏎", "S> 230-hunter2-hunter2hunter2-hunter2⏎", "S> 230 Logged in⏎",
             "C> ACCT accounting-secret⏎", "S> 202 no⏎", "C> STAT hunter2⏎", "S> 500 no⏎",
             "C> \\xff\\xf4\\xff\\xf2PASS after-telnet⏎", "S> 230 ok⏎",
             "C> PASS " + "long-secret-" * 30 + "⏎", "S> 500 " + "x" * 500 + "long-secret-" * 30 + "⏎",
             "C> PASS unfinished-secret"]
    return dialogue("secrets", lines).capture(), ["Tr0ub4dor", "hunter2-hunter2", "accounting-secret", "after-telnet",
                                                  "long-secret", "unfinished-secret"]


def adopted_password():
    """The capture begins within a PASS command."""
    made = dialogue("adopted", ["C> S tail-of-a-secret⏎", "S> 230 Logged in⏎", "C> NOOP⏎", "S> 200 ok⏎"])
    return made.capture()


def refused_password():
    """Refused where TLS is required, a password is overwritten before it leaves."""
    return dialogue("refused", ["handshake", "S> 220 ready⏎", "C> USER anna⏎", "S> 331 Password⏎",
                                "C> PASS refused-secret⏎", "S> 500 no⏎"]).capture()


def record(kind, length):
    """A TLS record, as a dialogue writes it; the body could be taken for lines."""
    return f"\\x{kind:02x}\\x03\\x03\\x{length >> 8:02x}\\x{length & 255:02x}" + ("PORT 1,2⏎" * length)[:length].replace("⏎", "\\n")


def left_tls():
    """TLS from AUTH to CCC; then the peers say the rest in clear."""
    return dialogue("left", ["handshake", "S> 220 ready⏎", "C> AUTH TLS⏎", "S> 234 ok⏎",
                             "C> \\x16\\x03\\x01\\x00\\x2e\\x01\\x00\\x00\\x2a\\x03\\x03" + "h" * 40, "S> " + record(22, 120),
                             "C> " + record(20, 1) + record(22, 40), "S> " + record(20, 1) + record(22, 40),
                             "C> " + record(23, 30), "S> " + record(23, 50), "C> " + record(23, 29), "S> " + record(23, 40),
                             "S> " + record(21, 26), "C> " + record(21, 26), "C> PWD⏎", "S> 257 \"/\"⏎",
                             "C> PORT 10,0,0,5,195,80⏎", "S> 200 ok⏎", "C> QUIT⏎", "S> 221 bye⏎", "close"]).capture()


def many(count, lines):
    """One session after another, each of another client's port."""
    out, header = [], b""
    for number in range(count):
        made = generate.Dialogue("many")
        made.sides["C"].endpoint = generate.to_endpoint(f"10.0.{number >> 8 & 255}.5", 10000 + number)
        made.now += number * 100000
        for line in LOGIN + lines + ["close"]:
            made.line(line)
        capture = made.capture()
        header, out = capture[:24], out + [capture[24:]]
    return header + b"".join(out)


def merge_cases():
    """Every seventh case of pcaps/ and those with IPv6, of those that have the same format, as one capture."""
    out, header, start = [], None, 0
    for number, name in enumerate(generate.case_names()):
        if number % 7 and "ipv6" not in name:
            continue
        with open(os.path.join(generate.CASES, name, "in.pcap"), "rb") as file:
            capture = file.read()
        if capture[:4] != bytes.fromhex("d4c3b2a1") or generate.read_case(name).cutoff:
            continue
        if header is None:
            header = capture[:24]
        if capture[:24] != header:
            continue
        records, at = bytearray(capture[24:]), 0
        while at < len(records):
            seconds, _, length, _ = struct.unpack_from("<IIII", records, at)
            struct.pack_into("<I", records, at, seconds + start)
            at += 16 + length
        start += 2
        out.append(bytes(records))
    return header + b"".join(out)
