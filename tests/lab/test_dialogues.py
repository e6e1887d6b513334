#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Servers say things that no RFC has, and clients get along with it: whatever dialogue works between the two directly works
through the gateway too, and no client reaches a host that the gateway did not judge.

A scripted server plays each dialogue; usual clients fetch a file from it, once beside it and once through the router.
"""

import contextlib
import functools
import os
import socket
import sys
import threading

from lab import Lab
from process import SLOWNESS, wait_until
from tap import Plan, Skip, check, check_equal

SECONDS = 6 * SLOWNESS
CONTENT = b"what the file says\n"
PADDED = "{0:03},{1:03},{2:03},{3:03},{4:03},{5:03}"
PLAIN = "{0},{1},{2},{3},{4},{5}"

# What the server says where others say the usual: its greeting under "", else by verb. Numbers are those of its endpoint.
DIALOGUES = {
    "a usual one": {},
    "PASS is answered 202": {"PASS": "202 superfluous\r\n"},
    "PASS is answered 200": {"PASS": "200 User u logged in\r\n"},
    "text before the greeting": {"": "Authorised use only\r\n\r\n220 ready\r\n"},
    "a greeting ended by another code": {"": "220-Welcome\r\n221 ready\r\n"},
    "a tab behind the code": {"": "220\tready\r\n"},
    "227 in two lines": {"PASV": f"227-listen socket created\r\n227 ({PLAIN})\r\n"},
    "a message with a line that begins with 2271": {"TYPE": "200-\r\n2271 files are in this directory\r\n200 ok\r\n",
                                                   "CWD": "250-\r\n2271 files are in this directory\r\n250 ok\r\n"},
    "blanks behind the commas": {"PASV": f"227 Entering passive mode ({PLAIN.replace(',', ', ')}).\r\n"},
    "numbers of three digits": {"PASV": f"227 Entering Passive Mode ({PADDED}).\r\n"},
    "a number before the parenthesis": {"PASV": f"227 Passive mode 1 OK ({PLAIN})\r\n"},
    "CR CR LF": {"": "220 hi\r\r\n", "USER": "331 p\r\r\n", "PASS": "230 in\r\r\n",
                 "PASV": f"227 Entering Passive Mode ({PLAIN}).\r\r\n"},
    "227 ends with LF, and all else with CR LF": {"PASV": f"227 Entering Passive Mode ({PLAIN})\n"},
    "features end with LF, and all else with CR LF": {"FEAT": "211-Features:\n SIZE\n UTF8\n211 End\n"},
    "an unknown command is answered with LF, and all else with CR LF": {"FEAT": "500 what?\n", "EPSV": "500 what?\n"},
    "one setting is answered with LF, and all else with CR LF": {"TYPE": "200 ok\n"},
    "a size is told with LF, and all else with CR LF": {"SIZE": f"213 {len(CONTENT)}\n", "CWD": "250 ok\r\n"},
    "features ended by another code": {"FEAT": "211-Features:\r\n SIZE\r\n200 End\r\n"},
    "PASV answered by 200": {"PASV": f"200 Entering Passive Mode ({PLAIN})\r\n"},
    "EPSV answered by 227": {"EPSV": f"227 Entering Passive Mode ({PLAIN})\r\n"},
    "CR NUL in a name": {"PWD": '257 "/Icon\r\0" is it\r\n', "CWD": "250 in Icon\r\0\r\n",
                         "TYPE": "200-as Icon\r\0 is\r\n200 ok\r\n"},
}
# Tests of curl's own whose end is another through the gateway, or was: what is asked, what the server says, with which
# code curl ends directly and through the gateway, and the reason that the gateway has. doc/readers.md says why.
CURL_TESTS = {
    "116": (["-P", "1.2.3.4"], {"EPRT": "500 no\r\n", "PORT": "314 bluah\r\n"}, 30, 30, "foreign-address"),
    "237": (["--disable-epsv"], {"PASV": "227 Entering Passive Mode (1216,256,2,127,127,127)\r\n"}, 14, 13, "overflow"),
    "238": ([], {"EPSV": "229 Entering Passive Mode (|||1000000|)\r\n"}, 13, 0, "overflow"),
    "270": (["--ftp-skip-pasv-ip", "--disable-epsv"], {"PASV": "227 Entering Passive Mode (1,2,3,4,{4},{5})\r\n"}, 0, 13,
            "foreign-address"),
    "354": ([], {"USER": "200 fine, proceed without password\r\n"}, 0, 0, None),
    "1003": ([], {"CWD": f"250 {'A' * 17000}\r\n"}, 0, 56, "line-too-long"),
    "2045": ([], {"": "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n500 Weird FTP Reply\r\n"}, 8, 8, None),
}
USUAL = {"": "220 ready\r\n", "USER": "331 go on\r\n", "PASS": "230 in\r\n", "SYST": "215 UNIX Type: L8\r\n",
         "PWD": '257 "/" is it\r\n', "TYPE": "200 ok\r\n", "CWD": "250 ok\r\n", "SIZE": f"213 {len(CONTENT)}\r\n",
         "PASV": f"227 Entering Passive Mode ({PLAIN}).\r\n", "QUIT": "221 bye\r\n"}

FTPLIB = """
import ftplib, sys
class Client(ftplib.FTP):
    trust_server_pasv_ipv4_address = True
with Client(timeout=float(sys.argv[2])) as client:
    client.connect(sys.argv[1]), client.login("u", "x"), client.retrbinary("RETR f", sys.stdout.buffer.write)
"""


# After a line that ends with LF alone, lftp waits a second for more, and that is silence: in one of the dialogues it is five
# seconds.
PATIENT = 5 * SECONDS


def lftp_script(address):
    return (f"set net:max-retries 1; set net:timeout {PATIENT}; set net:persist-retries 0; set ftp:ssl-allow no;"
            f"set xfer:clobber yes; open -u u,x ftp://{address}; cat f")


CLIENTS = {
    "curl": lambda address: ["curl", "-q", "-sS", "--max-time", f"{SECONDS}", "--no-ftp-skip-pasv-ip", f"ftp://u:x@{address}/f"],
    "lftp": lambda address: ["lftp", "--norc", "-c", lftp_script(address)],
    "ftplib": lambda address: [sys.executable, "-c", FTPLIB, address, f"{SECONDS}"],
    "wget": lambda address: ["wget", "--no-config", "-q", "-t1", f"-T{SECONDS}", "-O", "-", f"ftp://u:x@{address}/f"],
    "tnftp": lambda address: ["tnftp", "-q", f"{SECONDS:.0f}", "-o", "-", f"ftp://u:x@{address}/f"],
}


class TalkingServer:
    """Says what `says` has, and sends CONTENT over the data connection that was announced last."""

    def __init__(self, namespace, address):
        self.says = {}
        self.elsewhere = None  # an endpoint to announce in place of its own
        self._address = address
        self._namespace = namespace
        with namespace.entered():
            self._listener = socket.create_server((address, 21), backlog=16)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._talk, args=(self._listener.accept()[0],), daemon=True).start()

    def _say(self, connection, verb, port=0):
        address, port = self.elsewhere or (self._address, port)
        text = self.says.get(verb, USUAL.get(verb, "500 no\r\n"))
        numbers = [*map(int, address.split(".")), port >> 8, port & 255]
        connection.sendall(text.format(*numbers).encode())

    def _talk(self, connection):
        data = None
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            self._say(connection, "")
            for line in lines:
                verb = line.split()[0].decode("latin-1").upper() if line.strip() else ""
                if verb in ("PASV", "EPSV") and verb in {**USUAL, **self.says}:
                    with self._namespace.entered():
                        data = socket.create_server((self._address, 0))
                    data.settimeout(SECONDS)
                    self._say(connection, verb, data.getsockname()[1])
                elif verb in ("RETR", "LIST") and data:
                    connection.sendall(b"150 here\r\n")
                    with data.accept()[0] as transfer:
                        transfer.sendall(CONTENT)
                    connection.sendall(b"226 done\r\n")
                elif verb:
                    self._say(connection, verb)


@contextlib.contextmanager
def talking(mode):
    with Lab(mode) as lab:
        server = TalkingServer(lab.server, lab.addresses[4].server)
        try:
            yield lab, server
        finally:
            server.close()


def fetches(namespace, command, directory):
    with contextlib.suppress(Exception):
        return CONTENT in namespace.run(["env", f"HOME={directory}", *command], check=False,
                                        timeout=2 * PATIENT).stdout.encode()
    return False


def works_as_directly(cell, dialogue, client):
    lab, server = cell
    if not any(os.access(os.path.join(path, client), os.X_OK) for path in os.get_exec_path()) and client != "ftplib":
        raise Skip(f"{client} is not installed")
    server.says = DIALOGUES[dialogue]
    if fetches(lab.server, CLIENTS[client](lab.addresses[4].server), lab.directory):
        check(fetches(lab.client, CLIENTS[client](lab.server_seen(4)), lab.directory),
              "it works directly, and not through the gateway")
    else:
        check(dialogue != "a usual one", "it can't fetch anything")


def ends_as_said(cell, test):
    lab, server = cell
    arguments, server.says, directly, through, reason = CURL_TESTS[test]
    since = lab.gateway.position()
    for namespace, address, code in ((lab.server, lab.addresses[4].server, directly),
                                     (lab.client, lab.server_seen(4), through)):
        result = namespace.run(["curl", "-q", "-sS", "--max-time", f"{SECONDS}", *arguments, f"ftp://u:x@{address}/d/f"],
                               check=False, timeout=4 * SECONDS)
        check_equal(result.returncode, code, f"how curl ended at {address}")
    if reason:
        wait_until(lambda: lab.gateway.events(since=since, reason=reason), f"an event that says {reason}")


def leads_nowhere(cell, reply, client):
    """A server would have its client connect to a service of its own network."""
    lab, server = cell
    with lab.client.entered():
        trap = socket.create_server((lab.addresses[4].client, 0))
    trap.settimeout(0.2)
    server.says = {"PASV": reply}
    server.elsewhere = trap.getsockname()
    try:
        check(not fetches(lab.client, CLIENTS[client](lab.server_seen(4)), lab.directory), "it got a file")
        with contextlib.suppress(TimeoutError):
            check_equal(trap.accept()[1], None, "who came to the trap")
    finally:
        server.elsewhere = None
        trap.close()


def main():
    plan = Plan(__doc__)
    for mode in ("routed", "dnat"):
        fixture = functools.partial(talking, mode)
        for dialogue in DIALOGUES:
            for client in CLIENTS:
                plan.add(f"A95 {dialogue}: works with {client} as it does directly, {mode}", works_as_directly, dialogue,
                         client, fixture=fixture)
        for test in CURL_TESTS:
            plan.add(f"curl's test {test} ends as doc/readers.md says, {mode}", ends_as_said, test, fixture=fixture)
        for code in ("200", "250", "227"):
            for client in CLIENTS:
                plan.add(f"A82 {code} that names another host leads {client} nowhere, {mode}", leads_nowhere,
                         code + f" Entering Passive Mode ({PLAIN})\r\n", client, fixture=fixture)
    plan.run()


if __name__ == "__main__":
    main()
