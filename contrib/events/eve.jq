# SPDX-License-Identifier: GPL-3.0-or-later
#
# Events of ftpalg in the envelope of Suricata's EVE:
#
#     tail -F /var/log/ftpalg/events.json | jq -c --unbuffered -f eve.jq
#
# EVE has no words for decisions: what was refused is an alert whose signature has the reason, and the event as it was is
# in "ftpalg". flow_id, a number there, is made of the digits of our session that a number of JSON can hold.

def kind:
	{
		"session-open": "flow", "session-close": "flow", "pinhole-open": "flow", "pinhole-used": "flow",
		"pinhole-close": "flow", "offer": "ftp", "rewrite": "ftp", "login": "ftp", "transfer": "ftp", "relay": "ftp_data",
		"refuse": "alert", "anomaly": "anomaly", "tls": "tls", "mint": "tls"
	}[.event] // "stats";

# The value of hexadecimal digits.
def hexadecimal: reduce (ascii_downcase | explode[]) as $digit (0; . * 16 + ($digit - (if $digit > 57 then 87 else 48 end)));

def prune: with_entries(if (.value | type) == "object" then .value |= prune else . end | select(.value != null and .value != {}));

. as $event |
{
	timestamp: .time,
	event_type: kind,
	flow_id: (.session | if . then .[-13:] | hexadecimal else null end),
	community_id: .community_id,
	src_ip: .client_ip,
	src_port: .client_port,
	dest_ip: .server_ip,
	dest_port: .server_port,
	proto: (if .client_ip then "TCP" else null end),
	app_proto: (if .client_ip then "ftp" else null end),
	alert: (if .event == "refuse" then
		{ action: "blocked", signature: "ftpalg refused: \(.reason // "several reasons")", category: "FTP policy", severity: 2 }
	else null end),
	anomaly: (if .event == "anomaly" then { type: "applayer", event: (.reason // "several"), layer: "ftp" } else null end),
	ftp: (if kind == "ftp" then
		{
			command: (.verb // (if .event == "login" then "USER" else .form end)),
			command_data: (if .event == "login" then .user else .path end),
			completion_code: (.code | if . then [tostring] else null end)
		}
	else null end),
	tls: (if kind == "tls" then
		{ version: (.client_tls_version // .server_tls_version | if . then "TLS \(ltrimstr("TLSv"))" else null end),
		  sni: (.client_tls_sni // .server_tls_sni), session_resumed: (.client_tls_resumed // .server_tls_resumed) }
	else null end),
	ftpalg: ($event | del(.time, .community_id, .client_ip, .client_port, .server_ip, .server_port))
} | prune
