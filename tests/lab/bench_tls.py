#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the proxy costs: a download of 1 GB in PROT P and in clear, by curl from vsftpd, directly, through the proxy, and
through ProFTPD's mod_proxy in the same place; full handshakes a second; memory for idle TLS sessions; one process of the
proxy and two. All take turns, and the medians of five are told. doc/performance.md has figures.

Processor seconds are those of the proxy's processes. What they send and receive is carried through the stack at their
expense, up to the other end's socket.
"""

import concurrent.futures
import contextlib
import os
import socket
import ssl
import statistics
import sys
import time

import tap
from lab import Lab
from process import children, titled, wait_until
from proxy import Proxy
from servers import TlsVsftpd, is_listening, unpacked

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SIZE = int(os.environ.get("BENCH_BYTES", str(10**9)))
SESSIONS = int(os.environ.get("BENCH_SESSIONS", "1000"))
# Each of its sessions is a process.
MOD_PROXY_SESSIONS = 50
MOD_PROXY_PORT = 2222
MOD_PROXY_CLEAR_PORT = 2223
DIRECT_PORT = 2121
GREETER_PORT = 2122
DOWNLOADS = 3


class ModProxy:
    """ProFTPD with mod_proxy as a reverse proxy on the router."""

    def __init__(self, lab, certificate, target, tls_to_server=True, port=MOD_PROXY_PORT):
        self.lab, self.certificate, self.target, self.tls_to_server = lab, certificate, target, tls_to_server
        self.port = port

    def __enter__(self):
        installed = unpacked("proftpd-core")
        base = self.lab.path(f"mod_proxy-{self.port}")
        os.makedirs(f"{base}.tables", exist_ok=True)
        for name, line in (("passwd", f"ftp:x:65534:65534::{base}.tables:/bin/false\n"), ("group", "ftp:x:65534:\n")):
            with open(f"{base}.{name}", "w", encoding="ascii") as file:
                file.write(line)
            os.chmod(f"{base}.{name}", 0o600)
        with open(f"{base}.conf", "w", encoding="ascii") as file:
            file.write(f"""\
ModulePath {os.path.join(installed, "root/usr/lib/proftpd")}
LoadModule mod_tls.c
LoadModule mod_proxy.c
ServerType standalone
ServerName lab
Port {self.port}
DefaultAddress {self.lab.addresses[4].inside_router}
SocketBindTight off
UseReverseDNS off
MaxInstances none
User root
Group root
AuthOrder mod_auth_file.c
AuthUserFile {base}.passwd
AuthGroupFile {base}.group
PidFile {base}.pid
ScoreboardFile {base}.scoreboard
DelayEngine off
WtmpLog off
TransferLog none
SystemLog {base}.log
TLSEngine on
TLSECCertificateFile {self.certificate[0]}
TLSECCertificateKeyFile {self.certificate[1]}
ProxyEngine on
ProxySourceAddress {self.lab.addresses[4].outside_router}
ProxyTables {base}.tables
ProxyRole reverse
ProxyReverseServers ftp://{self.target}
ProxyTLSEngine {"on" if self.tls_to_server else "off"}
ProxyTLSVerifyServer off
""")
        root = os.path.join(installed, "root/usr/sbin/proftpd")
        self.process = self.lab.router.spawn([root, "--nodaemon", "--config", f"{base}.conf"],
                                             environment={"LD_LIBRARY_PATH": os.path.join(installed, "lib")})
        wait_until(lambda: is_listening(self.lab.router, self.port), "mod_proxy to listen")
        self.lab.router.run(["iptables", "-I", "INPUT", "-i", "inside", "-p", "tcp", "-j", "ACCEPT"])
        return self

    def __exit__(self, *exception):
        self.lab.router.run(["iptables", "-D", "INPUT", "-i", "inside", "-p", "tcp", "-j", "ACCEPT"])
        self.process.stop()


def download(lab, address, port, private):
    """Megabytes a second of one download."""
    options = ["--ssl-reqd", "--insecure"] if private else []
    result = lab.client.run(["curl", "--disable", "-sS", *options, "--ftp-method", "nocwd", "-o", "/dev/null", "-w",
                             "%{size_download} %{time_total} %{time_starttransfer}", f"ftp://{address}:{port}/pub/big"],
                            check=False, timeout=120)
    if result.returncode:
        raise RuntimeError(f"curl through port {port}: {result.stderr}")
    size, total, start = map(float, result.stdout.split())
    if size != SIZE:
        raise RuntimeError(f"{size} bytes arrived")
    return size / (total - start) / 1e6


def alternate(lab, private, places):
    """{name: (MB/s, processor seconds per GB)} of {name: (address, port, process or None)}."""
    seen = {name: [] for name in places}
    for number in range(ROUNDS):
        # The one that goes first changes from round to round.
        for name in list(places)[::-1 if number % 2 else 1]:
            address, port, pid = places[name]
            before = cpu_seconds(pid)
            speed = download(lab, address, port, private)
            wait_until(lambda: not session_children(pid), f"the sessions of {name} to end")
            seen[name].append((speed, (cpu_seconds(pid) - before) / (SIZE / 1e9)))
    return {name: tuple(map(statistics.median, zip(*values))) for name, values in seen.items()}


def throughput():
    with Lab(mode="routed", gateway_rules=False, daemon=False, offloads=True, forward_all=True) as lab:
        proxy = Proxy(lab)
        certificate = proxy.server_certificate()
        address = lab.addresses[4].server
        with TlsVsftpd(lab.server, address, lab.directory, certificate) as server, \
             TlsVsftpd(lab.server, address, lab.directory, certificate, port=DIRECT_PORT) as direct, \
             proxy, ModProxy(lab, certificate, f"{address}:21") as private_other, \
             ModProxy(lab, certificate, f"{address}:21", False, MOD_PROXY_CLEAR_PORT) as clear_other:
            for each in (server, direct):
                with open(each.path("big"), "wb") as file:
                    file.truncate(SIZE)
            for private, other in ((True, private_other), (False, clear_other)):
                seen = alternate(lab, private, {
                    "direct": (address, DIRECT_PORT, None), "ftpalg": (address, 21, proxy.pid),
                    "mod_proxy": (lab.addresses[4].inside_router, other.port, other.process.pid)})
                for name, (speed, cost) in seen.items():
                    print(f"PROT {'P' if private else 'C'}  {name:10} {speed:6.0f} MB/s  {speed / seen['direct'][0]:.2f} "
                          "of direct" + (f"  {cost:.2f} processor seconds per GB" if name != "direct" else ""), flush=True)


def handshake(lab, address, port):
    context = ssl._create_unverified_context()
    with lab.client.entered():
        connection = socket.create_connection((address, port), 30)
    greeting = connection.recv(512)
    if not greeting.startswith(b"220"):
        raise RuntimeError(f"greeted with {greeting!r}")
    connection.sendall(b"AUTH TLS\r\n")
    answer = connection.recv(512)
    if not answer.startswith(b"234"):
        raise RuntimeError(f"AUTH was answered with {answer!r}")
    return context.wrap_socket(connection)


def hammer(lab, address, port, seconds):
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        handshake(lab, address, port).close()
        count += 1
    return count


def rate(lab, address, port, seconds=5, processes=3):
    with concurrent.futures.ProcessPoolExecutor(processes) as pool:
        began = time.monotonic()
        counts = list(pool.map(hammer_in_child, [(lab.client.path, address, port, seconds)] * processes))
        return sum(counts) / (time.monotonic() - began)


class Inside:
    """What hammer needs of a lab in another process."""

    def __init__(self, path):
        self.client = self
        self.path = path

    def entered(self):
        from namespace import Namespace
        namespace = Namespace.__new__(Namespace)
        namespace.path = self.path
        return namespace.entered()


def hammer_in_child(arguments):
    path, address, port, seconds = arguments
    return hammer(Inside(path), address, port, seconds)


GREETER = r"""
import asyncio, sys
async def serve(reader, writer):
    writer.write(b"220 ready\r\n")
    try:
        while line := await reader.readline():
            writer.write(b"200 ok\r\n" if not line.startswith(b"FEAT") else b"502 no\r\n")
    except ConnectionError:
        pass
    writer.close()
async def main():
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]), backlog=1024)
    await server.serve_forever()
asyncio.run(main())
"""


def session_children(pid):
    """The processes that mod_proxy has for its sessions; the proxy has none."""
    return children(pid) if pid else []


def cpu_seconds(pid):
    """Of a process, and of its children that have ended."""
    if not pid:
        return 0
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    """Bytes, those shared with other processes divided among them."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024


def sessions():
    """Full handshakes with the client, the server in clear, so that the greeter is no limit."""
    with Lab(mode="routed", gateway_rules=False, daemon=False, offloads=True, forward_all=True) as lab:
        proxy = Proxy(lab, {"tls": "client"})
        certificate = proxy.server_certificate()
        address = lab.addresses[4].server
        lab.server.spawn([sys.executable, "-c", GREETER, address, "21"])
        wait_until(lambda: is_listening(lab.server, 21), "the greeter to listen")
        with proxy, ModProxy(lab, certificate, f"{address}:21", tls_to_server=False):
            rates = {"ftpalg": [], "mod_proxy": []}
            cost = []
            for _ in range(ROUNDS):
                before = cpu_seconds(proxy.pid)
                rates["ftpalg"].append(rate(lab, address, 21))
                cost.append((cpu_seconds(proxy.pid) - before) / (rates["ftpalg"][-1] * 5))
                rates["mod_proxy"].append(rate(lab, lab.addresses[4].inside_router, MOD_PROXY_PORT))
            medians = {name: statistics.median(values) for name, values in rates.items()}
            for name, value in medians.items():
                print(f"handshakes  {name:10} {value:8.0f} a second")
            print(f"handshakes  ftpalg is {medians['ftpalg'] / medians['mod_proxy']:.1f} times mod_proxy; "
                  f"{statistics.median(cost) * 1e6:.0f} microseconds of processor each", flush=True)



def open_sessions(lab, address, port, count):
    opened = []
    for _ in range(count):
        opened.append(handshake(lab, address, port))
        opened[-1].sendall(b"NOOP\r\n")
        opened[-1].recv(64)
    return opened


def memory():
    with Lab(mode="routed", gateway_rules=False, daemon=False, forward_all=True) as lab:
        proxy = Proxy(lab, gateway={"sessions": "4096"})
        certificate = proxy.server_certificate()
        address = lab.addresses[4].server
        lab.server.spawn([sys.executable, "-c", THREADED_GREETER, address, *certificate])
        wait_until(lambda: is_listening(lab.server, 21), "the greeter to listen")
        with TlsVsftpd(lab.server, address, lab.directory, certificate, port=DIRECT_PORT), proxy, \
             ModProxy(lab, certificate, f"{address}:{DIRECT_PORT}") as other:
            handshake(lab, address, 21).close()
            before = resident(proxy.pid)
            opened = open_sessions(lab, address, 21, SESSIONS)
            print(f"memory      ftpalg     {(resident(proxy.pid) - before) / SESSIONS / 1000:8.1f} kB for an idle session "
                  f"with TLS on both legs, of {len(opened)}", flush=True)
            opened = open_sessions(lab, lab.addresses[4].inside_router, MOD_PROXY_PORT, MOD_PROXY_SESSIONS)
            total = sum(map(resident, children(other.process.pid)))
            print(f"memory      mod_proxy  {total / len(opened) / 1000:8.1f} kB, of {len(opened)}", flush=True)


@contextlib.contextmanager
def place(number):
    """A proxy of so many processes, which has TLS with clients only, a greeter and a server behind it."""
    with Lab(mode="routed", gateway_rules=False, daemon=False, offloads=True, forward_all=True) as lab:
        proxy = Proxy(lab, {"tls": "client", "workers": str(number), "control-ports": f"21, {GREETER_PORT}"})
        address = lab.addresses[4].server
        lab.server.spawn([sys.executable, "-c", GREETER, address, str(GREETER_PORT)])
        wait_until(lambda: is_listening(lab.server, GREETER_PORT), "the greeter to listen")
        with TlsVsftpd(lab.server, address, lab.directory, proxy.server_certificate()) as server, proxy:
            with open(server.path("big"), "wb") as file:
                file.truncate(SIZE)
            pids = wait_until(lambda: len(found := titled(proxy.process.pid, "ftpalg-proxy")) == number and found, "its processes")
            yield lab, address, pids


def together(lab, address):
    """Megabytes a second of several downloads at once."""
    with concurrent.futures.ThreadPoolExecutor(DOWNLOADS) as pool:
        began = time.monotonic()
        list(pool.map(lambda _number: download(lab, address, 21, True), range(DOWNLOADS)))
        return DOWNLOADS * SIZE / (time.monotonic() - began) / 1e6


def hammered(lab, address, pids):
    """Full handshakes a second of three clients, and microseconds of processor that the proxy needs for one."""
    before = sum(map(cpu_seconds, pids))
    began = time.monotonic()
    handshakes = rate(lab, address, GREETER_PORT, seconds=3)
    return handshakes, (sum(map(cpu_seconds, pids)) - before) / (handshakes * (time.monotonic() - began)) * 1e6


def workers():
    """Full handshakes, and downloads in PROT P at once. The ratio is that of paired rounds."""
    with contextlib.ExitStack() as stack:
        places = {number: stack.enter_context(place(number)) for number in (1, 2)}
        seen = {number: [] for number in places}
        for turn in range(ROUNDS):
            for number in list(places)[::-1 if turn % 2 else 1]:
                seen[number].append((*hammered(*places[number]), together(*places[number][:2])))
        for number, values in seen.items():
            handshakes, cost, speed = map(statistics.median, zip(*values))
            ratios = [statistics.median(mine[what] / one[what] for mine, one in zip(values, seen[1])) for what in (0, 2)]
            print(f"workers     {number}: {handshakes:6.0f} handshakes a second ({ratios[0]:.2f} of one), {cost:.0f} microseconds "
                  f"of processor each; {speed:6.0f} MB/s ({ratios[1]:.2f}) of {DOWNLOADS} downloads in PROT P", flush=True)


THREADED_GREETER = r"""
import socket, ssl, sys, threading
threading.stack_size(256 * 1024)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
def serve(connection):
    try:
        connection.sendall(b"220 ready\r\n")
        connection.recv(64)
        connection.sendall(b"234 go\r\n")
        connection = context.wrap_socket(connection, server_side=True)
        while connection.recv(512):
            connection.sendall(b"200 ok\r\n")
    except OSError:
        pass
listener = socket.create_server((sys.argv[1], 21), backlog=1024)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


def main():
    tap.enter_lab()
    for part in sys.argv[1:] or ("throughput", "sessions", "memory", "workers"):
        {"throughput": throughput, "sessions": sessions, "memory": memory, "workers": workers}[part]()


if __name__ == "__main__":
    main()
