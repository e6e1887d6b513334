# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's two sockets without a gateway: answers are what a test says, and they may be anything."""

import contextlib
import datetime
import json
import os
import socket
import threading

NOW = datetime.datetime(2026, 11, 28, 14, 2, 33, tzinfo=datetime.timezone.utc)


def when(seconds_ago=0.0):
    """As the protocol writes it, from the clock that the client will read."""
    time = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds_ago)
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def status(**changed):
    told = {
        "version": 1, "program": "0.1.0", "started": when(3 * 86400 + 4 * 3600 + 60), "now": when(), "pid": 874,
        "config": {"path": "/etc/ftpalg/ftpalg.conf", "read": when(725), "error": None},
        "workers": [{"queue": 21, "up": True, "hung_seconds": 0, "packets": 48213, "waiting": 0, "dropped": 0, "p50_us": 14,
                     "p99_us": 61, "restarts": 0}],
        "proxy": {"ports": [2100], "up": True, "sessions": 3, "draining": 0,
                  "certificates": [{"section": "files", "ends": when(-61.5 * 86400)}]},
        "rules": [{"family": "ipv4", "state": "loaded", "kind": "nft", "since": when(90000), "why": "", "mend": ""},
                  {"family": "ipv6", "state": "loaded", "kind": "nft", "since": when(90000), "why": "", "mend": ""}],
        "kernel": {"release": "6.1.0-56-amd64", "carrier": True, "expectations": 31, "expectations_limit": 4096,
                   "events_lost": 0},
        "sandbox": {"user": "_ftpalg", "capabilities": ["net_admin"], "seccomp": True, "no_new_privileges": True},
        "sessions": {"open": 12, "opaque": 2, "total": 1931, "without_carrier": 0},
        "pinholes": {"open": 1, "opened": 1719, "used": 1702, "ended": 15, "unused": 2},
        "refused": {"total": 23, "reasons": {"foreign-address": 4, "not-ftp": 19},
                    "last": {"time": when(240), "client_ip": "10.0.0.23", "server_ip": "203.0.113.9",
                             "reason": "foreign-address"}},
        "transfers": {"total": 654, "complete": 652, "download_bytes": 812345678, "upload_bytes": 91012345,
                      "failed": {"never-came": 2}},
        "events": {"lost": 0}, "health": "healthy", "problems": [],
    }
    told.update(changed)
    return told


DEGRADED = {
    "rules": [{"family": "ipv4", "state": "loaded", "kind": "nft", "since": when(90000), "why": "", "mend": ""},
              {"family": "ipv6", "state": "missing", "kind": "nft", "since": when(22),
               "why": "table inet ftpalg was deleted by another program", "mend": "systemctl restart ftpalg-rules"}],
    "health": "degraded",
    "problems": [{"what": "IPv6 control connections pass uninspected",
                  "mend": "systemctl restart ftpalg-rules (firewalld was reloaded at the same second)"}],
}


def session(number, client, server, user, state, **more):
    told = {"session": f"69297a{number:06x}", "client_ip": client, "client_port": 40000 + number % 1000, "client_nat_ip": "198.51.100.1",
            "client_nat_port": 40000 + number % 1000, "server_ip": server, "server_port": 21, "server_nat_ip": server,
            "server_nat_port": 21, "user": user, "state": state, "verb": "", "path": "", "direction": "down", "bytes": 0,
            "total": None, "rate": 0, "refusals": 0, "rule": "office", "opened": when(720), "idle": 0, "tls": False}
    told.update(more)
    return told


def sessions():
    return [
        session(0x8f2c01, "10.0.0.5", "203.0.113.9", "anna", "transfer", verb="RETR", path="/pub/images/big.iso",
                bytes=4190000000, total=4702019584, rate=61200000),
        session(0x8f2c04, "10.0.0.7", "203.0.113.9", "build", "transfer", verb="STOR", path="site.tgz", direction="up",
                bytes=12100000, rate=1100000, opened=when(7300)),
        session(0x8f2c05, "10.0.0.7", "203.0.113.9", "build", "idle", idle=3, opened=when(7300)),
        session(0x8f2c07, "10.0.0.9", "198.51.100.4", "", "opaque", tls=True, rule="policy", opened=when(40)),
        session(0x8f2c08, "10.0.0.23", "203.0.113.9", "scan", "refused", refusals=3, rule="policy", opened=when(5)),
        session(0x8f2c09, "2001:db8:1:2:3:4:5:6", "2001:db8::9", "m\u00fcller", "idle", idle=100, rule="policy", opened=when(5)),
    ]


def pinholes():
    return [
        {"session": "69297a8f2c11", "form": "PORT", "from": "203.0.113.9", "to": "198.51.100.1:50069",
         "goes_to": "10.0.0.5:50069", "opened": when(8), "until": when(-52.5), "rule": "office"},
        {"session": "69297a8f2c04", "form": "229", "from": "10.0.0.7", "to": "203.0.113.9:40122",
         "goes_to": "203.0.113.9:40122", "opened": when(0.5), "until": when(-59.5), "rule": "office"},
    ]


def transfer(ago, path, size, seconds, outcome, **more):
    told = {"time": when(ago), "session": "69297a8f2c11", "client_ip": "10.0.0.5", "client_port": 42736, "server_ip": "203.0.113.9",
            "server_port": 21, "user": "anna", "direction": "down", "verb": "RETR", "path": path, "mode": "active", "bytes": size,
            "seconds": seconds, "outcome": outcome, "by": None, "code": 226, "tls": False}
    told.update(more)
    return told


def transfers():
    return [
        transfer(90000, "/pub/a.bin", 20000003, 0.4, "complete"),
        transfer(50, "/pub/b.iso", 10305536, 1.5, "aborted", by="client", code=426),
        transfer(40, "a.bin", 0, 1.1, "filtered-here", code=425),
        transfer(30, "", 1234, 0.01, "complete", verb="LIST", direction="list"),
        transfer(20, "/incoming/with a blank \\x1b[2J.tgz", None, 75, "no-answer", code=0, direction="up", verb="STOR"),
    ]


def decisions():
    def line(ago, kind, text, advice=None):
        return {"time": when(ago), "session": "69297a8f2c11", "kind": kind, "text": text, "advice": advice}
    return [
        line(100, "open", "10.0.0.5:42736 -> 203.0.113.9:21 (seen as 198.51.100.1)   user anna   rule office"),
        line(2.204, "line", "C> PORT 10,0,0,5,195,149"),
        line(2.203, "rewrite", "left as PORT 198,51,100,1,195,149"),
        line(2.202, "pinhole", "203.0.113.9 -> 198.51.100.1:50069, until 14:03:31"),
        line(2.1, "line", "C> RETR a.bin"),
        line(2, "data", "203.0.113.9:20 came to the pinhole, and this host's own filter dropped it"),
        line(1, "line", "S> 425 Can't open data connection"),
        line(0, "verdict", "THIS HOST'S OWN FILTER dropped the data connection: the kernel saw the connection expected, and no rule"
             " accepted it.", "Put what \"ftpalg rules nft --forward\" prints in front of the drop in your chain"
             " \"inet filter forward\"."),
    ]


def lines(objects):
    """An answer: JSON lines, and an empty one."""
    return "".join(json.dumps(item) + "\n" for item in objects) + "\n"


class Fake:
    """Listens at path. answer(words, connection) returns text or bytes to send, or None to close without a word."""

    def __init__(self, path, answer):
        self.path, self.answer, self.requests, self._connections = str(path), answer, [], []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                for request in connection.makefile("r", encoding="utf-8", errors="replace"):
                    words = request.split()
                    self.requests.append(words)
                    answer = self.answer(words, connection)
                    if answer is None:
                        return
                    connection.sendall(answer if isinstance(answer, bytes) else answer.encode())
        except (BrokenPipeError, ConnectionResetError):
            pass

    def close(self):
        # A thread that waits in accept() would keep what is only closed.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if os.path.exists(self.path):
            os.unlink(self.path)


def gateway(words, connection):
    """What a gateway in good health says."""
    del connection
    told = {"status": [status()], "sessions": sessions(), "pinholes": pinholes(), "transfers": transfers(), "why": decisions(),
            "reload": [{"done": True, "said": "the configuration is in force"}],
            "reopen": [{"done": True, "said": "the files of events are open again"}],
            "kill": [{"done": True, "said": "the session has been reset"}]}
    if words[0] == "metrics":
        return "# TYPE ftpalg_sessions gauge\nftpalg_sessions 12\n# EOF\n\n"
    if words[0] not in told:
        return lines([{"error": f"there is no command {words[0]}", "code": "unknown"}])
    return lines(told[words[0]])


def frame(**changed):
    """What watch tells each second."""
    news = [{"time": when(2), "session": "69297a8f2c08", "kind": "refuse", "client_ip": "10.0.0.23",
             "text": "C> PORT 10,0,0,99,0,25 refused: foreign-address", "advice": None},
            {"time": when(1), "session": "69297a8f2c01", "kind": "line", "client_ip": "10.0.0.5", "text": "C> RETR big.iso",
             "advice": None}]
    return {"status": status(), "sessions": sessions(), "decisions": news, **changed}
