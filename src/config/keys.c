/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every key of the configuration file, once: its name, its place, who reads it, and what is right. A key that is added
 * here is read, refused when doubled, inherited by rules and named in error messages; doc/ftpalg.conf.5 describes it.
 */
#include "config/config.h"
#include "config/value.h"
#include "ftpalg/offer.h"

#define SIZE(type, member) sizeof(((type *)0)->member)
/* The members from first to last. */
#define RUN(type, first, last) offsetof(type, first), offsetof(type, last) + SIZE(type, last) - offsetof(type, first)
#define MEMBER(type, member) offsetof(type, member), SIZE(type, member)

#define G(member) MEMBER(struct config, member)
#define P(member) MEMBER(struct policy_rule, member)

#define SECOND 1000000
#define KIB 1024

#define YES_OR_NO "yes or no"
#define CLOSED_OR_OPEN "closed or open"
#define NETWORK_LIST "ADDRESS or ADDRESS/PREFIX, at most 16 of them"

_Static_assert(POLICY_NETWORKS_MAX == 16 && POLICY_FXP_MAX == 16 && POLICY_RANGES_MAX == 64 && CONFIG_PORTS_MAX == 15 &&
	       CONFIG_FORWARDS_MAX == 32 && CONFIG_NAMES_MAX == 16,
	       "the expectations below state these limits");

static const struct config_key gateway_keys[] = {
	{ "control-ports", config_read_control_ports, RUN(struct config, control_ports, control_port_count),
	  .expected = "ports from 1 to 65535, at most 15 of them", .list = true },
	{ "queue", config_read_number, G(queue), .minimum = 0, .maximum = 65535, .unit = 1 },
	{ "queue-length", config_read_number, G(queue_length), .minimum = 16, .maximum = 1048576, .unit = 1 },
	{ "zone", config_read_number, G(zone), .minimum = 0, .maximum = 65535, .unit = 1 },
	{ "mark", config_read_mark, G(mark), .expected = "a number from 1 to 0xffffffff" },
	{ "passed-mark", config_read_passed_mark, G(passed_mark),
	  .expected = "a number from 1 to 0xffffffff, or none" },
	{ "mss", config_read_number, G(mss), .minimum = 256, .maximum = 8960, .unit = 1 },
	{ "absent", config_read_open, G(absent_open), .expected = CLOSED_OR_OPEN },
	{ "queue-full", config_read_open, G(queue_full_open), .expected = CLOSED_OR_OPEN },
	{ "table-full", config_read_open, G(limits.table_full_open), .expected = CLOSED_OR_OPEN },
	{ "malformed", config_read_open, G(limits.malformed_open), .expected = CLOSED_OR_OPEN },
	{ "reverse-path", config_read_yes, G(limits.reverse_path), .expected = YES_OR_NO },
	{ "sessions", config_read_number, G(limits.sessions), .minimum = 1, .maximum = 1048576, .unit = 1 },
	{ "memory", config_read_number, G(limits.memory), .minimum = 64, .maximum = 1048576, .unit = KIB },
	{ "line-length", config_read_number, G(limits.line), .minimum = 512, .maximum = LINE_MAX_LENGTH, .unit = 1 },
	{ "line-timeout", config_read_number, G(limits.line_timeout), .minimum = 0, .maximum = 86400, .unit = SECOND },
	{ "unacknowledged", config_read_number, G(limits.unacknowledged), .minimum = 8, .maximum = 1024, .unit = KIB },
	{ "source-sessions", config_read_number, G(limits.quota.sessions), .minimum = 0, .maximum = 1048576,
	  .unit = 1 },
	{ "source-pinholes", config_read_number, G(limits.quota.pinholes), .minimum = 0, .maximum = 1048576,
	  .unit = 1 },
	{ "source-pinhole-rate", config_read_number, G(limits.quota.pinhole_rate), .minimum = 0, .maximum = 1000000,
	  .unit = 1 },
	{ "source-memory", config_read_number, G(limits.quota.bytes), .minimum = 0, .maximum = 1048576, .unit = KIB },
	{ "idle-timeout", config_read_number, G(limits.idle), .minimum = 60, .maximum = 864000, .unit = SECOND },
	{ "watchdog", config_read_number, G(watchdog), .minimum = 0, .maximum = 3600, .unit = 1 },
	{ "user", config_read_user, G(user), .expected = "the name of a user, or none" },
	{ "events", config_read_events, G(events), .expected = "an absolute path without blanks, - or none" },
	{ "log-refusals", config_read_yes, G(log_refusals), .expected = YES_OR_NO },
};

#define FILE_OR_NONE "an absolute path without blanks, or none"
#define VERSIONS "1.2, 1.3, 1.2-1.3 or default"
#define TLS_WORDS "names that OpenSSL knows, or default"

static const struct config_key proxy_keys[] = {
	{ "port", config_read_number, G(proxy.port), .minimum = 1, .maximum = 65535, .unit = 1 },
	{ "bypass", config_read_bypass, RUN(struct config, proxy.bypass, proxy.bypass_count),
	  .expected = NETWORK_LIST "; or none", .list = true },
	{ "bypass-names", config_read_bypass_names, RUN(struct config, proxy.bypass_names, proxy.bypass_name_count),
	  .expected = "host names in ASCII, or .NAME for all below one, at most 16 of them; or none", .list = true },
	{ "client-certificates", config_read_certificates_bypass, G(proxy.certificates_bypass),
	  .expected = "refuse or bypass" },
	{ "ccc", config_read_ccc, G(proxy.ccc), .expected = "refuse or allow" },
	{ "control-ports", config_read_proxy_ports, RUN(struct config, proxy.ports, proxy.port_count),
	  .expected = "ports from 1 to 65535, at most 15 of them, or none", .list = true },
	{ "implicit-ports", config_read_implicit_ports,
	  RUN(struct config, proxy.implicit_ports, proxy.implicit_port_count),
	  .expected = "ports from 1 to 65535, at most 15 of them, or none", .list = true },
	{ "interception", config_read_interception, G(proxy.tproxy), .expected = "redirect or tproxy" },
	{ "source", config_read_source, G(proxy.source_is_client), .expected = "router or client" },
	{ "queue", config_read_number, G(proxy.queue), .minimum = 0, .maximum = 65535, .unit = 1 },
	{ "mark", config_read_mark, G(proxy.mark), .expected = "a number from 1 to 0xffffffff" },
	{ "table", config_read_number, G(proxy.table), .minimum = 256, .maximum = INT32_MAX, .unit = 1 },
	{ "forward", config_read_forward, RUN(struct config, proxy.forwards, proxy.forward_count),
	  .expected = "DIALLED->SERVER, each ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, at most 32 of them; or none",
	  .list = true },
	{ "tls", config_read_legs, G(proxy.legs), .expected = "both, client, server or none" },
	{ "certificate", config_read_file, G(proxy.certificate), .expected = FILE_OR_NONE },
	{ "key", config_read_file, G(proxy.key), .expected = FILE_OR_NONE },
	{ "ca-certificate", config_read_file, G(proxy.ca_certificate), .expected = FILE_OR_NONE },
	{ "ca-key", config_read_file, G(proxy.ca_key), .expected = FILE_OR_NONE },
	{ "anchors", config_read_file, G(proxy.anchors), .expected = FILE_OR_NONE },
	{ "bad-certificate", config_read_untrusted, G(proxy.untrusted), .expected = "refuse or untrusted" },
	{ "close-notify", config_read_close_notify, G(proxy.close_notify),
	  .expected = "default, mirror, strict or lenient" },
	{ "without-name", config_read_without_name, G(proxy.unnamed_by_address), .expected = "client or address" },
	{ "resumption", config_read_resumption, G(proxy.resumption), .expected = "shown, allow or require" },
	{ "session-relays", config_read_number, G(proxy.session_relays), .minimum = 1, .maximum = 64, .unit = 1 },
	{ "mint-rate", config_read_number, G(proxy.mint_rate), .minimum = 1, .maximum = 1000000, .unit = 1 },
	{ "source-relays", config_read_number, G(limits.quota.relays), .minimum = 0, .maximum = 1048576, .unit = 1 },
	{ "data-timeout", config_read_number, G(proxy.data_timeout), .minimum = 10, .maximum = 864000, .unit = SECOND },
	{ "drain-time", config_read_number, G(proxy.drain_time), .minimum = 0, .maximum = 864000, .unit = 1 },
	{ "tls-versions", config_read_tls_versions, G(proxy.client_tls.versions), .expected = VERSIONS },
	{ "ciphers", config_read_tls_words, G(proxy.client_tls.ciphers), .expected = TLS_WORDS, .list = true },
	{ "groups", config_read_tls_words, G(proxy.client_tls.groups), .expected = TLS_WORDS, .list = true },
	{ "server-tls-versions", config_read_tls_versions, G(proxy.server_tls.versions), .expected = VERSIONS },
	{ "server-ciphers", config_read_tls_words, G(proxy.server_tls.ciphers), .expected = TLS_WORDS, .list = true },
	{ "server-groups", config_read_tls_words, G(proxy.server_tls.groups), .expected = TLS_WORDS, .list = true },
	{ "user", config_read_proxy_user, G(proxy.user), .expected = "the name of a user, or none" },
};

static const struct config_key policy_keys[] = {
	{ "clients", config_read_clients, RUN(struct policy_rule, clients, client_count),
	  .expected = NETWORK_LIST, .list = true, .rule_only = true },
	{ "servers", config_read_servers, RUN(struct policy_rule, servers, server_count),
	  .expected = NETWORK_LIST, .list = true, .rule_only = true },
	{ "active", config_read_yes, P(active), .expected = YES_OR_NO },
	{ "passive", config_read_yes, P(passive), .expected = YES_OR_NO },
	{ "upload", config_read_yes, P(upload), .expected = YES_OR_NO },
	{ "download", config_read_yes, P(download), .expected = YES_OR_NO },
	{ "login-required", config_read_yes, P(login_required), .expected = YES_OR_NO },
	{ "unknown-verbs", config_read_yes, P(unknown_verbs), .expected = YES_OR_NO },
	{ "proxy-header", config_read_yes, P(proxy_header), .expected = YES_OR_NO },
	{ "deny-verbs", config_read_deny_verbs, P(verb_denied),
	  .expected = "FTP commands that ftpalg.conf(5) lists, or none", .list = true },
	{ "foreign-server", config_read_foreign_server, P(foreign_server), .expected = "rewrite-private, refuse or rewrite" },
	{ "tls", config_read_tls, P(tls), .expected = "allow, forbid, require, terminate or terminate-require" },
	{ "port-min", config_read_number, P(port_min), .minimum = 1, .maximum = 65535, .unit = 1 },
	{ "deny-ports", config_read_deny_ports, RUN(struct policy_rule, port_denied, port_denied_count),
	  .expected = "ports, FIRST-LAST, default, at most 64 of them; or none", .list = true },
	{ "deny-passive-ports", config_read_deny_passive_ports,
	  RUN(struct policy_rule, passive_denied, passive_denied_count),
	  .expected = "ports, FIRST-LAST, at most 64 of them; or none", .list = true },
	{ "fxp", config_read_fxp, RUN(struct policy_rule, fxp, fxp_count),
	  .expected = "ADDRESS, ADDRESS/PREFIX or ADDRESS/PREFIX:FIRST-LAST, at most 16 of them; or none",
	  .list = true },
	{ "advertise", config_read_advertise, RUN(struct policy_rule, advertise, advertise_port_offset),
	  .expected = "ADDRESS, ADDRESS+OFFSET, ADDRESS-OFFSET or none" },
	{ "pinhole-timeout", config_read_number, P(pinhole_timeout), .minimum = 1, .maximum = 3600, .unit = 1 },
};

#define S(member) MEMBER(struct config_server, member)

static const struct config_key server_keys[] = {
	{ "addresses", config_read_addresses, RUN(struct config_server, addresses, address_count),
	  .expected = NETWORK_LIST, .list = true },
	{ "names", config_read_hosts, RUN(struct config_server, hosts, host_count),
	  .expected = "host names in ASCII, at most 16 of them", .list = true },
	{ "close-notify", config_read_close_notify, S(close_notify), .expected = "default, mirror, strict or lenient" },
	{ "tls-versions", config_read_tls_versions, S(tls.versions), .expected = VERSIONS },
	{ "ciphers", config_read_tls_words, S(tls.ciphers), .expected = TLS_WORDS, .list = true },
	{ "groups", config_read_tls_words, S(tls.groups), .expected = TLS_WORDS, .list = true },
	{ "certificate", config_read_file, S(certificate), .expected = FILE_OR_NONE },
	{ "key", config_read_file, S(key), .expected = FILE_OR_NONE },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

_Static_assert(COUNT(gateway_keys) <= CONFIG_KEYS_MAX && COUNT(policy_keys) <= CONFIG_KEYS_MAX, "a set is 64 bits");

const struct config_key *config_key_at(enum config_section section, size_t index)
{
	switch (section) {
	case CONFIG_SECTION_GATEWAY:
		return index < COUNT(gateway_keys) ? &gateway_keys[index] : NULL;
	case CONFIG_SECTION_PROXY:
		return index < COUNT(proxy_keys) ? &proxy_keys[index] : NULL;
	case CONFIG_SECTION_POLICY:
	case CONFIG_SECTION_RULE:
		return index < COUNT(policy_keys) ? &policy_keys[index] : NULL;
	case CONFIG_SECTION_SERVER:
		return index < COUNT(server_keys) ? &server_keys[index] : NULL;
	case CONFIG_SECTION_NONE:
	case CONFIG_SECTION_UNKNOWN:
		break;
	}
	return NULL;
}
