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
#define SOCKET_OR_NONE "an absolute path of at most 107 bytes without blanks, or none"
#define NETWORK_LIST "ADDRESS or ADDRESS/PREFIX, at most 16 of them"

#define STATED "the expectations below state these limits"

_Static_assert(CONFIG_SOCKET_MAX == 108 && POLICY_RANGES_MAX == 64 && CONFIG_PORTS_MAX == 15 && CONFIG_FORWARDS_MAX == 32,
	       STATED);
_Static_assert(POLICY_NETWORKS_MAX == 16, STATED);
_Static_assert(POLICY_FXP_MAX == 16, STATED);
_Static_assert(CONFIG_NAMES_MAX == 16, STATED);

#define GROUP_OR_NONE "the name of a group, or none"

/*
 * What a setting of a few words may say. The place of each word is its value: a member of an enum, or, where there are two,
 * false and true.
 */
static const char *const no_yes_words[] = { "no", "yes", NULL };
static const char *const closed_open_words[] = { "closed", "open", NULL };
static const char *const refuse_untrusted_words[] = { "refuse", "untrusted", NULL };
static const char *const refuse_bypass_words[] = { "refuse", "bypass", NULL };
static const char *const refuse_allow_words[] = { "refuse", "allow", NULL };
static const char *const client_address_words[] = { "client", "address", NULL };
static const char *const close_notify_words[] = {
	[CLOSE_NOTIFY_DEFAULT] = "default", [CLOSE_NOTIFY_MIRROR] = "mirror", [CLOSE_NOTIFY_STRICT] = "strict",
	[CLOSE_NOTIFY_LENIENT] = "lenient", NULL
};
static const char *const resumption_words[] = {
	[PROXY_RESUMPTION_SHOWN] = "shown", [PROXY_RESUMPTION_ALLOW] = "allow",
	[PROXY_RESUMPTION_REQUIRE] = "require", NULL
};
static const char *const interception_words[] = { "redirect", "tproxy", NULL };
static const char *const source_words[] = { "router", "client", NULL };
static const char *const tls_versions_words[] = {
	[TLS_VERSIONS_DEFAULT] = "default", [TLS_VERSIONS_BOTH] = "1.2-1.3", [TLS_VERSIONS_12] = "1.2",
	[TLS_VERSIONS_13] = "1.3", NULL
};
static const char *const legs_words[] = {
	[PROXY_LEGS_BOTH] = "both", [PROXY_LEGS_CLIENT] = "client", [PROXY_LEGS_SERVER] = "server",
	[PROXY_LEGS_NONE] = "none", NULL
};
static const char *const foreign_server_words[] = {
	[FOREIGN_SERVER_REWRITE_PRIVATE] = "rewrite-private", [FOREIGN_SERVER_REFUSE] = "refuse",
	[FOREIGN_SERVER_REWRITE] = "rewrite", NULL
};
static const char *const tls_words[] = {
	[TLS_ALLOW] = "allow", [TLS_FORBID] = "forbid", [TLS_REQUIRE] = "require",
	[TLS_TERMINATE] = "terminate", [TLS_TERMINATE_REQUIRE] = "terminate-require", NULL
};

#define WORKERS "a number from 1 to 16, or auto"
#define FILE_OR_NONE "an absolute path without blanks, or none"

static const struct config_key gateway_keys[] = {
	{ "control-ports", config_read_control_ports, RUN(struct config, control_ports, control_port_count),
	  .expected = "ports from 1 to 65535, at most 15 of them", .list = true },
	{ "queue", config_read_number, G(queue), .minimum = 0, .maximum = 65535, .unit = 1 },
	{ "workers", config_read_workers, G(workers), .minimum = 1, .maximum = CONFIG_WORKERS_MAX, .unit = 1,
	  .expected = WORKERS },
	{ "queue-length", config_read_number, G(queue_length), .minimum = 16, .maximum = 1048576, .unit = 1 },
	{ "busy-poll", config_read_number, G(busy_poll), .minimum = 0, .maximum = 1000, .unit = 1 },
	{ "resolve-interval", config_read_number, G(resolve_interval), .minimum = 1, .maximum = 86400, .unit = 1 },
	{ "zone", config_read_number, G(zone), .minimum = 0, .maximum = 65535, .unit = 1 },
	{ "mark", config_read_mark, G(mark), .expected = "a number from 1 to 0xffffffff" },
	{ "passed-mark", config_read_passed_mark, G(passed_mark),
	  .expected = "a number from 1 to 0xffffffff, or none" },
	{ "nflog-group", config_read_number, G(nflog_group), .minimum = 0, .maximum = 65535, .unit = 1 },
	{ "mss", config_read_number, G(mss), .minimum = 256, .maximum = 8960, .unit = 1 },
	{ "absent", config_read_choice, G(absent_open), .words = closed_open_words, .expected = CLOSED_OR_OPEN },
	{ "queue-full", config_read_choice, G(queue_full_open), .words = closed_open_words, .expected = CLOSED_OR_OPEN },
	{ "table-full", config_read_choice, G(limits.table_full_open),
	  .words = closed_open_words, .expected = CLOSED_OR_OPEN },
	{ "malformed", config_read_choice, G(limits.malformed_open),
	  .words = closed_open_words, .expected = CLOSED_OR_OPEN },
	{ "reverse-path", config_read_choice, G(limits.reverse_path), .words = no_yes_words, .expected = YES_OR_NO },
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
	{ "user", config_read_account, G(user), .expected = "the name of a user, or none" },
	{ "events", config_read_events, G(events), .expected = "an absolute path without blanks, - or none" },
	{ "xferlog", config_read_file, G(xferlog), .expected = FILE_OR_NONE },
	{ "journal", config_read_choice, G(journal), .words = no_yes_words, .expected = YES_OR_NO },
	{ "log-transfers", config_read_choice, G(log_transfers), .words = no_yes_words, .expected = YES_OR_NO },
	{ "log-refusals", config_read_choice, G(log_refusals), .words = no_yes_words, .expected = YES_OR_NO },
	{ "monitor", config_read_file, G(monitor), .expected = SOCKET_OR_NONE },
	{ "control", config_read_file, G(control), .expected = SOCKET_OR_NONE },
	{ "metrics", config_read_listen, G(metrics), .expected = "ADDRESS:PORT, [ADDRESS]:PORT or none" },
	{ "restore-rules", config_read_choice, G(restore_rules), .words = no_yes_words, .expected = YES_OR_NO },
	{ "monitor-group", config_read_account, G(monitor_group), .expected = GROUP_OR_NONE },
	{ "control-group", config_read_account, G(control_group), .expected = GROUP_OR_NONE },
};

#define VERSIONS "1.2, 1.3, 1.2-1.3 or default"
#define TLS_WORDS "names that OpenSSL knows, or default"

static const struct config_key proxy_keys[] = {
	{ "port", config_read_number, G(proxy.port), .minimum = 1, .maximum = 65535, .unit = 1 },
	{ "workers", config_read_workers, G(proxy.workers), .minimum = 1, .maximum = CONFIG_WORKERS_MAX, .unit = 1,
	  .expected = WORKERS },
	{ "bypass", config_read_bypass, RUN(struct config, proxy.bypass, proxy.bypass_count),
	  .expected = NETWORK_LIST "; or none", .list = true },
	{ "bypass-names", config_read_bypass_names, RUN(struct config, proxy.bypass_names, proxy.bypass_name_count),
	  .expected = "host names in ASCII, or .NAME for all below one, at most 16 of them; or none", .list = true },
	{ "client-certificates", config_read_choice, G(proxy.certificates_bypass),
	  .words = refuse_bypass_words, .expected = "refuse or bypass" },
	{ "ccc", config_read_choice, G(proxy.ccc), .words = refuse_allow_words, .expected = "refuse or allow" },
	{ "control-ports", config_read_proxy_ports, RUN(struct config, proxy.ports, proxy.port_count),
	  .expected = "ports from 1 to 65535, at most 15 of them, or none", .list = true },
	{ "implicit-ports", config_read_implicit_ports,
	  RUN(struct config, proxy.implicit_ports, proxy.implicit_port_count),
	  .expected = "ports from 1 to 65535, at most 15 of them, or none", .list = true },
	{ "interception", config_read_choice, G(proxy.tproxy),
	  .words = interception_words, .expected = "redirect or tproxy" },
	{ "source", config_read_choice, G(proxy.source_is_client), .words = source_words, .expected = "router or client" },
	{ "queue", config_read_number, G(proxy.queue), .minimum = 0, .maximum = 65535, .unit = 1 },
	{ "mark", config_read_mark, G(proxy.mark), .expected = "a number from 1 to 0xffffffff" },
	{ "table", config_read_number, G(proxy.table), .minimum = 256, .maximum = INT32_MAX, .unit = 1 },
	{ "forward", config_read_forward, RUN(struct config, proxy.forwards, proxy.forward_count),
	  .expected = "DIALLED->SERVER, each ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, at most 32 of them; or none",
	  .list = true },
	{ "tls", config_read_choice, G(proxy.legs), .words = legs_words, .expected = "both, client, server or none" },
	{ "certificate", config_read_file, G(proxy.certificate), .expected = FILE_OR_NONE },
	{ "key", config_read_file, G(proxy.key), .expected = FILE_OR_NONE },
	{ "ca-certificate", config_read_file, G(proxy.ca_certificate), .expected = FILE_OR_NONE },
	{ "ca-key", config_read_file, G(proxy.ca_key), .expected = FILE_OR_NONE },
	{ "anchors", config_read_file, G(proxy.anchors), .expected = FILE_OR_NONE },
	{ "bad-certificate", config_read_choice, G(proxy.untrusted),
	  .words = refuse_untrusted_words, .expected = "refuse or untrusted" },
	{ "close-notify", config_read_choice, G(proxy.close_notify),
	  .words = close_notify_words, .expected = "default, mirror, strict or lenient" },
	{ "without-name", config_read_choice, G(proxy.unnamed_by_address),
	  .words = client_address_words, .expected = "client or address" },
	{ "resumption", config_read_choice, G(proxy.resumption),
	  .words = resumption_words, .expected = "shown, allow or require" },
	{ "session-relays", config_read_number, G(proxy.session_relays), .minimum = 1, .maximum = 64, .unit = 1 },
	{ "mint-rate", config_read_number, G(proxy.mint_rate), .minimum = 1, .maximum = 1000000, .unit = 1 },
	{ "source-relays", config_read_number, G(limits.quota.relays), .minimum = 0, .maximum = 1048576, .unit = 1 },
	{ "data-timeout", config_read_number, G(proxy.data_timeout), .minimum = 10, .maximum = 864000, .unit = SECOND },
	{ "drain-time", config_read_number, G(proxy.drain_time), .minimum = 0, .maximum = 864000, .unit = 1 },
	{ "tls-versions", config_read_choice, G(proxy.client_tls.versions),
	  .words = tls_versions_words, .expected = VERSIONS },
	{ "ciphers", config_read_tls_words, G(proxy.client_tls.ciphers), .expected = TLS_WORDS, .list = true },
	{ "groups", config_read_tls_words, G(proxy.client_tls.groups), .expected = TLS_WORDS, .list = true },
	{ "server-tls-versions", config_read_choice, G(proxy.server_tls.versions),
	  .words = tls_versions_words, .expected = VERSIONS },
	{ "server-ciphers", config_read_tls_words, G(proxy.server_tls.ciphers), .expected = TLS_WORDS, .list = true },
	{ "server-groups", config_read_tls_words, G(proxy.server_tls.groups), .expected = TLS_WORDS, .list = true },
	{ "user", config_read_account, G(proxy.user), .expected = "the name of a user, or none" },
};

#define ADVERTISED "ADDRESS, ADDRESS+OFFSET, ADDRESS-OFFSET, one of each family, NAME or NAME+OFFSET; or none"

static const struct config_key policy_keys[] = {
	{ "clients", config_read_clients, RUN(struct policy_rule, clients, client_count),
	  .expected = NETWORK_LIST, .list = true, .rule_only = true },
	{ "servers", config_read_servers, RUN(struct policy_rule, servers, server_count),
	  .expected = NETWORK_LIST, .list = true, .rule_only = true },
	{ "active", config_read_choice, P(active), .words = no_yes_words, .expected = YES_OR_NO },
	{ "passive", config_read_choice, P(passive), .words = no_yes_words, .expected = YES_OR_NO },
	{ "upload", config_read_choice, P(upload), .words = no_yes_words, .expected = YES_OR_NO },
	{ "download", config_read_choice, P(download), .words = no_yes_words, .expected = YES_OR_NO },
	{ "login-required", config_read_choice, P(login_required), .words = no_yes_words, .expected = YES_OR_NO },
	{ "unknown-verbs", config_read_choice, P(unknown_verbs), .words = no_yes_words, .expected = YES_OR_NO },
	{ "proxy-header", config_read_choice, P(proxy_header), .words = no_yes_words, .expected = YES_OR_NO },
	{ "deny-verbs", config_read_deny_verbs, P(verb_denied),
	  .expected = "FTP commands that ftpalg.conf(5) lists, or none", .list = true },
	{ "foreign-server", config_read_choice, P(foreign_server),
	  .words = foreign_server_words, .expected = "rewrite-private, refuse or rewrite" },
	{ "tls", config_read_choice, P(tls),
	  .words = tls_words, .expected = "allow, forbid, require, terminate or terminate-require" },
	{ "port-min", config_read_number, P(port_min), .minimum = 1, .maximum = 65535, .unit = 1 },
	{ "deny-ports", config_read_deny_ports, RUN(struct policy_rule, port_denied, port_denied_count),
	  .expected = "ports, FIRST-LAST, default, at most 64 of them; or none", .list = true },
	{ "deny-passive-ports", config_read_deny_passive_ports,
	  RUN(struct policy_rule, passive_denied, passive_denied_count),
	  .expected = "ports, FIRST-LAST, at most 64 of them; or none", .list = true },
	{ "fxp", config_read_fxp, RUN(struct policy_rule, fxp, fxp_count),
	  .expected = "ADDRESS, ADDRESS/PREFIX or ADDRESS/PREFIX:FIRST-LAST, at most 16 of them; or none",
	  .list = true },
	{ "advertise", config_read_advertise, P(advertise), .expected = ADVERTISED, .list = true },
	{ "advertise-active", config_read_advertise_active, P(advertise_active), .expected = ADVERTISED, .list = true },
	{ "pinhole-timeout", config_read_number, P(pinhole_timeout), .minimum = 1, .maximum = 3600, .unit = 1 },
};

#define S(member) MEMBER(struct config_server, member)

static const struct config_key server_keys[] = {
	{ "addresses", config_read_addresses, RUN(struct config_server, addresses, address_count),
	  .expected = NETWORK_LIST, .list = true },
	{ "names", config_read_hosts, RUN(struct config_server, hosts, host_count),
	  .expected = "host names in ASCII, at most 16 of them", .list = true },
	{ "close-notify", config_read_choice, S(close_notify),
	  .words = close_notify_words, .expected = "default, mirror, strict or lenient" },
	{ "tls-versions", config_read_choice, S(tls.versions), .words = tls_versions_words, .expected = VERSIONS },
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
