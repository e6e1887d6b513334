# SPDX-License-Identifier: GPL-3.0-or-later
"""
What clients read in the answer to a PASV: the first table of doc/readers.md as functions; and in the answer to an EPSV: the
second. read(reply) takes the lines of a reply and returns the endpoint that the client would connect to, as text, or None
where it connects to nobody. A client that leaves the reply's address aside connects to PEER, the server as it knows it.

To add one: its row in doc/readers.md, its function and its line in CLIENTS or EPSV_CLIENTS.
"""

import re
from dataclasses import dataclass
from typing import Callable

from ends import (at_any_code, at_any_code_behind_hyphen, at_any_code_once_open, at_any_digit, at_code_of_bsd,
                  at_code_without_hyphen, at_digit, at_first_code_without_hyphen, at_number, at_same_code, at_strict_code,
                  has_code, number_at)

PEER = "peer"

TUPLE = rb"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)"
NUMBER = rb"[ \t\v\f]*([+-]?\d+)"
SCANNED = re.compile(b",".join([NUMBER] * 6))
NUMBER_OF_ANY_BASE = rb"[ \t\v\f]*([+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*))"
SCANNED_IN_ANY_BASE = re.compile(b",".join([NUMBER_OF_ANY_BASE] * 6))


def port_of(high, low):
    return (high * 256 + low) & 0xffff


def endpoint(numbers, wrap=True):
    """Six numbers; where they wrap, the client keeps each in an octet."""
    octets = [number & 255 if wrap else number for number in numbers]
    return f"{'.'.join(map(str, octets[:4]))}:{port_of(*octets[4:])}"


def scan(text):
    """sscanf() of six numbers with commas between them, at the start of text."""
    match = SCANNED.match(text)
    return [int(number) for number in match.groups()] if match else None


def scan_everywhere(text):
    return next((numbers for numbers in (scan(text[i:]) for i in range(len(text))) if numbers), None)


def search(text):
    match = re.search(TUPLE, text)
    return [int(number) for number in match.groups()] if match else None


def from_first_digit(text):
    match = re.search(rb"\d", text)
    return text[match.start():] if match else b""


def endpoint_or_none(numbers, wrap=True):
    return endpoint(numbers, wrap) if numbers else None


def read_wget(reply):
    """From the first digit on: digits, then a comma, five times. No digits are a zero."""
    if reply[-1][:1] != b"2":
        return None
    text = from_first_digit(reply[-1][4:])
    match = re.match(rb",".join([rb"(\d*)"] * 6), text) if text else None
    return endpoint([int(number or b"0") for number in match.groups()]) if match else None


def read_lftp(reply):
    return endpoint_or_none(scan_everywhere(reply[-1][4:])) if reply[-1][:1] == b"2" else None


def read_old_curl(reply):
    return endpoint_or_none(scan_everywhere(reply[-1])) if reply[-1][:3] == b"227" else None


def read_curl(reply):
    """Numbers above 255 are none, and the address is the peer's."""
    if reply[-1][:3] != b"227":
        return None
    for i in range(4, len(reply[-1])):
        match = re.match(TUPLE, reply[-1][i:])
        numbers = [int(number) for number in match.groups()] if match else []
        if numbers and max(numbers) < 256:
            return f"{PEER}:{port_of(*numbers[4:])}"
    return None


def read_ftplib(reply):
    return endpoint_or_none(search(b"\n".join(reply)), wrap=False) if reply[0][:3] == b"227" else None


def read_net_ftp(reply):
    coded = [line for line in reply if has_code(line)]
    return endpoint_or_none(search(b"\n".join(reply)), wrap=False) if coded and coded[-1][:1] == b"2" else None


def read_winscp(reply):
    """FileZilla 2 and WinSCP: the last two of what commas part are the port, and what stands before is the host."""
    line = reply[-1]
    if line[:1] not in (b"2", b"3"):
        return None
    left, right = line.find(b"("), line.find(b")")
    text = line[left + 1:max(left + 1, right)] if left >= 0 and right >= 0 else from_first_digit(line[4:])
    host, *port = text.rsplit(b",", 2)
    host = host.strip()
    if len(port) != 2 or not re.fullmatch(rb"[\w.,-]+", host) or re.fullmatch(rb"\d{1,3}", host):
        return None
    numbers = [re.match(rb"\s*([+-]?\d+)", part) for part in port]
    high, low = (int(number.group(1)) if number else 0 for number in numbers)
    return f"{host.replace(b',', b'.').decode('latin-1')}:{high * 256 + low}"


def read_basic_ftp(reply):
    match = re.search(rb"([-\d]+,[-\d]+,[-\d]+,[-\d]+),([-\d]+),([-\d]+)", b"\n".join(reply))
    if reply[-1][:1] not in (b"2", b"3") or not match or b"-" in match.group(1):
        return None
    try:
        port = (int(match.group(2)) & 255) * 256 + (int(match.group(3)) & 255)
    except ValueError:
        return None
    return f"{match.group(1).decode().replace(',', '.')}:{port}"


def read_axel(reply):
    """scanf() with %i, tried at every byte: octal and hexadecimal numbers too."""
    if reply[-1][:1] != b"2":
        return None
    matches = (SCANNED_IN_ANY_BASE.match(reply[-1][i:]) for i in range(len(reply[-1])))
    match = next((match for match in matches if match), None)
    if not match:
        return None
    return endpoint([int(text, 8 if re.fullmatch(rb"[+-]?0\d+", text) else 0) for text in match.groups()], wrap=False)


def read_libfetch(reply):
    """strtoul() six times, and one byte skipped behind each; what is no number is 0."""
    text = from_first_digit(reply[-1][3:]) if reply[-1][:3] == b"227" else b""
    numbers = []
    while text and len(numbers) < 6:
        match = re.match(rb"[ \t]*([+-]?\d+)", text)
        numbers.append(int(match.group(1)) if match else 0)
        text = text[(match.end() if match else 0) + 1:]
    return endpoint(numbers) if len(numbers) == 6 else None


def read_twisted(reply):
    if reply[-1][:1] not in (b"2", b"3"):
        return None
    try:
        numbers = [int(part) for part in re.sub(rb"[^0-9, ]", b"", reply[-1][4:]).split(b",")]
    except ValueError:
        return None
    return endpoint(numbers) if len(numbers) == 6 and max(numbers) < 256 else None


def read_aioftp(reply):
    """int() takes digits of every alphabet."""
    found = re.search(r"\(([^)]*)", reply[-1].decode("utf-8", "replace"))
    if reply[-1][:3] != b"227" or not found:
        return None
    try:
        numbers = [int(part) for part in found.group(1).split(",")]
        return f"{'.'.join(map(str, numbers[:4]))}:{numbers[4] << 8 | numbers[5]}"
    except (ValueError, IndexError):
        return None


def read_script(reply):
    """Any code; the first four words between the parentheses are the host, whatever they are."""
    try:
        words = b"\n".join(reply).decode("latin-1").split("(")[1].split(")")[0].split(",")
        host, port = ".".join(words[:4]).strip(), port_of(int(words[4]), int(words[5]))
    except (ValueError, IndexError):
        return None
    return f"{host}:{port}" if re.fullmatch(r"[\w.-]+", host) else None


def read_ncftp(reply):
    return endpoint_or_none(scan(from_first_digit(reply[0][4:]))) if reply[0][:1] == b"2" else None


def read_openbsd(reply):
    match = re.search(rb"\(([^)]*)\)", reply[-1])
    return endpoint_or_none(scan(match.group(1))) if reply[-1][:1] == b"2" and match else None


def read_php(reply):
    return endpoint_or_none(scan(from_first_digit(reply[-1][4:]))) if reply[-1][:3] == b"227" else None


def read_busybox(reply):
    """The last two numbers before the last ")" are the port, and the address is the peer's."""
    if reply[-1][:3] != b"227":
        return None
    text = reply[-1].rpartition(b")")[0] or reply[-1]
    _, *port = text.rsplit(b",", 2)
    if len(port) != 2 or not all(re.fullmatch(rb"\d+", number) and int(number) < 256 for number in port):
        return None
    return f"{PEER}:{port_of(int(port[0]), int(port[1]))}"


def read_filezilla(reply):
    match = re.search(rb"( |\()(\d{1,3}(?:,\d{1,3}){5})( |\)|$)", reply[-1])
    if reply[-1][:1] not in (b"2", b"3") or not match:
        return None
    return endpoint([int(number) for number in match.group(2).split(b",")], wrap=False)


def read_jlaffaye(reply):
    """Between the first "(" and the last ")"; the first four words are the host, and strconv.Atoi() reads the port."""
    text = b"\n".join(reply)
    words = text[text.find(b"(") + 1:text.rfind(b")")].split(b",")
    if reply[0][:3] != b"227" or b"(" not in text or b")" not in text or len(words) < 6:
        return None
    host, port = b".".join(words[:4]), words[4:6]
    if not re.fullmatch(rb"[\w.-]+", host) or not all(re.fullmatch(rb"[+-]?\d+", number) for number in port):
        return None
    return f"{host.decode()}:{int(port[0]) * 256 + int(port[1])}"


class Stateless:
    """Who reads a reply by itself."""

    def __init__(self, read):
        self.read = read

    def hear(self, reply):
        """Any other reply leaves nothing behind."""


class Bsd:
    """BSD ftp, tnftp, inetutils: numbers are kept when a reply has a line that begins with 227, whatever it answers."""

    def __init__(self):
        self.kept = b""

    def hear(self, reply):
        begun = False
        for line in reply:
            begun = begun or line[:3] == b"227"
            text = from_first_digit(line[4:]) if begun else b""
            if text:
                self.kept = text.partition(b")")[0]
                return

    def read(self, reply):
        self.hear(reply)
        code = reply[-1][:3]
        if code[:1] != b"2" or (code[:2] == b"22" and code != b"227"):
            return None
        return endpoint_or_none(scan(self.kept))


@dataclass(frozen=True)
class Client:
    name: str
    ends: Callable  # of ends.py: how many of the lines are the next reply
    begin: Callable  # what reads the replies of one dialogue


def client(name, ends, read):
    return Client(name, ends, lambda: Stateless(read))


CLIENTS = (
    client("GNU wget", at_any_code, read_wget),
    client("lftp", at_any_code_once_open, read_lftp),
    client("curl before 7.85", at_any_code, read_old_curl),
    client("curl", at_same_code, read_curl),
    client("Python ftplib", at_first_code_without_hyphen, read_ftplib),
    client("Perl Net::FTP", at_code_without_hyphen, read_net_ftp),
    Client("BSD ftp", at_code_of_bsd, Bsd),
    client("OpenBSD's small ftp", at_code_of_bsd, read_openbsd),
    client("NcFTP", at_same_code, read_ncftp),
    client("Apache commons-net", at_digit, read_ftplib),
    client("basic-ftp", at_same_code, read_basic_ftp),
    client("WinSCP", at_same_code, read_winscp),
    client("axel", at_any_code, read_axel),
    client("libfetch", at_any_code_behind_hyphen, read_libfetch),
    client("Twisted", at_same_code, read_twisted),
    client("aioftp", at_same_code, read_aioftp),
    client("PHP", at_any_code, read_php),
    client("busybox", at_any_digit, read_busybox),
    client("FileZilla", at_same_code, read_filezilla),
    client("jlaffaye/ftp", at_same_code, read_jlaffaye),
    client("a script that cuts at commas", at_same_code, read_script),
)


def at_peer(port, wrap=True):
    """Who keeps the port in sixteen bits wraps it; to others a larger one is none."""
    port = port & 0xffff if wrap and port is not None else port
    return f"{PEER}:{port}" if port is not None and 0 < port < 0x10000 else None


def epsv_wget(reply):
    """Behind the first parenthesis; whatever byte is there is the delimiter."""
    match = re.match(rb"[^(]*\((.)\1\1(\d*)\1", reply[-1], re.DOTALL)
    return at_peer(int(match.group(2) or b"0")) if reply[-1][:1] == b"2" and match else None


def epsv_lftp(reply):
    """Where there is no parenthesis, behind the code. Scanf takes the byte three times, and a blank one for any blanks."""
    text = reply[-1].partition(b"(")[2] if b"(" in reply[-1] else reply[-1][4:]
    if reply[-1][:1] != b"2" or not text or text[:1] == b"%":
        return None
    if text[:1].isspace():
        return at_peer(number_at(text))
    return at_peer(number_at(text[3:])) if text[:3] == text[:1] * 3 else None


def epsv_curl(reply):
    match = re.match(rb"[^(]*\((.)\1\1\s*([+-]?\d+)\1", reply[-1][4:], re.DOTALL)
    return at_peer(int(match.group(2)), wrap=False) if reply[-1][:3] == b"229" and match else None


def epsv_ftplib(reply):
    """Between the first parentheses, cut at the first byte there into five."""
    inner = re.search(rb"\((.[^)]*)\)", b"\n".join(reply), re.DOTALL)
    if reply[0][:3] != b"229" or not inner or inner.group(1)[:1] != inner.group(1)[-1:]:
        return None
    words = inner.group(1).split(inner.group(1)[:1])
    try:
        return at_peer(int(words[3])) if len(words) == 5 else None
    except ValueError:
        return None


def epsv_net_ftp(reply):
    """Lines without a code are a part of the reply that comes after them."""
    coded = [line for line in reply if has_code(line)]
    text = b"\n".join(line[4:] if has_code(line) else line for line in reply)
    match = re.search(rb"\(([\x33-\x7e])\1\1(\d+)\1\)", text)
    return at_peer(int(match.group(2))) if coded and coded[-1][:1] == b"2" and match else None


def epsv_commons_net(reply):
    text = b"\n".join(reply)
    inner = text[text.find(b"(") + 1:max(text.find(b")"), 0)].strip()
    if reply[0][:3] != b"229" or len(inner) < 4 or not inner[:3] == inner[:1] * 3 or inner[-1:] != inner[:1]:
        return None
    return at_peer(int(inner[3:-1]), wrap=False) if re.fullmatch(rb"[+-]?\d+", inner[3:-1]) else None


def epsv_jlaffaye(reply):
    """Between the first three bars and the last bar."""
    text = b"\n".join(reply)
    start, end = text.find(b"|||"), text.rfind(b"|")
    number = text[start + 3:end]
    if reply[0][:3] != b"229" or start < 0 or not re.fullmatch(rb"[+-]?\d+", number):
        return None
    return at_peer(int(number), wrap=False)


def epsv_basic_ftp(reply):
    match = re.search(rb"[|!]{3}(.+)[|!]", b"\n".join(reply))
    return at_peer(number_at(match.group(1)), wrap=False) if reply[-1][:1] in (b"1", b"2", b"3") and match else None


def epsv_filezilla(reply):
    match = re.match(rb".*?\(\|\|\|(\d+)\|\)", reply[-1])
    return at_peer(int(match.group(1))) if reply[-1][:1] in (b"2", b"3") and match else None


def epsv_busybox(reply):
    """Between the last two bars."""
    words = reply[-1].rsplit(b"|", 2)
    right = reply[-1][:3] == b"229" and len(words) == 3 and words[1].isdigit()
    return at_peer(int(words[1]), wrap=False) if right else None


def epsv_mc(reply):
    """Three bytes behind the first bar."""
    code, behind = number_at(reply[-1]), reply[-1].partition(b"|")[2][2:]
    return at_peer(number_at(behind), wrap=False) if code is not None and 200 <= code < 300 and behind else None


def epsv_gvfs(reply):
    """The first line; three bytes behind the last parenthesis."""
    if not re.match(rb"2\d\d[ -]", reply[0]) or b"(" not in reply[0]:
        return None
    return at_peer(number_at(reply[0].rpartition(b"(")[2][3:]))


def epsv_dotnet(reply):
    """The fourth word between the last "(" and the last ")", cut at bars."""
    text = b"\n".join(reply)
    words = text[text.rfind(b"(") + 1:max(text.rfind(b")"), 0)].split(b"|")
    if not re.match(rb"2\d\d[ -]", reply[0]) or b"(" not in text or len(words) < 4:
        return None
    return at_peer(int(words[3]), wrap=False) if re.fullmatch(rb"\s*[+-]?\d+\s*", words[3]) else None


def epsv_ruby(reply):
    match = re.search(rb"\(([!-~])\1\1(\d+)\1\)", b"\n".join(reply))
    return at_peer(int(match.group(2)), wrap=False) if reply[0][:3] == b"229" and match else None


def epsv_php(reply):
    """Behind the third of the byte that follows the first parenthesis, whatever stands between them."""
    text = reply[-1][4:].partition(b"(")[2]
    words = text.split(text[:1], 3) if text else []
    return at_peer(number_at(words[3])) if reply[-1][:3] == b"229" and len(words) == 4 else None


def epsv_script(reply):
    match = re.search(rb"\|\|\|(\d+)\|", b"\n".join(reply))
    return at_peer(int(match.group(1)), wrap=False) if match else None


class Tnftp:
    """What stands in parentheses is kept when a reply has a line that begins with 229, whatever it answers."""

    def __init__(self):
        self.kept = b""

    def hear(self, reply):
        kind = b""
        for line in reply:
            kind = kind or (line[:3] if line[:3] in (b"227", b"228", b"229") else b"")
            text = line[3:].partition(b"(")[2] if kind == b"229" else from_first_digit(line[4:]) if kind else b""
            if text:
                self.kept = text.partition(b")")[0]
                return

    def read(self, reply):
        self.hear(reply)
        code = reply[-1][:3]
        if code[:1] != b"2" or (code[:2] == b"22" and code != b"229"):
            return None
        match = re.match(rb"(.)\1\1\s*([+-]?\d+)\1", self.kept, re.DOTALL)
        return at_peer(int(match.group(2))) if match else None


EPSV_CLIENTS = (
    client("GNU wget", at_any_code, epsv_wget),
    client("lftp", at_any_code_once_open, epsv_lftp),
    client("curl before 7.85", at_any_code, epsv_curl),
    client("curl", at_same_code, epsv_curl),
    client("Python ftplib", at_first_code_without_hyphen, epsv_ftplib),
    client("Perl Net::FTP", at_code_without_hyphen, epsv_net_ftp),
    Client("tnftp", at_code_of_bsd, Tnftp),
    client("Apache commons-net", at_digit, epsv_commons_net),
    client("jlaffaye/ftp", at_same_code, epsv_jlaffaye),
    client("basic-ftp", at_same_code, epsv_basic_ftp),
    client("FileZilla", at_same_code, epsv_filezilla),
    client("busybox", at_any_digit, epsv_busybox),
    client("Midnight Commander", at_number, epsv_mc),
    client("GVfs", at_strict_code, epsv_gvfs),
    client(".NET", at_strict_code, epsv_dotnet),
    client("Ruby", at_first_code_without_hyphen, epsv_ruby),
    client("PHP", at_any_code, epsv_php),
    client("a script that looks for bars", at_same_code, epsv_script),
)
