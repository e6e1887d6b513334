# SPDX-License-Identifier: GPL-3.0-or-later
"""
The gateway under test: its configuration, the rules around it, the daemon, its events.

FTPALG names the binary (build/ftpalg of this tree by default). Two values are stand-ins: "kernel" gives the control
connections the kernel's own FTP helper instead, which can do the simple cases and shows whether a failure is the lab's;
"none" gives them nothing, so that every statement that needs the gateway must fail.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading

import conntrack
import rules
from process import TimedOut, wait_until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "events"))
# pylint: disable=wrong-import-position
import schema

READY = "ftpalg: ready"
# How long the end of a session is waited for that may have none.
ENDING = 2
# Any bit will do that no rule of a lab uses.
PASSED_MARK = "0x40000000"


def binary():
    return os.environ.get("FTPALG") or os.path.join(TOP, "build", "ftpalg")


def is_stand_in():
    return binary() in ("kernel", "none")


def endpoint(event, name):
    """One of an event's ends, as "ADDRESS:PORT": name is client, server, to, announced or the like."""
    if f"{name}_ip" not in event:
        return None
    address = event[f"{name}_ip"]
    return f"[{address}]:{event[f'{name}_port']}" if ":" in address else f"{address}:{event[f'{name}_port']}"


class Written:
    """The events in a file that grows, and may be replaced by another one. Each line is read once, whichever thread asks."""

    def __init__(self, path):
        self._path = path
        self._file = None  # which it was
        self._end = 0
        self._events = []
        self._lock = threading.Lock()

    def events(self):
        with self._lock:
            self._read()
            return self._events

    def _read(self):
        try:
            with open(self._path, "rb") as file:
                status = os.fstat(file.fileno())
                if (status.st_dev, status.st_ino) != self._file or status.st_size < self._end:
                    self._file, self._end, self._events = (status.st_dev, status.st_ino), 0, []
                file.seek(self._end)
                lines, whole, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            self._file, self._end, self._events = None, 0, []
            return
        self._end += len(lines + whole)
        self._events = self._events + [json.loads(line) for line in lines.split(b"\n") if line]


class Gateway:
    """One daemon on the router. settings: {section: {key: value}} over the lab's own."""

    def __init__(self, router, directory, name="gateway", settings=None):
        self.router = router
        self.configuration = os.path.join(directory, f"{name}.conf")
        self.events_path = os.path.join(directory, f"{name}.events")
        self._written = Written(self.events_path)
        self.monitor = os.path.join(directory, f"{name}.monitor")
        self.control = os.path.join(directory, f"{name}.control")
        self.process = None
        self.environment = None  # {variable: value} besides the lab's own
        self._endless = set()  # sessions whose end nobody will tell
        self.after_queue = None  # once rules are loaded, {what: packets} of rules that others have replaced
        sections = {"gateway": {"control-ports": "21", "queue": "21", "events": self.events_path,
                                "passed-mark": PASSED_MARK, "monitor": self.monitor, "control": self.control}}
        if os.environ.get("FTPALG_LAB_UID", "0") != "0":
            sections["gateway"]["user"] = "none"  # an ordinary user's namespace has no other user to become
        for section, values in (settings or {}).items():
            sections.setdefault(section, {}).update(values)
        with open(self.configuration, "w", encoding="ascii") as file:
            for section, values in sections.items():
                file.write(f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items()))
        self.control_ports = [int(port) for port in sections["gateway"]["control-ports"].replace(",", " ").split()]

    def printed_rules(self, *options, kind=None):
        """What `ftpalg rules` prints for this configuration."""
        command = [binary(), "rules", kind or rules.FLAVOUR, "-c", self.configuration, *options]
        return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout

    def load_rules(self):
        """Loads what belongs to the gateway alone: carrier, queue, MSS clamp."""
        program = ["nft", "-f", "-"] if rules.FLAVOUR == "nft" else ["sh", "-s"]
        self.after_queue = {what: self.packets_after_queue(what) if self.after_queue else 0
                            for what in ("passed", "unpassed")}
        rules.load(self.router, f"{self.configuration}.rules", self.printed_rules(), program)

    def packets_after_queue(self, what):
        """As rules.packets_after_queue, since the first rules were loaded."""
        return self.after_queue[what] + rules.packets_after_queue(self.router, what)

    def check_invariant(self):
        """
        No packet of a control port leaves that the gateway did not pass, but for SYNs without data. The marks of the
        verdicts and the rules after the queue make that exact; what the rules dropped was on its way past the gateway.
        """
        unpassed = self.packets_after_queue("unpassed")
        if unpassed:
            raise RuntimeError(f"{unpassed} packets of control ports came past the queue")
        if not self.packets_after_queue("passed") and self.events("session-open"):
            raise RuntimeError("there were sessions, and the rules after the queue have seen nothing of them")

    def start(self):
        """Starts the daemon and waits until it is bound to its queue."""
        self.process = self.router.spawn([binary(), "run", "-c", self.configuration], environment=self.environment)
        self.process.wait_for_output(READY)

    def stop(self):
        """Ends the daemon politely. Raises if it had ended before, or if a sanitizer or anything else made it fail."""
        process, self.process = self.process, None
        alive = process.running()
        status = process.stop()
        if not alive or status != 0:
            raise RuntimeError(f"the gateway ended {'with' if alive else 'too early, with'} status {status}; "
                               f"it wrote:\n{process.output()[-4000:]}")
        self.check_events()

    def check_events(self):
        """What it wrote is what doc/events.schema.json promises to programs that read it."""
        if schema.jsonschema and os.path.isfile(self.events_path):
            with open(self.events_path, encoding="utf-8") as file:
                complaints = schema.Validator().complaints(file.read().split("\n")[:-1])
            if complaints:
                raise RuntimeError("events are not as their schema says:\n" + "\n".join(complaints[:3]))

    def kill(self):
        """What a crash or the kernel's out-of-memory killer does."""
        self.process.kill()
        self.process = None

    def events(self, name=None, since=0, **fields):
        """
        All events from the file, or those called name, from position since on, with these fields. The gateway writes them
        when it has nothing else to do: what a peer has noticed may not be there yet, nor the end of a session that was.
        So a test waits for an event, and says whose it is: client is the endpoint of a ScriptedClient or a Talk.
        """
        return [event for event in self._written.events()[since:] if name in (None, event["event"])
                and all((endpoint(event, key) if key == "client" else event.get(key)) == value
                        for key, value in fields.items())]

    def position(self):
        """
        A position for events(since=), behind the ends of all sessions whose connections have ended: else what is asked since
        then without saying whose it is would find them. A session of a gateway that was killed may have no end: it is waited
        for once.
        """
        ending = self._ending()
        with contextlib.suppress(TimedOut):
            wait_until(lambda: ending <= self._ended(), "the ends of sessions", ENDING)
        self._endless |= ending - self._ended()
        return len(self.events())

    def _ended(self):
        return {event["session"] for event in self.events("session-close")}

    def _ending(self):
        """The sessions that have not been told to have ended, and have no connection that conntrack calls ESTABLISHED."""
        past = self._ended() | self._endless
        opened = {event["session"]: (event["client_ip"], event["client_port"]) for event in self.events("session-open")
                  if event["session"] not in past}
        families = {6 if ":" in address else 4 for address, _ in opened.values()}
        alive = {(connection.original_source, connection.original_source_port) for family in families
                 for connection in conntrack.connections(self.router, family) if connection.state == "ESTABLISHED"}
        return {session for session, client in opened.items() if client not in alive}

    def wait_event(self, name, since=0, **fields):
        """Waits for an event with these fields and returns it."""
        return self.wait_events(1, name, since, **fields)[0]

    def wait_events(self, count, name, since=0, **fields):
        """Waits for count of them at least, and returns all."""
        def find():
            found = self.events(name, since, **fields)
            return found if len(found) >= count else None
        return wait_until(find, f"{count} of event {name} {fields}")

    def wait_ended(self, since):
        """Waits until all sessions that were opened since have ended, and returns the events of their ends."""
        def find():
            opened = {event["session"] for event in self.events("session-open", since)}
            ended = [event for event in self.events("session-close", since) if event["session"] in opened]
            return ended if opened and len(ended) == len(opened) else None
        return wait_until(find, "the end of the sessions")
