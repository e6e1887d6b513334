# SPDX-License-Identifier: GPL-3.0-or-later
"""doc/comparison.md, from what was collected."""

import textwrap

import effects

# What the beginnings of scenario names stand for, in the order of the table; others follow under their own name.
GROUPS = {
    "active": "Active transfers",
    "passive": "Passive transfers",
    "mixed": "Both in one session",
    "port": "Ports",
    "segments": "Lines in pieces",
    "sequence": "Sequence numbers",
    "reply": "Replies",
    "dialogue": "Dialogues",
    "state": "State",
    "pinhole": "Pinholes",
    "bounce": "Third hosts",
    "number": "Numbers",
    "lexical": "Spelling",
    "forged": "Forged offers",
    "urgent": "Urgent data",
    "tls": "TLS",
}

HEAD = """\
# ftpalg beside other FTP helpers

Written by `make compare` on {date}; do not edit. It is what was measured, on one day and with these versions:

| helper | version | set up as |
|---|---|---|
{versions}

Each stands on a router that does SNAT, between a client and a server, in network namespaces
(`tests/compare/helpers.py`). The router's firewall lets control connections out and nothing else; the data connections
that a helper expects are admitted to ports of 1024 and up. All are as their manuals and packages have them, with no
option changed but addresses. Debian's own kernel runs in a virtual machine.
"""

SETUPS = {
    "none": "conntrack and NAT only",
    "kernel": "`CT --helper ftp`, RELATED accepted by that helper",
    "ftp-proxy": "SuSE's proxy-suite, transparent: port 21 is redirected to it",
    "mod_proxy": "ProFTPD as a reverse proxy, which clients call",
    "conntrackd": "its helper in user space, by nfnetlink_cthelper",
    "ftpalg": "the rules of `ftpalg rules iptables`, the defaults of `ftpalg.conf(5)`",
}

EFFECTS = """\

## What comes of it

A client and a server that obeys whatever reaches it. Here only the result counts, whatever a helper does with the
bytes, so proxies can be compared too.

{table}

What the table does not say:

* Where nothing works, little is possible: "refused" says less for no helper, and for conntrackd behind SNAT, than for
  the others.
* A proxy ends the client's connection and begins one of its own, so whatever a peer forges ends at the proxy, and how
  lines are cut does not matter to it: by these rows mod_proxy is as good as ftpalg, but for a restart. What it costs is
  that the server sees the proxy instead of the client, and that all data passes through a program.
* The kernel's helper has no program that could end, and needs neither a queue nor a daemon. ftpalg's rules pass control
  connections, and only these, through a queue.
* conntrackd 1.4.7 rewrites PORT and has the kernel expect the data connection, but asks for no NAT for it, so the
  connection arrives at the router and goes nowhere; without NAT it works. It expects nothing for a 229.
* The scenarios were written together with ftpalg. That it passes all of them says less than what the others make of
  them.
"""

WRONG = """\

What was seen where it says **fails** or **possible**:

{list}
"""

PROBE = """\

## What happens to the bytes

`ftpalg probe` looks at the same with {count} scenarios, segment by segment, at both ends.

* `pass`: as it should be
* **fail**: something that is right does not work
* **broken**: the session hangs, ends without reason, or its bytes are changed
* **exposed**: a hole: something is passed on or opened that must not be

{summary}

{blind}

{tables}
"""

BLIND = ("The probe can't look through {names}. In its scenarios each side says what the scenario says and nothing "
         "else; a proxy greets the client before it has called the server, or asks the server things of its own. Of "
         "the first scenario, a plain PORT, it says {messages}. All would be **broken**, which says nothing but that a "
         "proxy is not transparent.")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def cell(verdict):
    return verdict if verdict in ("pass", "skipped") else f"**{verdict}**"


def escape(text):
    """For a table's cell and a list's line."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("`", "'").replace("<", "&lt;")


def write_effects(found):
    names = [each["title"] for each in found]
    rows = []
    for heading, effect_rows, good, bad in (("*should work*", effects.WORKS, "works", "**fails**"),
                                            ("*should not be possible*", effects.GUARDS, "refused", "**possible**")):
        rows.append([heading] + [""] * len(names))
        for name, title, _ in effect_rows:
            rows.append([title] + [good if each["effects"][name] is None else bad for each in found])
    text = EFFECTS.format(table=table(["", *names], rows))
    wrong = [f"* {each['title']}, {title}: {escape(each['effects'][name])}"
             for each in found if each["name"] != "none"
             for name, title, _ in effects.WORKS + effects.GUARDS if each["effects"][name] is not None]
    return text + (WRONG.format(list="\n".join(wrong)) if wrong else "")


def group_of(name):
    return GROUPS.get(name.split("-")[0], name.split("-")[0].capitalize())


def scenario_tables(seen, names):
    scenarios = seen[0]["probe"]
    groups = list(GROUPS.values())
    groups += sorted({group_of(name) for name in scenarios} - set(groups))
    parts = []
    for group in groups:
        rows = [[f"`{name}`", escape(scenarios[name][1]), *(cell(each["probe"][name][0]) for each in seen)]
                for name in scenarios if group_of(name) == group]
        if rows:
            parts.append(f"### {group}\n\n" + table(["scenario", "", *names], rows))
    return "\n\n".join(parts)


def write_probe(found):
    seen = [each for each in found if each["probe"]]
    blind = [each for each in found if not each["probe"]]
    names = [each["title"] for each in seen]
    verdicts = ("pass", "fail", "broken", "exposed", "skipped")
    summary = [[each["title"], *(str(sum(verdict == scenario[0] for scenario in each["probe"].values()))
                                 for verdict in verdicts)] for each in seen]
    messages = ", ".join(f"\"{each['blind']}\" ({each['title']})" for each in blind)
    remark = BLIND.format(names=" and ".join(each["title"] for each in blind), messages=messages)
    return PROBE.format(
        count=len(seen[0]["probe"]), summary=table(["helper", *verdicts], summary), tables=scenario_tables(seen, names),
        blind=textwrap.fill(remark, 118, break_on_hyphens=False))


def write(found, date):
    """The whole document."""
    versions = "\n".join(f"| {each['title']} | {version(each)} | {SETUPS[each['name']]} |" for each in found)
    return HEAD.format(date=date.isoformat(), versions=versions) + write_effects(found) + write_probe(found)


def version(each):
    kernel = f"Linux {each['kernel']}"
    return f"{each['version']}, {kernel}" if each["version"] and kernel not in each["version"] else kernel


def scenario_names(text):
    """The names that a written document has."""
    return [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
