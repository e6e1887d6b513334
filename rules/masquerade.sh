#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The rules of masquerade.nft in the words of iptables: a masquerading router, clients inside, FTP servers anywhere
# outside. Run it with sh; it replaces the filter and nat tables, and leaves raw and mangle to what ftpalg prints. Active mode is
# off but for one client (masquerade.conf).
set -eu

inside=lan0
outside=wan0
config=${1:-/etc/ftpalg/ftpalg.conf}

# Both families load this. Data connections are accepted by FTPALG_ACCEPT, which comes in below.
filter() {
	cat <<EOF
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A INPUT -p $1 -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -i $inside -j ACCEPT
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -p $1 -m conntrack --ctstate RELATED -j ACCEPT
-A FORWARD -i $inside -o $outside -m conntrack --ctstate NEW -j ACCEPT
COMMIT
EOF
}

nat() {
	cat <<EOF
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -o $outside -j MASQUERADE
COMMIT
EOF
}

# Where the events go (masquerade.conf).
install -d -m 750 /var/log/ftpalg
# What ftpalg says comes first, so that there is no moment in which FTP passes uninspected.
ftpalg rules iptables -c "$config" | sh
filter icmp | iptables-restore -w
filter ipv6-icmp | ip6tables-restore -w
nat | iptables-restore -w
ftpalg rules iptables --forward -c "$config" | sh
