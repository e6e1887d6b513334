#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A86: whoever reads events and messages can stop, go away or run out of room, and no control connection notices; what was
lost is told. No peer can have as many lines as it likes. Signals and configurations of any kind, at any time, end nothing
that runs. The gateway and the proxy both.
"""

import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import threading
import time

from gateway import READY, Gateway, binary
from lab import Lab
from process import SLOWNESS, Stopwatch, titled, wait_until
from proxy import Proxy
from scripted import ScriptedClient, ScriptedServer
from tap import Plan, check, check_equal, check_in_time

NONSENSE_LINES, NONSENSE_LINES_A_SECOND = 100, 10 / 60  # ftpalg(8), EVENTS
TRANSFERS = 20480         # as many events, and more than the queue has room for
LUMP = 16


class Service:
    """A service whose standard output and error are where a test wants them, and not in a file."""

    def __init__(self, lab, configuration, command="run", stdout=None, stderr=None, journal=False):
        self.log = lab.path(f"{command}-{time.monotonic_ns()}.log")
        with open(self.log, "wb") as log:
            status = os.fstat(log.fileno())
            environment = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + (not journal)}"}
            self.process = subprocess.Popen(lab.router.command([binary(), command, "-c", configuration]),
                                            stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=stderr or log,
                                            env=environment)

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        with open(self.log, encoding="utf-8", errors="backslashreplace") as log:
            return log.read()

    def wait_ready(self, times=1):
        wait_until(lambda: self.output().count(READY) >= times or not self.running(), "the service to be ready")
        check(self.running(), f"the service has ended: {self.output()}")

    def running(self):
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.running():
            self.process.terminate()
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "none: it had to be killed"
        if exception[0] is None:
            check_equal(status, 0, f"the exit status of the service, which wrote {self.output()[-2000:]!r}")


class Packets:
    """The gateway in the queue."""

    command = "run"

    def __init__(self, events, **settings):
        self.events, self.settings = events, settings

    @contextlib.contextmanager
    def lab(self):
        with Lab(mode="snat", daemon=False) as lab:
            gateway = Gateway(lab.router, lab.directory, "events", {"gateway": {"events": self.events(lab), **self.settings}})
            yield lab, gateway.configuration

    @staticmethod
    def workers(service):
        # Others have their names a little later, or are there for a moment.
        return [*titled(service.pid, "ftpalg-worker"), *titled(service.pid, "ftpalg-broker")]


class Relays(Packets):
    """The proxy by itself."""

    command = "proxy"

    @contextlib.contextmanager
    def lab(self):
        with Lab(mode="routed", gateway_rules=False, daemon=False) as lab:
            proxy = Proxy(lab, gateway={"events": self.events(lab), **self.settings}, options={"tls": "client"})
            proxy.load_proxy_rules()
            yield lab, proxy.configuration

    @staticmethod
    def workers(service):
        return titled(service.pid, "ftpalg-proxy")


def standard_output(_lab):
    return "-"


def named_pipe(lab):
    path = lab.path("fifo")
    os.mkfifo(path)
    os.chmod(path, 0o666)
    return path


@contextlib.contextmanager
def session(lab, handlers=None):
    with ScriptedServer(lab.server, lab.addresses[4].server, handlers=handlers) as server, \
            ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        yield client, server


def ask_over_and_over(client, count):
    """Each is an event of a transfer that failed, and both peers agree to it."""
    for _ in range(count // LUMP):
        client.send((b"RETR " + b"p" * 200 + b"\r\n") * LUMP)
        for _ in range(LUMP):
            client.expect("550")


def many_events(lab):
    """More than the queue has room for, of as many sessions as that takes."""
    with ScriptedServer(lab.server, lab.addresses[4].server, handlers={"RETR": lambda _argument: b"550 no\r\n"}), \
            contextlib.ExitStack() as stack:
        clients = [stack.enter_context(ScriptedClient(lab.client, lab.server_seen(4))) for _ in range(4)]
        for client in clients:
            client.login()
        threads = [threading.Thread(target=ask_over_and_over, args=(client, TRANSFERS // len(clients)))
                   for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def client_works(lab):
    """In a tenth of the time that a watchdog would take."""
    with Stopwatch() as watch, session(lab) as (client, _):
        client.command(b"NOOP", "200")
        line = b"PORT 10,1,1,1,0,25"
        check(not client.command(line).startswith(b"2"), "a bounce was not refused")
    check_in_time(watch.seconds(), 1 * SLOWNESS, "a session")


class Reader:
    """Reads what there is, and keeps whole lines, each of which must be JSON."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        os.set_blocking(descriptor, False)
        self.rest = b""
        self.events = []

    def read(self):
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.descriptor, 65536):
                *lines, self.rest = (self.rest + data).split(b"\n")
                self.events += [json.loads(line) for line in lines]
        return self.events

    def wait_for(self, name):
        return wait_until(lambda: [event for event in self.read() if event["event"] == name], f"event {name}")


def stands_for(events):
    return sum(event.get("count", 1) for event in events)


def reader_stops(kind):
    """A pipe that is read by nobody; then by somebody."""
    with kind.lab() as (lab, configuration):
        if kind.events is standard_output:
            ends = os.pipe()
        else:
            ends = (os.open(lab.path("fifo"), os.O_RDONLY | os.O_NONBLOCK), os.open(os.devnull, os.O_WRONLY))
        with Service(lab, configuration, kind.command, stdout=ends[1]) as service:
            os.close(ends[1])
            service.wait_ready()
            pids = kind.workers(service)
            many_events(lab)
            for _ in range(3):
                client_works(lab)
            check_equal(kind.workers(service), pids, "the processes")
            reader = Reader(ends[0])
            lost = reader.wait_for("events-lost")
            check(sum(event["count"] for event in lost) > 100, f"lost: {lost}")
            before = len(reader.read())
            client_works(lab)
            wait_until(lambda: len(reader.read()) > before, "events after the gap")
            transfers = [event for event in reader.events if event["event"] in ("transfer", "events-lost")]
            check(stands_for(transfers) >= TRANSFERS, f"{stands_for(transfers)} of {TRANSFERS} are accounted for")
            wait_until(lambda: "events are lost" in service.output(), "a message that tells of it")
        os.close(ends[0])


def reader_goes(kind):
    """Its pipe is closed: SIGPIPE and EPIPE."""
    with kind.lab() as (lab, configuration):
        ends = os.pipe()
        with Service(lab, configuration, kind.command, stdout=ends[1]) as service:
            os.close(ends[1])
            service.wait_ready()
            pids = kind.workers(service)
            client_works(lab)
            os.close(ends[0])
            for _ in range(3):
                client_works(lab)
            time.sleep(1.5)
            client_works(lab)
            check_equal(kind.workers(service), pids, "the processes")


def named_pipe_has_many_readers(lab_of):
    """None at first, then one that goes away, then another."""
    with lab_of.lab() as (lab, configuration), Service(lab, configuration, lab_of.command) as service:
        service.wait_ready()
        client_works(lab)
        for _ in range(2):
            descriptor = os.open(lab.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
            check(Reader(descriptor).wait_for("login"), "no events")
            os.close(descriptor)
            client_works(lab)


def disk_is_full(kind):
    """Events stop, sessions don't; with room again, what is missing is told and no line is torn."""
    with kind.lab() as (lab, configuration):
        directory = lab.path("disk")
        path = os.path.join(directory, "events")
        try:
            with Service(lab, configuration, kind.command) as service:
                service.wait_ready()
                many_events(lab)
                client_works(lab)
                wait_until(lambda: os.path.getsize(path) == 65536, "a full disk")
                wait_until(lambda: "No space left" in service.output(), "a message that tells of it")
                with open(path, "rb") as file:
                    first = file.read()
                subprocess.run(["mount", "-o", "remount,size=64M", directory], check=True)

                def events():
                    with open(path, "rb") as file:
                        return [json.loads(line) for line in file.read().split(b"\n")[:-1]]
                wait_until(lambda: any(event["event"] == "events-lost" for event in events()), "what was lost")
                with open(path, "rb") as file:
                    check_equal(file.read(len(first)), first, "the beginning of the file")
                client_works(lab)
        finally:
            subprocess.run(["umount", "-l", directory], check=True)


def small_disk(lab):
    directory = lab.path("disk")
    os.mkdir(directory)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory], check=True)
    return os.path.join(directory, "events")


def full_pipe():
    """A pipe in which there is no room for a byte."""
    ends = os.pipe()
    os.set_blocking(ends[1], False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(ends[1], bytes(4096))
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(ends[1], b"\0")
    os.set_blocking(ends[1], True)
    return ends


def messages_are_not_read(kind):
    """Standard error is a pipe that nobody reads, full before the service starts. Its supervisor does its duty too."""
    with kind.lab() as (lab, configuration):
        ends = full_pipe()
        with Service(lab, configuration, kind.command, stderr=ends[1]) as service:
            wait_until(lambda: works(lab), "a session that is inspected", 20)
            with open(configuration, "a", encoding="ascii") as file:
                file.write("".join(f"[nonsense{number}]\n" for number in range(100)))
            for _ in range(30):
                os.kill(service.pid, signal.SIGHUP)
                time.sleep(0.02)
            client_works(lab)
            if kind.command == "run":
                worker = kind.workers(service)[0]
                os.kill(worker, signal.SIGKILL)
                wait_until(lambda: titled(service.pid, "ftpalg-worker") not in ([], [worker]), "the next worker")
                wait_until(lambda: works(lab), "a session with the next worker", 20)
        os.close(ends[0])
        os.close(ends[1])


def works(lab):
    try:
        client_works(lab)
        return True
    except (OSError, AssertionError):
        return False


def refusals_are_sentences(journal, settings, expected):
    """What nobody configured events for is told in the log, a few times; with a priority where that is the journal."""
    with Lab(mode="snat", daemon=False) as lab:
        gateway = Gateway(lab.router, lab.directory, "sentences", {"gateway": {"events": "none", **settings}})
        addresses = lab.addresses[4]
        with Service(lab, gateway.configuration, journal=journal) as service, \
                ScriptedServer(lab.server, addresses.server), ScriptedClient(lab.client, addresses.server) as client:
            service.wait_ready()
            client.login()
            for _ in range(20):
                client.command(b"PORT 10,9,9,9,200,10", "5")
            client.command(b"NOOP", "200")
        said = re.findall(r"^(.*)ftpalg: warning: refused, client (\S+) to server (\S+): the offer names a host .*"
                          r"\(foreign-address, session [0-9a-f]+, rule policy\): \"PORT 10,9,9,9,200,10\"$", service.output(),
                          re.MULTILINE)
        ends = (f"{client.address}:{client.local_port}", f"{addresses.server}:21")
        check_equal(said, expected and [("<4>" if journal else "", *ends)] * expected, "what the log says of 20 refusals")
        check(not expected or service.output().startswith("<5>ftpalg: " if journal else "ftpalg: "),
              f"the first line is {service.output()[:80]!r}")


def file_of_events(lab):
    return lab.path("events.json")


def read_events(lab):
    with open(file_of_events(lab), encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().split("\n")[:-1]]


def server_multiplies(kind, seconds=3):
    """A server that says nonsense, as fast as it can; beside it somebody is refused, and that is told."""
    def nonsense(_argument):
        def flood(server_session):
            deadline = time.monotonic() + seconds * SLOWNESS
            while time.monotonic() < deadline:
                server_session.send(b"a\n" * 2000)
            return b"200 done\r\n"
        return flood
    with kind.lab() as (lab, configuration), Service(lab, configuration, kind.command) as service:
        service.wait_ready()
        with session(lab, {"NOOP": nonsense}) as (client, _):
            began = time.monotonic()
            client.send(b"NOOP\r\n")
            size = lines = 0
            while not client.received.endswith(b"200 done\r\n"):
                data = client.socket.recv(65536)
                check(data, "the session was closed")
                size += len(data)
                lines += data.count(b"\n")
                client.received = bytearray(data[-20:])
            events = read_events(lab)
            first = {event["session"] for event in events}
            check_equal(len(first), 1, "sessions")
            noise = [event for event in events if event["event"] == "anomaly"]
            allowed = NONSENSE_LINES + 2 + int(NONSENSE_LINES_A_SECOND * (time.monotonic() - began))
            check(len(noise) <= allowed, f"{len(noise)} lines for {size} bytes, and {allowed} are allowed")
            with ScriptedClient(lab.client, lab.server_seen(4)) as other:
                other.login()
                other.command(b"PORT 10,1,1,1,0,25", "5")
            wait_until(lambda: [event for event in read_events(lab)
                                if event["event"] == "refuse" and event["session"] not in first], "the other's refusal",
                       timeout=30 * SLOWNESS)
        wait_until(lambda: [event for event in read_events(lab)
                            if event["event"] == "session-close" and event["session"] in first], "the end")
        sums = [event for event in read_events(lab) if event["event"] == "anomaly"]
        check(any(event.get("count", 0) > 1000 for event in sums), f"no sum: {sums[-3:]}")
        check(stands_for(sums) >= lines - 100, f"{stands_for(sums)} anomalies of {lines} are accounted for")
        grown = os.path.getsize(file_of_events(lab))
        check(grown < 100000, f"{grown} bytes of events for {size} bytes")


LINES_FOR_NO_ROOM = 120000  # an anomaly each: more than there is room for until the process that tells them reads


def no_room_for_a_while(kind):
    """The process that tells events stands still while a server says nonsense and another session is refused."""
    with kind.lab() as (lab, configuration), Service(lab, configuration, kind.command) as service:
        service.wait_ready()
        with session(lab, {"NOOP": lambda _argument: b"a\n" * LINES_FOR_NO_ROOM + b"200 done\r\n"}) as (client, _), \
                ScriptedClient(lab.client, lab.server_seen(4)) as other:
            other.login()
            of_other = [(other.address, other.local_port)]
            teller = titled(service.pid, "ftpalg-control")[0]
            os.kill(teller, signal.SIGSTOP)
            try:
                client.send(b"NOOP\r\n")
                while not client.received.endswith(b"200 done\r\n"):
                    client.received = (client.received + client.socket.recv(65536))[-20:]
                other.command(b"PORT 10,1,1,1,0,25", "5")
            finally:
                os.kill(teller, signal.SIGCONT)
            # Neither says anything more.
            told = wait_until(lambda: [event for event in read_events(lab) if event["event"] == "refuse"], "the refusal")
            check_equal([(event["client_ip"], event["client_port"]) for event in told], of_other, "who was refused")


def signal_at_start(kind, number, ends, delays=24):
    """The same signal at many moments of the start."""
    with kind.lab() as (lab, configuration):
        for delay in range(delays):
            service = Service(lab, configuration, kind.command)
            # Before main() is reached nobody can help it.
            began = functools.partial(runs_program if ends else has_begun, service.pid)
            wait_until(began, "the program", interval=0.0005)
            time.sleep(delay * 0.004 * SLOWNESS)
            service.process.send_signal(number)
            if ends:
                status = service.process.wait(20)
                check(status in (0, -number), f"status {status} after delay {delay}: {service.output()}")
                continue
            with service:
                service.wait_ready()
                if delay % 8 == 0:
                    client_works(lab)


def listens(pid):
    """It waits for what the other end of its socket says."""
    with open(f"/proc/{pid}/wchan", encoding="ascii") as file:
        return "skb_wait" in file.read()


def pair(pid):
    """The worker and its broker, once both are there."""
    found = [titled(pid, title) for title in ("ftpalg-worker", "ftpalg-broker")]
    return (found[0][0], found[1][0]) if all(found) else None


def first_answer_is_not_read(kind):
    """SIGTERM finds a worker that has asked its broker for the first time, and ends it while the answer is on its way."""
    with kind.lab() as (lab, configuration):
        for _ in range(50):
            service = Service(lab, configuration)
            worker, broker = wait_until(lambda: pair(service.pid), "worker and broker", interval=0.0005)
            os.kill(worker, signal.SIGSTOP)
            wait_until(lambda: listens(broker), "the broker to wait for its worker")
            os.kill(broker, signal.SIGSTOP)
            os.kill(worker, signal.SIGCONT)
            wait_until(lambda: listens(worker) or READY in service.output(), "the worker to wait for its broker")
            asked = listens(worker)
            os.kill(worker, signal.SIGSTOP)
            os.kill(broker, signal.SIGCONT)
            wait_until(lambda: listens(broker), "the broker's answer")
            service.process.terminate()
            os.kill(worker, signal.SIGCONT)
            check_equal(service.process.wait(20), 0, f"the exit status of the service, which wrote {service.output()!r}")
            if asked:
                return
        check(False, "the worker was always too fast: this tests nothing")


def runs_program(pid):
    with contextlib.suppress(OSError):
        return "ftpalg" in os.readlink(f"/proc/{pid}/exe")
    return False


def has_begun(pid):
    """SIGUSR1 is ignored, which comes after SIGHUP is blocked. Who waits for a signal does not show as blocking it."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"^SigIgn:\s*(\w+)$", file.read(), re.M)[1], 16) & 1 << signal.SIGUSR1 - 1


def signals_that_mean_nothing(kind):
    with kind.lab() as (lab, configuration), Service(lab, configuration, kind.command) as service:
        service.wait_ready()
        pids = kind.workers(service)
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGCHLD, signal.SIGALRM, signal.SIGXFSZ):
            for pid in {service.pid, *pids} if number != signal.SIGUSR2 else pids:  # the supervisor's has a meaning
                os.kill(pid, number)
        client_works(lab)
        check_equal(kind.workers(service), pids, "the processes")


def children_are_ignored(kind):
    """Whoever started the service ignores SIGCHLD, and that is inherited."""
    with kind.lab() as (lab, configuration):
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            service = Service(lab, configuration, kind.command)
        finally:
            signal.signal(signal.SIGCHLD, before)
        with service:
            service.wait_ready()
            os.kill(kind.workers(service)[0], signal.SIGKILL)
            service.wait_ready(2)
            client_works(lab)


def bad_configurations(lab, configuration):
    """What may stand at the configuration's path, by name."""
    with open(configuration, encoding="ascii") as file:
        good = file.read()

    def file_with(text):
        with open(configuration, "wb") as file:
            file.write(text)
    yield "a setting of 600 kB", lambda: file_with(good.encode() + b"[policy]\nactive = " + b"x" * 600000 + b"\n")
    yield "a section of 200 kB", lambda: file_with(b"[" + b"x" * 200000 + b"]\n")
    yield "a file of 4 MB", lambda: file_with(good.encode() + b"#" * (4 << 20))
    yield "200000 sections", lambda: file_with(b"[rule a]\n" * 110000)
    yield "NUL bytes", lambda: file_with(good.encode() + bytes(100000))
    yield "a thousand rules", lambda: file_with(good.encode() + b"".join(
        b"[rule r%d]\nclients = 10.0.0.1\n" % number for number in range(1000)))

    def instead(make):
        os.unlink(configuration)
        make()

    def unreadable():
        file_with(good.encode())
        os.chmod(configuration, 0)
    if os.environ.get("FTPALG_LAB_UID", "0") == "0":
        yield "a file that may not be read", unreadable
    yield "a directory", lambda: instead(lambda: os.mkdir(configuration))
    os.rmdir(configuration)
    yield "a named pipe", lambda: os.mkfifo(configuration)
    yield "a device", lambda: instead(lambda: os.symlink("/dev/zero", configuration))
    yield "nothing", lambda: instead(lambda: None)
    file_with(good.encode())


def configuration_of_any_kind(kind):
    """At a reload: an error with the file, and what was in force stays, in the same process. check and a start: likewise."""
    with kind.lab() as (lab, configuration), Service(lab, configuration, kind.command) as service:
        service.wait_ready()
        pids = kind.workers(service)
        path = configuration
        for count, (name, put) in enumerate(bad_configurations(lab, path), 1):
            put()
            service.process.send_signal(signal.SIGHUP)
            wait_until(lambda count=count: service.output().count("was not taken over") >= count or
                       kind.workers(service) != pids, f"the error of {name}")
            check_equal(kind.workers(service), pids, f"the processes after {name}")
            client_works(lab)
            for command in ("check", "run"):
                if name == "a file that may not be read":
                    continue  # root may
                result = lab.router.run([binary(), command, "-c", path], check=False)
                check(result.returncode == 1 and path in result.stdout + result.stderr,
                      f"{command} with {name}: {result}")
        check_equal(service.output().count(READY), 1, "starts")
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reloaded" in service.output(), "a reload")


def parts_are_read_again(kind):
    """What stands beside the configuration is read by who is in a sandbox, in the same process; a bad part changes
    nothing."""
    with kind.lab() as (lab, configuration), Service(lab, configuration, kind.command) as service:
        service.wait_ready()
        pids = kind.workers(service)
        parts = os.path.join(os.path.dirname(configuration), "conf.d")
        os.mkdir(parts)
        for number, (text, mode, said) in enumerate((("[policy]\nactive = no\n", 0o644, "reloaded: "),
                                                     ("[policy]\nactive = maybe\n", 0o644, "part.conf:2: active: "),
                                                     ("[policy]\nactive = yes\n", 0o666, "has mode 0666, so that everybody"))):
            with open(os.path.join(parts, "part.conf"), "w", encoding="ascii") as file:
                file.write(text)
            os.chmod(os.path.join(parts, "part.conf"), mode)
            service.process.send_signal(signal.SIGHUP)
            wait_until(lambda said=said: said in service.output(), said)
            with session(lab) as (client, _):
                client.command(f"PORT {client.address.replace('.', ',')},150,{number}".encode(), "5")
        check_equal(kind.workers(service), pids, "the processes")


def policy_outlives_the_worker(kind):
    """A policy that was reloaded is the next worker's as well."""
    with kind.lab() as (lab, configuration), Service(lab, configuration, kind.command) as service:
        service.wait_ready()
        with open(configuration, "a", encoding="ascii") as file:
            file.write("[policy]\nactive = no\n")
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reloaded" in service.output(), "the reload")
        with open(configuration, "a", encoding="ascii") as file:
            file.write("nonsense\n")
        os.kill(kind.workers(service)[0], signal.SIGKILL)
        service.wait_ready(2)
        with session(lab) as (client, _):
            line = f"PORT {client.address.replace('.', ',')},150,1".encode()
            client.command(line, "5")


def main():
    plan = Plan(__doc__)
    for name, kind in (("gateway", Packets), ("proxy", Relays)):
        def add(text, check_function, *arguments, name=name):
            plan.add(f"A86 {name}: {text}", check_function, *arguments)
        add("standard output that nobody reads stops nobody, and what was lost is told", reader_stops,
            kind(standard_output))
        add("a named pipe that nobody reads likewise", reader_stops, kind(named_pipe))
        add("a named pipe may have no reader, lose it, and have another", named_pipe_has_many_readers, kind(named_pipe))
        add("a reader that goes away stops nobody", reader_goes, kind(standard_output))
        add("a full disk stops nobody, and what was lost is told", disk_is_full, kind(small_disk))
        add("messages that nobody reads stop nobody", messages_are_not_read, kind(file_of_events))
        add("a server's nonsense is a hundred lines and a sum", server_multiplies, kind(file_of_events))
        add("a refusal for which there was no room is told when there is, though nothing follows", no_room_for_a_while,
            kind(file_of_events, watchdog="0"))
        add("SIGHUP at any moment of the start ends nothing", signal_at_start, kind(file_of_events), signal.SIGHUP, False)
        add("SIGTERM at any moment of the start ends it", signal_at_start, kind(file_of_events), signal.SIGTERM, True)
        add("other signals end nothing", signals_that_mean_nothing, kind(file_of_events))
        add("a reload meets an error whatever stands in the file's place, and goes on", configuration_of_any_kind,
            kind(file_of_events))
        add("a reload reads the parts beside the configuration", parts_are_read_again, kind(file_of_events))
    plan.add("A86 gateway: started with SIGCHLD ignored, a worker that died is replaced", children_are_ignored,
             Packets(file_of_events))
    plan.add("A86 gateway: SIGTERM between the broker's first answer and its worker ends the service in order",
             first_answer_is_not_read, Packets(file_of_events))
    for text, *arguments in (("refusals are sentences in the log, a few of each reason", False, {}, 5),
                             ("where the log is the journal, each line has a priority", True, {}, 5),
                             ("with log-refusals = no there are none", False, {"log-refusals": "no"}, [])):
        plan.add(f"A86 gateway: {text}", refusals_are_sentences, *arguments)
    plan.add("A86 gateway: a policy that was reloaded outlives the worker", policy_outlives_the_worker,
             Packets(file_of_events))
    plan.run()


if __name__ == "__main__":
    main()
