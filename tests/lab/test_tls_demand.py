#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the legs of the proxy may use: strict defaults, settings for each leg and for single servers, words that nobody knows;
and what the events tell of each handshake.
"""

import contextlib
import hashlib
import re
import ssl

from gateway import binary
from proxy import without_sockets
from tap import Plan, check, check_equal
from test_tls import ScriptedCell, Talk, client_context

OLD = ("AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "AES256-SHA")


def der_digest(path):
    with open(path, encoding="ascii") as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()


def handshakes(cell, talk, since):
    """What the events tell of both legs of a session, by leg: {"version": ..., "cipher": ...}."""
    found = {}
    for leg in ("client", "server"):
        event, prefix = cell.proxy.wait_event("tls", since, client=talk.endpoint, tls=f"{leg} leg"), f"{leg}_tls_"
        found[leg] = {name[len(prefix):]: value for name, value in event.items() if name.startswith(prefix)}
    return found


def told_of_both_legs(cell):
    since = cell.proxy.position()
    context = client_context(cell)
    context.set_alpn_protocols(["ftp"])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with cell.tls_server(), Talk(cell) as talk:
        talk.secure(context, name="ftp.lab.test")
        shown = hashlib.sha256(talk.socket.getpeercert(True)).hexdigest()
        cipher = talk.socket.cipher()[0]
    legs = handshakes(cell, talk, since)
    client, server = legs["client"], legs["server"]
    check_equal((client["version"], client["cipher"], client["resumed"]), ("TLSv1.2", cipher, False), "the client's leg")
    check_equal((client["sni"], client["alpn"], client["sha256"]), ("ftp.lab.test", "ftp", shown), "the client's leg")
    check_equal((server["version"], server["sni"], server["sha256"]),
                ("TLSv1.3", "ftp.lab.test", der_digest(cell.certificate[0])), "the server's leg")
    check("alpn" not in server, "the server agreed on a protocol")
    for leg in (client, server):
        check(leg["group"].lower() in ("x25519", "secp256r1", "p-256"), f"the group is {leg['group']!r}")
        check("ftp.lab.test" in leg["names"] and cell.lab.addresses[4].server in leg["names"],
              f"the names are {leg['names']}")
    check(re.fullmatch(r"TLS_\w+", server["cipher"]), f"the server's cipher is {server['cipher']!r}")


def old_server(cell, cipher):
    """A server that has nothing but one cipher of TLS 1.2."""
    server = cell.tls_server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*cell.rsa)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")

    def auth(session):
        session.send(b"234 go\r\n")
        with contextlib.suppress(OSError):
            session.connection = context.wrap_socket(session.connection, server_side=True)
    server.handlers["AUTH"] = lambda _argument: auth
    return server


class RsaCell(ScriptedCell):
    @contextlib.contextmanager
    def __call__(self):
        with super().__call__():
            self.rsa = self.proxy.server_certificate("rsa", rsa=True)
            yield self


def weak_server(cell, cipher, accepted):
    since = cell.proxy.position()
    with old_server(cell, cipher), Talk(cell) as talk:
        talk.secure()
        if accepted:
            check_equal(talk.command("USER a")[:3], "331", "the answer to USER")
            check_equal(handshakes(cell, talk, since)["server"]["cipher"], cipher, "the cipher in the event")
        else:
            line = talk.line()
            check(line.startswith("421 Refused: handshake") and "handshake failure" in line, f"the client read {line!r}")


def weak_client(cell, accepted, cipher):
    """A client of TLS 1.2, which may have nothing but one cipher."""
    since = cell.proxy.position()
    context = client_context(cell)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if cipher:
        context.set_ciphers(cipher)
    with cell.tls_server(), Talk(cell) as talk:
        try:
            talk.secure(context)
        except ssl.SSLError:
            check(not accepted, "the client was refused")
            cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason="handshake")
        else:
            check(accepted, "the client was accepted")


def unknown_words(cell, setting, word, section="proxy"):
    """The word is named by check, and the proxy does not start with it."""
    path = cell.lab.path("words.conf")
    with open(cell.proxy.configuration, encoding="ascii") as file:
        text = file.read()
    text = without_sockets(text)
    if section == "proxy":
        text = text.replace("[proxy]\n", f"[proxy]\n{setting} = {word}\n")
    else:
        text += f"\n[{section}]\naddresses = 10.9.1.99\n{setting} = {word}\n"
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    culprit = word.split(",")[-1].strip()
    for command in ("check", "proxy"):
        result = cell.lab.router.run([binary(), command, "-c", path], check=False, timeout=30)
        check_equal(result.returncode, 1, f"exit status of {command}")
        said = result.stdout + result.stderr
        check(f'{setting}: "{culprit}" is nothing that OpenSSL knows' in said, f"{command} says {said!r}")


def main():
    plan = Plan(__doc__)
    strict = RsaCell({})
    plan.add("a141: events tell what each leg agreed on, and the certificate that was shown", told_of_both_legs, fixture=strict)
    for cipher in OLD:
        plan.add(f"a141: a server that has {cipher} alone is refused in words", weak_server, cipher, False, fixture=strict)
        plan.add(f"a141: a client that has {cipher} alone is refused", weak_client, False, cipher, fixture=strict)
    plan.add("a141: a client of TLS 1.2 is served", weak_client, True, None, fixture=strict)
    for setting, word, section in (("ciphers", "ECDHE+AESGCM, AES-129", "proxy"), ("server-ciphers", "TLS_AES_99", "proxy"),
                                   ("groups", "X25519, Z25519", "proxy"), ("ciphers", "nothing", "server old")):
        plan.add(f"a141: \"{word}\" in {setting} of [{section}] is told by check and at the start", unknown_words, setting, word,
                 section, fixture=strict)
    relaxed = RsaCell({"server-ciphers": "ECDHE+AESGCM, AES128-GCM-SHA256", "tls-versions": "1.3",
                       "server-tls-versions": "1.2-1.3"})
    plan.add("a141: server-ciphers and server-tls-versions are for the server's leg", weak_server, OLD[0], True,
             fixture=relaxed)
    plan.add("a141: and for what they list alone", weak_server, OLD[1], False, fixture=relaxed)
    plan.add("a141: tls-versions = 1.3 refuses a client of TLS 1.2", weak_client, False, None,
             fixture=relaxed)
    for address, accepted in (("10.9.1.2", True), ("10.9.1.99", False)):
        plan.add(f"a141: ciphers of a [server] {'hold' if accepted else 'do not hold'} where it is {address}", weak_server,
                 OLD[1], accepted, fixture=RsaCell({}, sections={"server old": {
                     "addresses": address, "ciphers": "ECDHE-RSA-AES128-SHA", "tls-versions": "1.2"}}))
    plan.run()


if __name__ == "__main__":
    main()
