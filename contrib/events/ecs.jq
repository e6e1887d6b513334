# SPDX-License-Identifier: GPL-3.0-or-later
#
# Events of ftpalg as documents of the Elastic Common Schema:
#
#     tail -F /var/log/ftpalg/events.json | jq -c --unbuffered -f ecs.jq
#
# ECS has no words for offers and pinholes: they are in event.action, as all events are, and what they are about is in
# ftpalg.*, with everything else that has no place.

# What an event is: [categories, types, outcome].
def meaning:
	{
		"session-open": [["network", "session"], ["connection", "start"], "success"],
		"session-close": [["network", "session"], ["connection", "end"], "success"],
		"login": [["authentication", "network"], ["start"], "success"],
		"offer": [["network"], ["connection", "info"], "success"],
		"rewrite": [["network"], ["connection", "change"], "success"],
		"pinhole-open": [["network"], ["connection", "allowed"], "success"],
		"pinhole-used": [["network"], ["connection", "start"], "success"],
		"pinhole-close": [["network"], ["connection", "end"], "unknown"],
		"refuse": [["network"], ["connection", "denied"], "failure"],
		"anomaly": [["network"], ["connection", "info"], "unknown"],
		"tls": [["network"], ["connection", "protocol"], "success"],
		"relay": [["network"], ["connection", "end"], "success"],
		"transfer": [["network", "file"], ["connection", "access", "end"], "success"],
		"mint": [["configuration"], ["creation"], "success"],
		"reload": [["configuration"], ["change"], "success"],
		"rules-gone": [["configuration", "network"], ["deletion"], "failure"],
		"rules-back": [["configuration", "network"], ["creation"], "success"],
		"host-changed": [["configuration", "network"], ["change"], "success"],
		"host-lost": [["configuration", "network"], ["change"], "failure"],
		"events-lost": [["process"], ["error"], "failure"],
		"news-lost": [["process"], ["error"], "failure"],
		"sessions-lost": [["process"], ["error"], "failure"]
	}[.event] // [["network"], ["info"], "unknown"];

# A transfer has failed where its reply says so, or its outcome does; of all others a reason where there should be none.
def outcome($usual):
	if .event == "transfer" then
		if (.outcome // "complete") != "complete" or (.code // 0) >= 400 then "failure" else $usual end
	elif (.event | IN("relay", "mint", "reload")) and .reason then "failure"
	else $usual end;

def prune: with_entries(if (.value | type) == "object" then .value |= prune else . end | select(.value != null and .value != {}));

# By whole microseconds, since jq counts in binary fractions.
def nanoseconds: if . == null then null else . * 1000000 | round * 1000 end;

. as $event | meaning as $meaning |
{
	"@timestamp": .time,
	ecs: { version: "8.11.0" },
	event: {
		kind: (if .event == "refuse" then "alert" else "event" end),
		module: "ftpalg",
		dataset: "ftpalg.events",
		action: .event,
		category: $meaning[0],
		type: $meaning[1],
		outcome: outcome($meaning[2]),
		reason: .reason,
		code: (.code | if . then tostring else null end),
		duration: (.seconds | nanoseconds)
	},
	network: {
		application: "ftp",
		transport: "tcp",
		community_id: .community_id,
		bytes: (.bytes // (if .upload_bytes then .upload_bytes + .download_bytes else null end))
	},
	source: { ip: .client_ip, port: .client_port, nat: { ip: .client_nat_ip, port: .client_nat_port } },
	destination: { ip: .server_ip, port: .server_port, nat: { ip: .server_nat_ip, port: .server_nat_port } },
	user: { name: .user },
	rule: { name: .rule },
	file: { path: .path },
	tls: {
		version: (.client_tls_version | if . then ltrimstr("TLSv") else null end),
		version_protocol: (.client_tls_version | if . then "tls" else null end),
		cipher: .client_tls_cipher,
		curve: .client_tls_group,
		resumed: .client_tls_resumed,
		client: { server_name: .client_tls_sni }
	},
	labels: { session: .session },
	ftpalg: ($event | del(.time, .event, .reason, .session, .community_id, .client_ip, .client_port, .client_nat_ip,
		.client_nat_port, .server_ip, .server_port, .server_nat_ip, .server_nat_port, .user, .rule, .path, .seconds,
		.client_tls_version, .client_tls_cipher, .client_tls_group, .client_tls_resumed, .client_tls_sni))
} | prune
