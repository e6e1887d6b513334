/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration file: what is read, what is refused and in which words, what a rule inherits, and that the manual
 * tells the truth. Runs from the top of the tree, where the manual is.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/value.h"
#include "unit.h"

#define ADVERTISED "ADDRESS, ADDRESS+OFFSET, ADDRESS-OFFSET, one of each family, NAME or NAME+OFFSET; or none\n"

#define MANUAL "doc/ftpalg.conf.5"
#define SECTIONS "[gateway], [proxy], [server NAME], [policy] or [rule NAME]"

static struct config config;

/* What config_load says of text as a file. The caller frees it. The name of the file is left out: "3: queue: ..." */
static char *load_bytes(const char *text, size_t length, int *result)
{
	char path[64], *errors = NULL, *from, *to;
	size_t size = 0, prefix;
	int file = memfd_create("config", 0);
	FILE *out = open_memstream(&errors, &size);

	assert_true(file >= 0);
	assert_non_null(out);
	assert_int_equal(write(file, text, length), (ssize_t)length);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	prefix = strlen(path) + 1;
	*result = config_load(&config, path, out);
	fclose(out);
	close(file);
	for (from = to = errors; *from; ) {
		char *end = strchr(from, '\n') + 1;

		assert_memory_equal(from, path, prefix - 1);
		from += prefix;
		memmove(to, from, (size_t)(end - from));
		to += end - from;
		from = end;
	}
	*to = '\0';
	return errors;
}

static void assert_errors(const char *text, const char *expected)
{
	int result;
	char *errors = load_bytes(text, strlen(text), &result);

	if (strcmp(errors, expected) != 0)
		fail_msg("from:\n%s\nexpected:\n%s\ngot:\n%s", text, expected, errors);
	assert_int_equal(result, *expected ? -1 : 0);
	free(errors);
}

static void assert_loads(const char *text)
{
	assert_errors(text, "");
}

static void an_empty_file_means_the_defaults(void **state)
{
	static struct config defaults;

	(void)state;
	config_set_defaults(&defaults);
	assert_loads("");
	assert_memory_equal(&config, &defaults, sizeof(config));
	assert_loads("\n# a comment\n\t; another\n[gateway]\n[policy]\n");
	assert_memory_equal(&config, &defaults, sizeof(config));
}

static void the_defaults_are_closed_and_strict(void **state)
{
	const struct policy_rule *rule = &config.policy.rules[0];

	(void)state;
	config_set_defaults(&config);
	assert_int_equal(config.control_port_count, 1);
	assert_int_equal(config.control_ports[0], 21);
	assert_false(config.absent_open);
	assert_false(config.queue_full_open);
	assert_false(config.limits.table_full_open);
	assert_false(config.limits.malformed_open);
	assert_int_not_equal(config.mark, 0);
	assert_int_equal(config.passed_mark, 0);
	assert_int_equal(config.policy.rule_count, 1);
	assert_string_equal(rule->name, "policy");
	assert_true(rule->login_required);
	assert_int_equal(rule->foreign_server, FOREIGN_SERVER_REWRITE_PRIVATE);
	assert_int_equal(rule->port_min, 1024);
	assert_true(rule->port_denied_count > 0);
	assert_int_equal(rule->fxp_count, 0);
	assert_int_equal(rule->advertise.ipv4.address.family, FAMILY_NONE);
	assert_string_equal(rule->advertise.host, "");
}

static void every_gateway_setting_arrives_in_its_place(void **state)
{
	(void)state;
	assert_loads("[gateway]\n"
		     "control-ports = 21, 2121 990\n"
		     "queue = 7\n"
		     "workers = 3\n"
		     "queue-length = 100\n"
		     "busy-poll = 50\n"
		     "zone = 65535\n"
		     "mark = 0xBeef\n"
		     "passed-mark = 0x40\n"
		     "nflog-group = 0\n"
		     "mss = 536\n"
		     "absent = open\n"
		     "queue-full = open\n"
		     "table-full = open\n"
		     "malformed = open\n"
		     "sessions = 12\n"
		     "memory = 64\n"
		     "line-length = 512\n"
		     "line-timeout = 7\n"
		     "unacknowledged = 9\n"
		     "source-sessions = 10\n"
		     "source-pinholes = 11\n"
		     "source-pinhole-rate = 0\n"
		     "source-memory = 13\n"
		     "idle-timeout = 60\n"
		     "watchdog = 3\n"
		     "user = _ftpalg\n"
		     "events = /var/log/ftpalg.json\n"
		     "xferlog = /var/log/xferlog\n"
		     "journal = no\n"
		     "log-transfers = yes\n"
		     "monitor = /run/other/asked\n"
		     "control = none\n"
		     "metrics = [::1]:9121\n"
		     "monitor-group = adm\n"
		     "control-group = none\n");
	assert_int_equal(config.control_port_count, 3);
	assert_int_equal(config.control_ports[0], 21);
	assert_int_equal(config.control_ports[1], 2121);
	assert_int_equal(config.control_ports[2], 990);
	assert_int_equal(config.queue, 7);
	assert_int_equal(config.workers, 3);
	assert_int_equal(config.queue_length, 100);
	assert_int_equal(config.busy_poll, 50);
	assert_int_equal(config.zone, 65535);
	assert_int_equal(config.mark, 0xbeef);
	assert_int_equal(config.passed_mark, 0x40);
	assert_int_equal(config.nflog_group, 0);
	assert_int_equal(config.mss, 536);
	assert_true(config.absent_open);
	assert_true(config.queue_full_open);
	assert_true(config.limits.table_full_open);
	assert_true(config.limits.malformed_open);
	assert_int_equal(config.limits.sessions, 12);
	assert_int_equal(config.limits.memory, 64 * 1024);
	assert_int_equal(config.limits.line, 512);
	assert_int_equal(config.limits.line_timeout, 7000000);
	assert_int_equal(config.limits.unacknowledged, 9 * 1024);
	assert_int_equal(config.limits.quota.sessions, 10);
	assert_int_equal(config.limits.quota.pinholes, 11);
	assert_int_equal(config.limits.quota.pinhole_rate, 0);
	assert_int_equal(config.limits.quota.bytes, 13 * 1024);
	assert_int_equal(config.limits.idle, 60000000);
	assert_int_equal(config.watchdog, 3);
	assert_string_equal(config.user, "_ftpalg");
	assert_string_equal(config.events, "/var/log/ftpalg.json");
	assert_string_equal(config.xferlog, "/var/log/xferlog");
	assert_false(config.journal);
	assert_true(config.log_transfers);
	assert_string_equal(config.monitor, "/run/other/asked");
	assert_string_equal(config.monitor_group, "adm");
	assert_string_equal(config.control_group, "");
	assert_string_equal(config.control, "");
	assert_int_equal(config.metrics.port, 9121);
	assert_int_equal(config.metrics.address.family, FAMILY_IPV6);
}

static void every_policy_setting_arrives_in_its_place(void **state)
{
	const struct policy_rule *rule = &config.policy.rules[0];

	(void)state;
	assert_loads("[policy]\n"
		     "active = no\n"
		     "passive = no\n"
		     "upload = no\n"
		     "download = no\n"
		     "login-required = no\n"
		     "unknown-verbs = no\n"
		     "proxy-header = yes\n"
		     "deny-verbs = SITE, dele\n"
		     "foreign-server = rewrite\n"
		     "tls = require\n"
		     "port-min = 1\n"
		     "deny-ports = 6000-6063, 8080\n"
		     "deny-passive-ports = 3306\n 5000-5009\n"
		     "fxp = 192.0.2.0/24, 192.0.2.7/32:2000, 2001:db8::/32:5000-6000\n"
		     "advertise = 198.51.100.1+10000\n"
		     "advertise-active = router.example.org\n"
		     "pinhole-timeout = 3600\n");
	assert_int_equal(config.policy.rule_count, 1);
	assert_false(rule->active || rule->passive || rule->upload || rule->download);
	assert_false(rule->login_required || rule->unknown_verbs);
	assert_true(rule->proxy_header);
	for (unsigned int verb = 0; verb < VERB_COUNT; verb++)
		assert_int_equal(rule->verb_denied[verb], verb == VERB_SITE || verb == VERB_DELE);
	assert_int_equal(rule->foreign_server, FOREIGN_SERVER_REWRITE);
	assert_int_equal(rule->tls, TLS_REQUIRE);
	assert_int_equal(rule->port_min, 1);
	assert_int_equal(rule->port_denied_count, 2);
	assert_int_equal(rule->port_denied[0].first, 6000);
	assert_int_equal(rule->port_denied[0].last, 6063);
	assert_int_equal(rule->port_denied[1].first, 8080);
	assert_int_equal(rule->port_denied[1].last, 8080);
	assert_int_equal(rule->passive_denied_count, 2);
	assert_int_equal(rule->passive_denied[0].first, 3306);
	assert_int_equal(rule->passive_denied[1].first, 5000);
	assert_int_equal(rule->passive_denied[1].last, 5009);
	assert_int_equal(rule->fxp_count, 3);
	assert_int_equal(rule->fxp[0].network.prefix, 24);
	assert_int_equal(rule->fxp[0].ports.first, 1024);
	assert_int_equal(rule->fxp[0].ports.last, 65535);
	assert_int_equal(rule->fxp[1].ports.first, 2000);
	assert_int_equal(rule->fxp[1].ports.last, 2000);
	assert_int_equal(rule->fxp[2].network.address.family, FAMILY_IPV6);
	assert_int_equal(rule->fxp[2].network.prefix, 32);
	assert_int_equal(rule->fxp[2].ports.last, 6000);
	assert_int_equal(rule->advertise.ipv4.port_offset, 10000);
	assert_string_equal(rule->advertise_active.host, "router.example.org");
	assert_int_equal(rule->pinhole_timeout, 3600);
}

static void assert_endpoint(const struct endpoint *endpoint, const char *expected)
{
	char text[ENDPOINT_TEXT_MAX];

	endpoint_format(endpoint, text);
	assert_string_equal(text, expected);
}

static void every_interception_setting_arrives_in_its_place(void **state)
{
	(void)state;
	assert_loads("[proxy]\nport = 2100\ntls = server\n");
	assert_int_equal(config.proxy.drain_time, 86400);
	assert_loads("[proxy]\nport = 2100\ntls = server\ndrain-time = 7\nworkers = 3\n");
	assert_int_equal(config.proxy.workers, 3);
	assert_int_equal(config.workers, 1);
	assert_int_equal(config_count_proxies(&config), 3);
	assert_int_equal(config.proxy.drain_time, 7);
	assert_false(config.proxy.tproxy);
	assert_false(config.proxy.source_is_client);
	assert_false(config_terminates(&config));
	assert_loads("[gateway]\ncontrol-ports = 21, 2121\n"
		     "[proxy]\nport = 2100\ntls = server\ninterception = tproxy\nsource = client\nmark = 7\ntable = 300\n"
		     "forward = 192.0.2.1->10.0.0.1, 192.0.2.1:2121->10.0.0.2:21\n"
		     "          2001:db8::1->fd00::1, [2001:db8::1]:21->[fd00::2]:2121\n"
		     "[rule a]\nclients = 10.0.0.0/8\ntls = terminate-require\n");
	assert_true(config.proxy.tproxy);
	assert_true(config.proxy.source_is_client);
	assert_int_equal(config.proxy.mark, 7);
	assert_int_equal(config.proxy.table, 300);
	assert_int_equal(config.proxy.forward_count, 4);
	assert_endpoint(&config.proxy.forwards[0].dialled, "192.0.2.1:0");
	assert_endpoint(&config.proxy.forwards[1].dialled, "192.0.2.1:2121");
	assert_endpoint(&config.proxy.forwards[1].server, "10.0.0.2:21");
	assert_endpoint(&config.proxy.forwards[2].server, "[fd00::1]:0");
	assert_endpoint(&config.proxy.forwards[3].server, "[fd00::2]:2121");
	assert_true(config_terminates(&config));
	assert_int_equal(config.policy.rules[0].tls, TLS_TERMINATE_REQUIRE);
}

static void assert_public(const struct policy_public *public, const char *address, int32_t offset)
{
	const struct address expected = unit_address(address);

	assert_true(address_equal(&public->address, &expected));
	assert_int_equal(public->port_offset, offset);
}

static void advertise_takes_an_address_of_each_family_and_a_name(void **state)
{
	const struct policy_advertise *advertise = &config.policy.rules[0].advertise;

	(void)state;
	assert_loads("[policy]\nadvertise = 2001:db8::1-100\n");
	assert_public(&advertise->ipv6, "2001:db8::1", -100);
	assert_int_equal(advertise->ipv4.address.family, FAMILY_NONE);
	assert_loads("[policy]\nadvertise = 192.0.2.1\n");
	assert_public(&advertise->ipv4, "192.0.2.1", 0);
	assert_loads("[policy]\nadvertise = 192.0.2.1+7,\n  2001:db8::1\n");
	assert_public(&advertise->ipv4, "192.0.2.1", 7);
	assert_public(&advertise->ipv6, "2001:db8::1", 0);
	assert_string_equal(advertise->host, "");
	assert_loads("[policy]\nadvertise = FTP-1.example.org+10000, 2001:db8::1\n");
	assert_string_equal(advertise->host, "ftp-1.example.org");
	assert_int_equal(advertise->host_offset, 10000);
	assert_int_equal(advertise->ipv4.address.family, FAMILY_NONE);
	assert_public(&advertise->ipv6, "2001:db8::1", 0);
	assert_loads("[policy]\nadvertise-active = router\n");
	assert_string_equal(config.policy.rules[0].advertise_active.host, "router");
	assert_string_equal(advertise->host, "");
}

static void no_more_names_are_announced_than_are_looked_up(void **state)
{
	char text[4096] = "";
	size_t length = 0;

	(void)state;
	for (int i = 0; i < POLICY_HOSTS_MAX / 2; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "[rule r%d]\nclients = 10.0.0.%d\n"
					   "advertise = a%d.test\nadvertise-active = b%d.test\n", i, i, i, i);
	assert_loads(text);
	snprintf(text + length, sizeof(text) - length, "[policy]\nadvertise = a0.test\nadvertise-active = one-more.test\n");
	assert_errors(text, "33: with this section, advertise and advertise-active have more than 16 names; expected less\n");
}

static void none_is_nobody_nowhere_and_nothing(void **state)
{
	const struct policy_rule *rule = &config.policy.rules[0];

	(void)state;
	assert_loads("[gateway]\nuser = none\nevents = none\nxferlog = none\n"
		     "[policy]\ndeny-ports = none\nfxp = none\ndeny-verbs = none\nadvertise = none\n");
	assert_string_equal(config.user, "");
	assert_string_equal(config.events, "");
	assert_string_equal(config.xferlog, "");
	assert_int_equal(rule->port_denied_count, 0);
	assert_int_equal(rule->fxp_count, 0);
	assert_int_equal(rule->advertise.ipv4.address.family, FAMILY_NONE);
	assert_string_equal(rule->advertise.host, "");
}

static void the_built_in_deny_list_can_be_added_to(void **state)
{
	const struct policy_rule *rule = &config.policy.rules[0];
	struct policy_rule defaults;

	(void)state;
	policy_rule_set_defaults(&defaults);
	assert_loads("[policy]\ndeny-ports = default, 8123\n");
	assert_int_equal(rule->port_denied_count, defaults.port_denied_count + 1);
	assert_memory_equal(rule->port_denied, defaults.port_denied,
			    defaults.port_denied_count * sizeof(defaults.port_denied[0]));
	assert_int_equal(rule->port_denied[defaults.port_denied_count].first, 8123);
}

static void lists_go_on_in_indented_lines(void **state)
{
	(void)state;
	assert_loads("[gateway]\n"
		     "control-ports = 21, ; the usual one\n"
		     "\t2121,\n"
		     "# not part of the list\n"
		     "\n"
		     "    990\n"
		     "queue = 5\n");
	assert_int_equal(config.control_port_count, 3);
	assert_int_equal(config.control_ports[2], 990);
	assert_int_equal(config.queue, 5);
}

static void windows_line_ends_and_a_byte_order_mark_do_no_harm(void **state)
{
	(void)state;
	assert_loads("\xef\xbb\xbf[gateway]\r\nqueue = 5\r\nabsent = open\r\n");
	assert_int_equal(config.queue, 5);
	assert_true(config.absent_open);
}

static void rules_keep_the_order_of_the_file_and_the_policy_is_last(void **state)
{
	(void)state;
	assert_loads("[rule one]\nclients = 10.0.0.0/8\n"
		     "[policy]\n"
		     "[rule two]\nservers = 2001:db8::/32, 192.0.2.1\n"
		     "[gateway]\n"
		     "[rule three]\nclients = ::/0\nservers = 0.0.0.0/0\n");
	assert_int_equal(config.policy.rule_count, 4);
	assert_string_equal(config.policy.rules[0].name, "one");
	assert_string_equal(config.policy.rules[1].name, "two");
	assert_string_equal(config.policy.rules[2].name, "three");
	assert_string_equal(config.policy.rules[3].name, "policy");
	assert_int_equal(config.policy.rules[0].client_count, 1);
	assert_int_equal(config.policy.rules[0].clients[0].prefix, 8);
	assert_int_equal(config.policy.rules[0].server_count, 0);
	assert_int_equal(config.policy.rules[1].client_count, 0);
	assert_int_equal(config.policy.rules[1].server_count, 2);
	assert_int_equal(config.policy.rules[1].servers[1].prefix, 32);
	assert_int_equal(config.policy.rules[3].client_count, 0);
}

static void a_rule_inherits_what_it_does_not_set_wherever_the_policy_stands(void **state)
{
	static const char rule[] =
		"[rule office]\nclients = 10.0.0.0/8\nactive = yes\ndeny-ports = 7000\ntls = allow\nadvertise = none\n";
	static const char policy[] =
		"[policy]\nactive = no\nupload = no\ndeny-ports = none\ntls = require\nfxp = 192.0.2.0/24\n"
		"deny-verbs = SITE\nadvertise = 192.0.2.1+5\npinhole-timeout = 7\n";
	const struct policy_rule *office = &config.policy.rules[0];
	char text[1024];

	(void)state;
	for (int order = 0; order < 2; order++) {
		snprintf(text, sizeof(text), "%s%s", order ? policy : rule, order ? rule : policy);
		assert_loads(text);
		assert_string_equal(office->name, "office");
		assert_int_equal(office->client_count, 1);
		assert_true(office->active);
		assert_int_equal(office->port_denied_count, 1);
		assert_int_equal(office->tls, TLS_ALLOW);
		assert_int_equal(office->advertise.ipv4.address.family, FAMILY_NONE);
		assert_int_equal(office->advertise.ipv4.port_offset, 0);
		assert_false(office->upload);
		assert_true(office->download);
		assert_int_equal(office->fxp_count, 1);
		assert_true(office->verb_denied[VERB_SITE]);
		assert_int_equal(office->pinhole_timeout, 7);
		assert_int_equal(config.policy.rules[1].client_count, 0);
		assert_false(config.policy.rules[1].active);
		assert_public(&config.policy.rules[1].advertise.ipv4, "192.0.2.1", 5);
	}
}

#define FORWARD_EXPECTED \
	"expected DIALLED->SERVER, each ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, at most 32 of them; or none\n"

static void every_error_names_its_line_and_what_was_expected(void **state)
{
	static const struct {
		const char *text;
		const char *errors;
	} rows[] = {
		/* sections */
		{ "queue = 3\n",
		  "1: \"queue\" stands in no section; expected " SECTIONS " before it\n" },
		{ "[gate]\nqueue = x\nnonsense = 1\n",
		  "1: there is no section [gate]; expected " SECTIONS "\n" },
		{ "[proxy]\n", "1: [proxy]: expected port, where redirected connections arrive\n" },
		{ "[proxy]\nport = 2100\ntls = none\ncontrol-ports = none\n",
		  "1: [proxy]: expected control-ports or implicit-ports, or the proxy has nothing to do\n" },
		{ "[proxy]\nport = 2100\n",
		  "1: [proxy]: TLS to the client needs certificate and key, or ca-certificate and ca-key (\"ftpalg ca "
		  "init\" makes them)\n" },
		{ "[proxy]\nport = 2100\ntls = server\ncertificate = /a\n",
		  "1: [proxy]: expected certificate and key, both or neither\n" },
		{ "[proxy]\nport = 2100\ntls = server\nca-key = /a\n",
		  "1: [proxy]: expected ca-certificate and ca-key, both or neither\n" },
		{ "[proxy]\nport = 2100\ncertificate = /a\nkey = /b\nbad-certificate = untrusted\n",
		  "1: [proxy]: bad-certificate = untrusted needs ca-certificate and ca-key: a given certificate would make "
		  "a bad one look good\n" },
		{ "[proxy]\nport = 2100\ntls = server\nimplicit-ports = 21\n",
		  "1: [proxy]: a port is in control-ports and in implicit-ports; expected it in one of them\n" },
		{ "[proxy]\nport = 21\ntls = server\n",
		  "1: [proxy]: port is one of the ports that are redirected to it; expected another one\n" },
		{ "[proxy]\nport = 2100\ntls = none\nimplicit-ports = 990\n",
		  "1: [proxy]: implicit-ports speak TLS from the first byte, and tls = none allows none; expected one "
		  "without the other\n" },
		{ "[gateway]\nworkers = 0\n", "2: workers: \"0\" is out of range; expected a number from 1 to 16, or auto\n" },
		{ "[gateway]\nworkers = 17\n", "2: workers: \"17\" is out of range; expected a number from 1 to 16, or auto\n" },
		{ "[proxy]\nworkers = 17\n", "2: workers: \"17\" is out of range; expected a number from 1 to 16, or auto\n" },
		{ "[gateway]\nworkers = many\n",
		  "2: workers: \"many\" is not a number; expected a number from 1 to 16, or auto\n" },
		{ "[gateway]\nqueue = 65534\nworkers = 3\n",
		  "1: [gateway]: workers have queues from 65534 to 65536; expected none above 65535\n" },
		{ "[gateway]\nqueue = 65521\nworkers = auto\n",
		  "1: [gateway]: workers have queues from 65521 to 65536; expected none above 65535\n" },
		{ "[gateway]\nworkers = 2\n[proxy]\nport = 2100\ntls = server\n",
		  "3: [proxy]: queue is one of [gateway]'s, which has one for each worker (auto: for 16); expected another one\n" },
		{ "[gateway]\nworkers = auto\n[proxy]\nport = 2100\ntls = server\nqueue = 36\n",
		  "3: [proxy]: queue is one of [gateway]'s, which has one for each worker (auto: for 16); expected another one\n" },
		{ "[policy]\ntls = terminate\n",
		  "2: [proxy]: tls = terminate needs this section, which says with which certificates\n" },
		{ "[proxy]\nport = 2100\ntls = none\n[policy]\ntls = terminate\n",
		  "1: [proxy]: tls = none terminates no TLS, and a policy says tls = terminate; expected one of them\n" },
		{ "[proxy]\nport = 2100\ntls = server\ncontrol-ports = 21, 2121\n[rule a]\nclients = 10.0.0.1\n"
		  "tls = terminate\n",
		  "1: [proxy]: a port of control-ports is not in [gateway]'s: what is not terminated there would pass "
		  "uninspected; expected it in both\n" },
		{ "[proxy]\nport = 2100\ntls = server\nmark = 0x66747000\n",
		  "1: [proxy]: mark is that of [gateway], whose packets are not tracked; expected another one\n" },
		{ "[proxy]\nport = 2100\ntls = server\nforward = 192.0.2.1\n",
		  "4: forward: \"192.0.2.1\" is not understood; " FORWARD_EXPECTED },
		{ "[proxy]\nport = 2100\ntls = server\nforward = 192.0.2.1->10.0.0.1:\n",
		  "4: forward: \"192.0.2.1->10.0.0.1:\" is not a number; " FORWARD_EXPECTED },
		{ "[proxy]\nport = 2100\ntls = server\nforward = 192.0.2.1->[fd00::1]:21\n",
		  "4: forward: \"192.0.2.1->[fd00::1]:21\" mixes IPv4 and IPv6; " FORWARD_EXPECTED },
		{ "[proxy]\nport = 2100\ntls = server\nforward = [fd00::1->fd00::2\n",
		  "4: forward: \"[fd00::1->fd00::2\" has no valid address; " FORWARD_EXPECTED },
		{ "[proxy]\nport = 2100\ntls = server\nforward = [fd00::1]x->fd00::2\n",
		  "4: forward: \"[fd00::1]x->fd00::2\" is not understood; " FORWARD_EXPECTED },
		{ "[proxy]\nport = 2100\ntls = server\nforward = fd00::1->fd00::2, [fd00::1]->fd00::3\n",
		  "4: forward: \"[fd00::1]->fd00::3\" is listed twice; " FORWARD_EXPECTED },
		{ "[proxy]\nport = 2100\nkey = relative\n",
		  "3: key: \"relative\" is not understood; expected an absolute path without blanks, or none\n" },
		{ "[server a]\naddresses = 10.0.0.1\ncertificate = /a\n",
		  "1: server \"a\": expected certificate and key\n" },
		{ "[server a]\ncertificate = /a\nkey = /b\n",
		  "1: server \"a\" would be every server; expected addresses, names or both (what holds for every server "
		  "belongs in [proxy])\n" },
		{ "[server a]\nnames = x.example\ncertificate = /a\nkey = /b\n\n[server a]\n",
		  "6: there is a server \"a\" already, in line 1; expected another name\n" },
		{ "[server a b]\n",
		  "1: \"a b\" can't name a server; expected 1 to 31 letters, digits, dots, underscores and hyphens\n" },
		{ "[server a]\nnames = ftp.example, *.example\ncertificate = /a\nkey = /b\n",
		  "2: names: \"*.example\" is not understood; expected host names in ASCII, at most 16 of them\n" },
		{ "[server a]\naddresses = 10.0.0.1\ngroups = default\n",
		  "1: server \"a\": expected certificate and key\n" },
		{ "[proxy]\nport = 2100\ntls = server\ntls-versions = 1.1\n",
		  "4: tls-versions: \"1.1\" is not understood; expected 1.2, 1.3, 1.2-1.3 or default\n" },
		{ "[proxy]\nport = 2100\ntls = server\nserver-ciphers = AES128-SHA, default\n",
		  "4: server-ciphers: \"default\" must stand alone; expected names that OpenSSL knows, or default\n" },
		{ "[proxy]\nport = 2100\ntls = server\ngroups = default\n X25519\n",
		  "5: groups: \"X25519\" must stand alone; expected names that OpenSSL knows, or default\n" },
		{ "[]\n", "1: there is no section []; expected " SECTIONS "\n" },
		{ "[Gateway]\n", "1: there is no section [Gateway]; expected " SECTIONS "\n" },
		{ "\n[gateway\nqueue = 3\n",
		  "2: \"[gateway\" is no section header; expected " SECTIONS "\n" },
		{ "[gateway] x\n",
		  "1: \"[gateway] x\" is no section header; expected " SECTIONS "\n" },
		{ "[gateway]\n[policy]\n[gateway]\nqueue = x\n",
		  "3: this section began in line 1 already; expected it once in a file\n" },
		{ "[rule]\n",
		  "1: \"\" can't name a rule; expected 1 to 31 letters, digits, dots, underscores and hyphens\n" },
		{ "[rule a b]\n",
		  "1: \"a b\" can't name a rule; expected 1 to 31 letters, digits, dots, underscores and hyphens\n" },
		{ "[rule abcdefghijklmnopqrstuvwxyz012345]\n",
		  "1: \"abcdefghijklmnopqrstuvwxyz012345\" can't name a rule; expected 1 to 31 letters, digits, dots, "
		  "underscores and hyphens\n" },
		{ "[rule policy]\nclients = ::1\n",
		  "1: events call the [policy] section \"policy\", so no rule can; expected another name\n" },
		{ "[rule a]\nclients = ::1\n[rule a]\nclients = ::1\n",
		  "3: there is a rule \"a\" already, in line 1; expected another name\n" },
		{ "[rule a]\nactive = no\n",
		  "1: rule \"a\" would decide for everybody; expected clients, servers or both (what holds for "
		  "everybody belongs in [policy])\n" },
		/* lines */
		{ "[gateway]\nqueue\n",
		  "2: neither a setting nor a comment; expected KEY = VALUE, or # in front of a comment\n" },
		{ "[gateway]\nhello world",
		  "2: neither a setting nor a comment; expected KEY = VALUE, or # in front of a comment\n" },
		{ "[gateway]\nquue = 3\n  4\n",
		  "2: \"quue\" is no key of this section; expected one of: control-ports, queue, workers, queue-length, busy-poll, "
		  "resolve-interval, zone, "
		  "mark, passed-mark, nflog-group, mss, absent, queue-full, table-full, malformed, reverse-path, sessions, memory, line-length, "
		  "line-timeout, unacknowledged, source-sessions, source-pinholes, source-pinhole-rate, source-memory, "
		  "idle-timeout, watchdog, user, events, xferlog, journal, log-transfers, log-refusals, monitor, control, metrics, "
		  "restore-rules, monitor-group, "
		  "control-group\n" },
		{ "[policy]\nclients = 10.0.0.0/8\n",
		  "2: \"clients\" is no key of this section; expected one of: active, passive, upload, download, "
		  "login-required, unknown-verbs, proxy-header, deny-verbs, foreign-server, tls, port-min, "
		  "deny-ports, deny-passive-ports, fxp, advertise, advertise-active, pinhole-timeout\n" },
		{ "[gateway]\nqueue = 3\n\nqueue = 3\n",
		  "4: queue was set in line 2 already; expected it once in a section\n" },
		{ "[gateway]\nqueue = 3\n 4\n",
		  "3: an indented line continues the list above it, and this one can't continue queue; expected KEY = "
		  "VALUE without a blank in front\n" },
		{ "[gateway]\ncontrol-ports = 21\n queue = 4\n",
		  "3: an indented line continues the list above it, and this one can't continue control-ports; "
		  "expected KEY = VALUE without a blank in front\n" },
		/* single values */
		{ "[gateway]\nqueue =\n", "2: queue: \"\" is no value; expected a whole number from 0 to 65535\n" },
		{ "[gateway]\nqueue = 3x\n",
		  "2: queue: \"3x\" is not a number; expected a whole number from 0 to 65535\n" },
		{ "[gateway]\nqueue = 0x3\n",
		  "2: queue: \"0x3\" is not a number; expected a whole number from 0 to 65535\n" },
		{ "[gateway]\nqueue = -1\n",
		  "2: queue: \"-1\" is not a number; expected a whole number from 0 to 65535\n" },
		{ "[gateway]\nqueue = 65536\n",
		  "2: queue: \"65536\" is out of range; expected a whole number from 0 to 65535\n" },
		{ "[gateway]\nqueue = 18446744073709551617\n",
		  "2: queue: \"18446744073709551617\" is out of range; expected a whole number from 0 to 65535\n" },
		{ "[gateway]\nmark = 0\n",
		  "2: mark: \"0\" is out of range; expected a number from 1 to 0xffffffff\n" },
		{ "[gateway]\nmark = 0x100000000\n",
		  "2: mark: \"0x100000000\" is out of range; expected a number from 1 to 0xffffffff\n" },
		{ "[gateway]\npassed-mark = off\n",
		  "2: passed-mark: \"off\" is not a number; expected a number from 1 to 0xffffffff, or none\n" },
		{ "[gateway]\nmark = 0x\n",
		  "2: mark: \"0x\" is not a number; expected a number from 1 to 0xffffffff\n" },
		{ "[gateway]\nabsent = Open\n",
		  "2: absent: \"Open\" is not understood; expected closed or open\n" },
		{ "[gateway]\nevents = events.json\n",
		  "2: events: \"events.json\" is not understood; expected an absolute path without blanks, - or "
		  "none\n" },
		{ "[gateway]\nevents = /var/log/a b\n",
		  "2: events: \"/var/log/a b\" is not understood; expected an absolute path without blanks, - or "
		  "none\n" },
		{ "[gateway]\nuser = abcdefghijklmnopqrstuvwxyz012345\n",
		  "2: user: \"abcdefghijklmnopqrstuvwxyz012345\" is too long; expected the name of a user, or none\n" },
		{ "[policy]\nactive = true\n",
		  "2: active: \"true\" is not understood; expected yes or no\n" },
		{ "[policy]\ntls = requir\n",
		  "2: tls: \"requir\" is not understood; expected allow, forbid, require, terminate or "
		  "terminate-require\n" },
		{ "[policy]\nforeign-server = allow\n",
		  "2: foreign-server: \"allow\" is not understood; expected rewrite-private, refuse or rewrite\n" },
		{ "[policy]\nadvertise = 10.0.0.1+70000\n",
		  "2: advertise: \"10.0.0.1+70000\" is out of range; expected " ADVERTISED },
		{ "[policy]\nadvertise = 127.0.0.1\n",
		  "2: advertise: \"127.0.0.1\" is an address that no host on a routed network has; expected " ADVERTISED },
		{ "[policy]\nadvertise = 192.0.2.300\n",
		  "2: advertise: \"192.0.2.300\" is neither an address nor a name; expected " ADVERTISED },
		{ "[policy]\nadvertise = ftp!.example.org\n",
		  "2: advertise: \"ftp!.example.org\" is neither an address nor a name; expected " ADVERTISED },
		{ "[policy]\nadvertise = .example.org\n",
		  "2: advertise: \".example.org\" is neither an address nor a name; expected " ADVERTISED },
		{ "[policy]\nadvertise = +100\n",
		  "2: advertise: \"+100\" is neither an address nor a name; expected " ADVERTISED },
		{ "[policy]\nadvertise = ftp.example.org+0\n",
		  "2: advertise: \"ftp.example.org+0\" is out of range; expected " ADVERTISED },
		{ "[policy]\nadvertise = a.example.org b.example.org\n",
		  "2: advertise: \"b.example.org\" is the second name; expected " ADVERTISED },
		{ "[policy]\nadvertise = 192.0.2.1 192.0.2.2\n",
		  "2: advertise: \"192.0.2.2\" is the second address of its family; expected " ADVERTISED },
		{ "[policy]\nadvertise = 192.0.2.1 none\n",
		  "2: advertise: \"none\" must stand alone; expected " ADVERTISED },
		/* lists */
		{ "[gateway]\ncontrol-ports = ,\n",
		  "2: control-ports: \"\" has no words in it; expected ports from 1 to 65535, at most 15 of them\n" },
		{ "[gateway]\ncontrol-ports = 21, ftp\n",
		  "2: control-ports: \"ftp\" is not a number; expected ports from 1 to 65535, at most 15 of them\n" },
		{ "[gateway]\ncontrol-ports = 0\n",
		  "2: control-ports: \"0\" is out of range; expected ports from 1 to 65535, at most 15 of them\n" },
		{ "[gateway]\ncontrol-ports = 21,\n 2121,\n 21\n",
		  "4: control-ports: \"21\" is listed twice; expected ports from 1 to 65535, at most 15 of them\n" },
		{ "[gateway]\ncontrol-ports = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
		  "2: control-ports: \"16\" is one too many; expected ports from 1 to 65535, at most 15 of them\n" },
		{ "[rule a]\nclients = 10.0.0.1/8\n servers\n",
		  "2: clients: \"10.0.0.1/8\" has bits set beyond its prefix; expected ADDRESS or ADDRESS/PREFIX, at "
		  "most 16 of them\n"
		  "3: clients: \"servers\" is not an address; expected ADDRESS or ADDRESS/PREFIX, at most 16 of "
		  "them\n" },
		{ "[rule a]\nclients = ::1\nservers = 10.0.0.0/33\n",
		  "3: servers: \"10.0.0.0/33\" has no valid prefix length; expected ADDRESS or ADDRESS/PREFIX, at "
		  "most 16 of them\n" },
		{ "[policy]\ndeny-verbs = SITE, BREW\n",
		  "2: deny-verbs: \"BREW\" is no command that ftpalg knows (unknown-verbs decides on those); expected "
		  "FTP commands that ftpalg.conf(5) lists, or none\n" },
		{ "[policy]\ndeny-verbs = SITE, none\n",
		  "2: deny-verbs: \"none\" must stand alone; expected FTP commands that ftpalg.conf(5) lists, or "
		  "none\n" },
		{ "[policy]\ndeny-verbs = none\n SITE\n",
		  "3: deny-verbs: \"SITE\" must stand alone; expected FTP commands that ftpalg.conf(5) lists, or "
		  "none\n" },
		{ "[policy]\ndeny-ports = 9-8\n",
		  "2: deny-ports: \"9-8\" ends before it begins; expected ports, FIRST-LAST, default, at most 64 of "
		  "them; or none\n" },
		{ "[policy]\ndeny-ports = default, default\n",
		  "2: deny-ports: \"default\" is one too many; expected ports, FIRST-LAST, default, at most 64 of "
		  "them; or none\n" },
		{ "[policy]\nfxp = 10.0.0.1:7\n",
		  "2: fxp: \"10.0.0.1:7\" is not an address; expected ADDRESS, ADDRESS/PREFIX or "
		  "ADDRESS/PREFIX:FIRST-LAST, at most 16 of them; or none\n" },
		{ "[policy]\nfxp = 10.0.0.1/32:\n",
		  "2: fxp: \"10.0.0.1/32:\" is not a number; expected ADDRESS, ADDRESS/PREFIX or "
		  "ADDRESS/PREFIX:FIRST-LAST, at most 16 of them; or none\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_errors(rows[i].text, rows[i].errors);
}

static void workers_have_queues_that_nobody_else_has(void **state)
{
	(void)state;
	assert_loads("[gateway]\nqueue = 65534\nworkers = 2\n");
	assert_int_equal(config_count_workers(&config), 2);
	assert_int_equal(config_last_queue(&config), 65535);
	assert_loads("[gateway]\nworkers = 2\n[proxy]\nport = 2100\ntls = server\nqueue = 23\n");
	assert_loads("[gateway]\nworkers = auto\n[proxy]\nport = 2100\ntls = server\nqueue = 37\n");
	assert_in_range(config_count_workers(&config), 1, CONFIG_WORKERS_MAX);
	assert_int_equal(config_last_queue(&config), 36);
	config_set_defaults(&config);
	assert_int_equal(config_count_workers(&config), 1);
}

/* The number of the [server] for an address, dialled as another, and a name; CONFIG_SERVERS_MAX for none. */
static size_t find_server(const char *address, const char *seen, const char *host)
{
	struct address server, dialled;

	assert_true(address_parse((struct bytes){ (const uint8_t *)address, strlen(address) }, &server));
	assert_true(address_parse((struct bytes){ (const uint8_t *)seen, strlen(seen) }, &dialled));
	return config_find_server(&config, &server, &dialled, host);
}

static void a_server_is_found_by_address_and_by_name(void **state)
{
	(void)state;
	assert_loads("[proxy]\nport = 2100\n"
		     "[server one]\naddresses = 10.0.0.1, 2001:db8::/32\nnames = One.example,\n first.example\n"
		     "certificate = /a\nkey = /b\n"
		     "[server two]\naddresses = 10.0.0.0/24\ncertificate = /c\nkey = /d\n"
		     "[server three]\nnames = three.example\ncertificate = /e\nkey = /f\n");
	assert_int_equal(config.server_count, 3);
	assert_string_equal(config.servers[1].key, "/d");
	assert_int_equal(find_server("10.0.0.1", "10.0.0.1", "one.EXAMPLE"), 0);
	assert_int_equal(find_server("10.0.0.1", "10.0.0.1", "first.example"), 0);
	assert_int_equal(find_server("10.0.0.1", "10.0.0.1", "first.example.org"), 1);
	assert_int_equal(find_server("10.0.0.1", "10.0.0.1", ""), 1);
	assert_int_equal(find_server("10.0.0.1", "2001:db8::1", "one.example"), 0);
	assert_int_equal(find_server("192.0.2.1", "10.0.0.9", "x"), 1);
	assert_int_equal(find_server("192.0.2.1", "192.0.2.1", "three.example"), 2);
	assert_int_equal(find_server("192.0.2.1", "192.0.2.1", "three.exampl"), CONFIG_SERVERS_MAX);
	assert_int_equal(find_server("192.0.2.1", "192.0.2.1", ""), CONFIG_SERVERS_MAX);
}

static bool bypasses(const char *address)
{
	struct address server;

	assert_true(address_parse((struct bytes){ (const uint8_t *)address, strlen(address) }, &server));
	return config_bypasses_server(&config.proxy, &server);
}

static void a140_what_bypasses_is_listed(void **state)
{
	(void)state;
	assert_loads("[proxy]\nport = 2100\ntls = server\n");
	assert_true(config.proxy.certificates_bypass);
	assert_false(bypasses("10.0.0.1"));
	assert_false(config_bypasses_name(&config.proxy, ""));
	assert_loads("[proxy]\nport = 2100\ntls = server\nbypass = 10.0.0.0/24,\n 2001:db8::1\n"
		     "bypass-names = Bank.example, .corp.example\nclient-certificates = refuse\n");
	assert_false(config.proxy.certificates_bypass);
	assert_true(bypasses("10.0.0.9"));
	assert_true(bypasses("2001:db8::1"));
	assert_false(bypasses("10.0.1.9"));
	assert_true(config_bypasses_name(&config.proxy, "bank.EXAMPLE"));
	assert_true(config_bypasses_name(&config.proxy, "a.b.Corp.example"));
	assert_false(config_bypasses_name(&config.proxy, "corp.example"));
	assert_false(config_bypasses_name(&config.proxy, "a.bank.example"));
	assert_false(config_bypasses_name(&config.proxy, "notcorp.example"));
	assert_false(config_bypasses_name(&config.proxy, ""));
}

static void what_the_legs_may_use_is_kept_for_openssl(void **state)
{
	(void)state;
	assert_loads("[proxy]\nport = 2100\ntls = server\nciphers = ECDHE+AESGCM, TLS_AES_128_GCM_SHA256\n !aNULL:kRSA\n"
		     "tls-versions = 1.3\nserver-tls-versions = 1.2\nserver-groups = X25519\n"
		     "[server a]\naddresses = 10.0.0.1\nciphers = AES128-SHA\n"
		     "[server b]\naddresses = 10.0.0.2\ngroups = default\ntls-versions = 1.2-1.3\n");
	assert_string_equal(config.proxy.client_tls.ciphers, "ECDHE+AESGCM:TLS_AES_128_GCM_SHA256:!aNULL:kRSA");
	assert_int_equal(config.proxy.client_tls.versions, TLS_VERSIONS_13);
	assert_int_equal(config.proxy.server_tls.versions, TLS_VERSIONS_12);
	assert_string_equal(config.proxy.server_tls.groups, "X25519");
	assert_string_equal(config.servers[0].tls.ciphers, "AES128-SHA");
	assert_int_equal(config.servers[0].tls.versions, TLS_VERSIONS_DEFAULT);
	assert_string_equal(config.servers[1].tls.groups, "");
	assert_int_equal(config.servers[1].tls.versions, TLS_VERSIONS_BOTH);
}

static void all_errors_are_reported_in_one_go(void **state)
{
	(void)state;
	assert_errors("[gateway]\nqueue = x\nabsent = y\n[nonsense]\nfoo\n[policy]\nactive = z\nwhat\n",
		      "2: queue: \"x\" is not a number; expected a whole number from 0 to 65535\n"
		      "3: absent: \"y\" is not understood; expected closed or open\n"
		      "4: there is no section [nonsense]; expected " SECTIONS "\n"
		      "5: neither a setting nor a comment; expected KEY = VALUE, or # in front of a comment\n"
		      "7: active: \"z\" is not understood; expected yes or no\n"
		      "8: neither a setting nor a comment; expected KEY = VALUE, or # in front of a comment\n");
}

/* inih's buffer would cut a long line and read the rest as another one, or not at all. */
static void a_line_is_read_whole_or_refused(void **state)
{
	char text[512];

	(void)state;
	/* "events = " and 190 bytes make 199. */
	snprintf(text, sizeof(text), "[gateway]\nevents = /%0189d\nqueue = 5\n", 7);
	assert_loads(text);
	assert_int_equal(strlen(config.events), 190);
	assert_int_equal(config.events[189], '7');
	snprintf(text, sizeof(text), "[gateway]\nevents = /%0190d\nqueue = 5\n", 7);
	assert_errors(text, "2: the line is longer than 199 bytes; expected less (a list may go on in indented "
		      "lines)\n");
	snprintf(text, sizeof(text), "[gateway]\n#%0300d\nqueue = 5\n", 7);
	assert_loads(text);
	assert_int_equal(config.queue, 5);
}

static void a_nul_byte_is_no_text(void **state)
{
	static const char text[] = "[gateway]\nqueue = 5\0\nabsent = open\n";
	int result;
	char *errors = load_bytes(text, sizeof(text) - 1, &result);

	(void)state;
	assert_int_equal(result, -1);
	assert_string_equal(errors, "2: the line contains a NUL byte; expected text\n");
	free(errors);
}

static void there_is_room_for_63_rules(void **state)
{
	char *text = NULL;
	size_t size = 0;

	(void)state;
	for (int count = 63; count <= 64; count++) {
		FILE *out = open_memstream(&text, &size);

		for (int i = 0; i < count; i++)
			fprintf(out, "[rule r%d]\nclients = ::1\n", i);
		fclose(out);
		if (count == 63) {
			assert_loads(text);
			assert_int_equal(config.policy.rule_count, 64);
			assert_string_equal(config.policy.rules[62].name, "r62");
			assert_string_equal(config.policy.rules[63].name, "policy");
		} else {
			assert_errors(text, "127: rule \"r63\" is one too many; expected at most 63 rules\n");
		}
		free(text);
	}
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
	char *errors = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&errors, &size);

	(void)state;
	assert_int_equal(config_load(&config, "/nonexistent/ftpalg.conf", out), -1);
	fclose(out);
	assert_string_equal(errors, "/nonexistent/ftpalg.conf: can't be opened: No such file or directory; expected "
			    "the file that ftpalg.conf(5) describes\n");
	free(errors);
}

/* Of a worker that reloads, each of these would be the end, or would be waited for. */
static void a86_what_is_no_regular_file_is_an_error_at_once(void **state)
{
	char directory[] = "/tmp/configXXXXXX";
	char path[64];
	const char *const places[] = { "/", "/dev/zero", path };

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/fifo", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char *errors = NULL, expected[128];
		size_t size = 0;
		FILE *out = open_memstream(&errors, &size);

		assert_int_equal(config_load(&config, places[i], out), -1);
		fclose(out);
		snprintf(expected, sizeof(expected), "%s: is no regular file; expected the file that ftpalg.conf(5) "
			 "describes\n", places[i]);
		assert_string_equal(errors, expected);
		free(errors);
	}
	unlink(path);
	rmdir(directory);
}

/* A directory with the files of a configuration, and what loading the first of them says. */
struct files {
	char directory[32];
	char path[8][64];
	size_t count;
	int result;
	char *errors;
};

static void make_files(struct files *files)
{
	*files = (struct files){ .directory = "/tmp/configXXXXXX" };
	assert_non_null(mkdtemp(files->directory));
	snprintf(files->path[0], sizeof(files->path[0]), "%s/conf.d", files->directory);
	assert_int_equal(mkdir(files->path[0], 0755), 0);
	files->count = 1;
}

static void put_file(struct files *files, const char *name, const char *text, mode_t mode)
{
	char path[sizeof(files->path[0])];
	FILE *file;

	assert_true(files->count < ARRAY_SIZE(files->path));
	snprintf(path, sizeof(path), "%s/%s", files->directory, name);
	memcpy(files->path[files->count++], path, sizeof(path));
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

/* What was said, with the directory's name as @. */
static const char *load_files(struct files *files)
{
	const size_t length = strlen(files->directory);
	char path[64], *at;
	size_t size = 0;
	FILE *out;

	free(files->errors);
	out = open_memstream(&files->errors, &size);
	snprintf(path, sizeof(path), "%s/ftpalg.conf", files->directory);
	files->result = config_load(&config, path, out);
	fclose(out);
	while ((at = strstr(files->errors, files->directory))) {
		*at = '@';
		memmove(at + 1, at + length, strlen(at + length) + 1);
	}
	assert_int_equal(files->result, files->errors[0] ? -1 : 0);
	return files->errors;
}

static void remove_files(struct files *files)
{
	while (files->count > 1)
		unlink(files->path[--files->count]);
	rmdir(files->path[0]);
	rmdir(files->directory);
	free(files->errors);
}

static void files_beside_it_are_read_in_the_order_of_their_names(void **state)
{
	struct files files;

	(void)state;
	make_files(&files);
	put_file(&files, "ftpalg.conf", "[gateway]\nqueue = 5\n[rule first]\nclients = 10.0.0.0/24\n", 0644);
	put_file(&files, "conf.d/20-b.conf", "[rule third]\nclients = 10.0.2.0/24\n", 0644);
	put_file(&files, "conf.d/10-a.conf", "[rule second]\nclients = 10.0.1.0/24\n[gateway]\nwatchdog = 7\n", 0644);
	put_file(&files, "conf.d/30-c.conf.dpkg-old", "nonsense\n", 0644);
	put_file(&files, "conf.d/.hidden.conf", "nonsense\n", 0644);
	assert_string_equal(load_files(&files), "");
	assert_int_equal(config.queue, 5);
	assert_int_equal(config.watchdog, 7);
	assert_int_equal(config.policy.rule_count, 4);
	assert_string_equal(config.policy.rules[0].name, "first");
	assert_string_equal(config.policy.rules[1].name, "second");
	assert_string_equal(config.policy.rules[2].name, "third");
	remove_files(&files);
}

/* What one file has said, another can't say otherwise; and each error names its file. */
static void a192_files_do_not_overrule_each_other(void **state)
{
	struct files files;

	(void)state;
	make_files(&files);
	put_file(&files, "ftpalg.conf", "[gateway]\nqueue = 5\n[rule one]\nclients = 10.0.0.0/24\n[server s]\naddresses = 10.0.0.1\n"
		 "tls-versions = 1.3\n[proxy]\nport = 2121\n", 0644);
	put_file(&files, "conf.d/a.conf", "queue = 6\n[gateway]\nqueue = 6\n[rule one]\n[server s]\n", 0644);
	put_file(&files, "conf.d/b.conf", "[gateway]\n[gateway]\n", 0644);
	assert_string_equal(load_files(&files),
			    "@/conf.d/a.conf:1: \"queue\" stands in no section; expected " SECTIONS " before it\n"
			    "@/conf.d/a.conf:3: queue was set in line 2 of @/ftpalg.conf already; expected it once in a section\n"
			    "@/conf.d/a.conf:4: there is a rule \"one\" already, in line 3 of @/ftpalg.conf; expected another name\n"
			    "@/conf.d/a.conf:5: there is a server \"s\" already, in line 5 of @/ftpalg.conf; expected another name\n"
			    "@/conf.d/b.conf:2: this section began in line 1 already; expected it once in a file\n");
	remove_files(&files);
}

/* What can be judged at the end only is in the file where it began. */
static void an_error_of_the_whole_names_its_file(void **state)
{
	struct files files;

	(void)state;
	make_files(&files);
	put_file(&files, "ftpalg.conf", "[gateway]\nqueue = 5\n", 0644);
	put_file(&files, "conf.d/a.conf", "\n[rule everybody]\npassive = no\n", 0644);
	put_file(&files, "conf.d/b.conf", "[policy]\n", 0644);
	load_files(&files);
	assert_int_equal(strncmp(files.errors, "@/conf.d/a.conf:2: rule \"everybody\"", 34), 0);
	remove_files(&files);
}

static void a192_what_others_can_change_is_refused(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
		const char *expected;
	} rows[] = {
		{ "ftpalg.conf", 0646, "@/ftpalg.conf: has mode 0646, so that everybody can write to it; expected its owner alone (chmod "
				       "go-w)\n" },
		{ "conf.d/a.conf", 0602, "@/conf.d/a.conf: has mode 0602, so that everybody can write to it; expected its owner alone "
					 "(chmod go-w)\n" },
		{ "conf.d", 01777, "@/conf.d: has mode 1777, so that everybody can write to it; expected its owner alone (chmod go-w)\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct files files;
		char path[64];

		make_files(&files);
		put_file(&files, "ftpalg.conf", "", 0600);
		put_file(&files, "conf.d/a.conf", "", 0600);
		snprintf(path, sizeof(path), "%s/%s", files.directory, rows[i].name);
		assert_string_equal(load_files(&files), "");
		assert_int_equal(chmod(path, rows[i].mode), 0);
		assert_string_equal(load_files(&files), rows[i].expected);
		remove_files(&files);
	}
}

/* The group that has its owner's number is its owner; another one is not. */
static void a192_a_group_is_others(void **state)
{
	struct files files;
	char path[64];

	(void)state;
	make_files(&files);
	put_file(&files, "ftpalg.conf", "", 0664);
	snprintf(path, sizeof(path), "%s/ftpalg.conf", files.directory);
	assert_string_equal(load_files(&files), getuid() == getgid() ? "" : files.errors);
	if (chown(path, (uid_t)-1, getgid() + 1) == 0)
		assert_string_equal(load_files(&files), "@/ftpalg.conf: has mode 0664, so that its group can write to it; expected its "
				    "owner alone (chmod go-w)\n");
	remove_files(&files);
}

/* A reload reads what is there then. */
static void files_may_come_and_go(void **state)
{
	struct files files;

	(void)state;
	make_files(&files);
	put_file(&files, "ftpalg.conf", "", 0600);
	put_file(&files, "conf.d/a.conf", "[gateway]\nqueue = 9\n", 0600);
	assert_string_equal(load_files(&files), "");
	assert_int_equal(config.queue, 9);
	unlink(files.path[2]);
	assert_string_equal(load_files(&files), "");
	assert_int_equal(config.queue, 21);
	remove_files(&files);
}

/* Keys that a service manager hands over, by the name of the file or by those of the file and its directory. */
static void keys_are_read_where_a_service_manager_has_put_them(void **state)
{
	struct files files;
	char expected[64];

	(void)state;
	make_files(&files);
	put_file(&files, "ftpalg.conf", "[proxy]\nport = 2121\ncertificate = /etc/c.pem\nkey = /etc/keys/c.key\n[server a]\nnames = a\n"
		 "certificate = /etc/a.pem\nkey = /etc/keys/a.key\n[server b]\nnames = b\ncertificate = /etc/b.pem\nkey = /etc/keys/b.key\n",
		 0600);
	put_file(&files, "c.key", "", 0600);
	put_file(&files, "keys_a.key", "", 0600);
	assert_string_equal(load_files(&files), "");
	assert_string_equal(config.proxy.key, "/etc/keys/c.key");
	setenv("CREDENTIALS_DIRECTORY", files.directory, 1);
	assert_string_equal(load_files(&files), "");
	unsetenv("CREDENTIALS_DIRECTORY");
	snprintf(expected, sizeof(expected), "%s/c.key", files.directory);
	assert_string_equal(config.proxy.key, expected);
	snprintf(expected, sizeof(expected), "%s/keys_a.key", files.directory);
	assert_string_equal(config.servers[0].key, expected);
	assert_string_equal(config.servers[1].key, "/etc/keys/b.key");
	assert_string_equal(config.proxy.certificate, "/etc/c.pem");
	remove_files(&files);
}

static void too_many_files_are_an_error(void **state)
{
	struct files files;
	char path[64];
	FILE *file;

	(void)state;
	make_files(&files);
	put_file(&files, "ftpalg.conf", "", 0600);
	for (int i = 0; i < 65; i++) {
		snprintf(path, sizeof(path), "%s/conf.d/%d.conf", files.directory, i);
		file = fopen(path, "we");
		assert_non_null(file);
		fclose(file);
		assert_string_equal(load_files(&files), i < 64 ? "" :
				    "@/conf.d: there are more than 64 files in it; expected less\n");
	}
	for (int i = 0; i < 65; i++) {
		snprintf(path, sizeof(path), "%s/conf.d/%d.conf", files.directory, i);
		unlink(path);
	}
	remove_files(&files);
}

/* count bytes, of one kind, behind a section. */
static char *load_much(int byte, size_t count, int *result)
{
	char *text = malloc(count + 32);
	size_t length = (size_t)sprintf(text, "[gateway]\nqueue = 5\n");
	char *errors;

	memset(text + length, byte, count);
	text[length + count] = '\n';
	errors = load_bytes(text, length + count + 1, result);
	free(text);
	return errors;
}

static void a86_a_line_of_any_size_is_an_error_with_its_number(void **state)
{
	static const size_t counts[] = { 200, 65536, 600000, 1000000 };
	int result;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		char *errors = load_much('x', counts[i], &result);

		assert_int_equal(result, -1);
		assert_string_equal(errors, "3: the line is longer than 199 bytes; expected less (a list may go on in "
				    "indented lines)\n");
		free(errors);
		errors = load_much('#', counts[i], &result);
		assert_string_equal(errors, "");
		free(errors);
	}
}

static void a86_a_file_of_any_size_is_an_error_with_its_line(void **state)
{
	int result;
	char *errors = load_much('x', 2000000, &result);

	(void)state;
	assert_int_equal(result, -1);
	assert_string_equal(errors, "3: the file goes on after 1048576 bytes, in this line; expected less\n");
	free(errors);
	errors = load_much('\n', 2000000, &result);
	assert_string_equal(errors, "1048559: the file goes on after 1048576 bytes, in this line; expected less\n");
	free(errors);
	errors = load_much('\0', 100, &result);
	assert_string_equal(errors, "3: the line contains a NUL byte; expected text\n");
	free(errors);
}

static void a86_errors_are_told_up_to_a_bound_and_then_counted(void **state)
{
	char *text = malloc(700000), *at = text, *errors, *more;
	int result, lines = 0;

	(void)state;
	for (int i = 0; i < 20000; i++)
		at += sprintf(at, "[rule r%d]\nclients = ::1\n", i);
	errors = load_bytes(text, (size_t)(at - text), &result);
	assert_int_equal(result, -1);
	for (const char *line = errors; *line; line = strchr(line, '\n') + 1)
		lines++;
	assert_int_equal(lines, 31);
	more = strstr(errors, "more errors");
	assert_non_null(more);
	free(errors);
	free(text);
}

/* Calls check for each key that a [gateway], [policy] or [rule] section has. */
static void for_each_key(void (*check)(enum config_section section, const struct config_key *key))
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key_at(CONFIG_SECTION_GATEWAY, i)); i++)
		check(CONFIG_SECTION_GATEWAY, key);
	for (size_t i = 0; (key = config_key_at(CONFIG_SECTION_RULE, i)); i++)
		check(CONFIG_SECTION_RULE, key);
}

static bool loads_with(enum config_section section, const char *key, const char *value)
{
	char text[512], *errors;
	int result;

	snprintf(text, sizeof(text), "[%s]\n%s = %s\n", section == CONFIG_SECTION_GATEWAY ? "gateway" : "policy",
		 key, value);
	errors = load_bytes(text, strlen(text), &result);
	free(errors);
	return result == 0;
}

static bool loads_with_number(enum config_section section, const char *key, uint64_t number)
{
	char value[32];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)number);
	return loads_with(section, key, value);
}

static void check_bounds(enum config_section section, const struct config_key *key)
{
	if (key->read != config_read_number)
		return;
	assert_true(loads_with_number(section, key->name, key->minimum));
	assert_true(loads_with_number(section, key->name, key->maximum));
	assert_false(loads_with_number(section, key->name, key->maximum + 1));
	if (key->minimum > 0)
		assert_false(loads_with_number(section, key->name, key->minimum - 1));
}

static void numbers_are_taken_up_to_their_bounds_and_no_further(void **state)
{
	(void)state;
	for_each_key(check_bounds);
}

static char *manual;

/* The part of the manual on key, as a string to be freed. */
static char *manual_item(const char *key)
{
	char heading[64], *start, *end;

	snprintf(heading, sizeof(heading), "\n.It Ic %s ", key);
	start = strstr(manual, heading);
	if (!start)
		fail_msg(MANUAL " has no item \"%s\"", key);
	start++;
	end = strstr(start, "\n.It Ic ");
	return strndup(start, end ? (size_t)(end - start) : strlen(start));
}

static void check_manual_default(enum config_section section, const struct config_key *key)
{
	static const char phrase[] = "\nThe default is\n.Cm ";
	char *item = manual_item(key->name);
	char *value = strstr(item, phrase);
	static struct config defaults;
	const char *now, *then;

	if (!key->rule_only) {
		if (!value)
			fail_msg(MANUAL " gives no default of \"%s\"", key->name);
		value += strlen(phrase);
		value[strcspn(value, " \n")] = '\0';
		config_set_defaults(&defaults);
		now = section == CONFIG_SECTION_GATEWAY ? (char *)&config : (char *)&config.policy.rules[0];
		then = section == CONFIG_SECTION_GATEWAY ? (char *)&defaults : (char *)&defaults.policy.rules[0];
		if (!loads_with(section, key->name, value) ||
		    memcmp(now + key->offset, then + key->offset, key->size) != 0)
			fail_msg("the default of \"%s\" is not \"%s\", as " MANUAL " says", key->name, value);
	}
	free(item);
}

static void check_manual_bounds(enum config_section section, const struct config_key *key)
{
	char bounds[64];
	char *item = manual_item(key->name);

	(void)section;
	snprintf(bounds, sizeof(bounds), "%llu to %llu", (unsigned long long)key->minimum,
		 (unsigned long long)key->maximum);
	if (key->read == config_read_number && !strstr(item, bounds))
		fail_msg(MANUAL " does not say that \"%s\" goes from %s", key->name, bounds);
	free(item);
}

static void the_manual_has_every_key_with_its_default(void **state)
{
	(void)state;
	for_each_key(check_manual_default);
}

static void the_manual_gives_the_bounds_of_every_number(void **state)
{
	(void)state;
	for_each_key(check_manual_bounds);
}

static void the_manual_lists_the_ports_that_are_denied_by_default(void **state)
{
	char *item = manual_item("deny-ports");
	struct policy_rule defaults;
	size_t listed = 0;

	(void)state;
	policy_rule_set_defaults(&defaults);
	for (size_t i = 0; i < defaults.port_denied_count; i++) {
		struct port_range range = defaults.port_denied[i];
		char row[64];

		if (range.first == range.last)
			snprintf(row, sizeof(row), "\n.It %u Ta ", range.first);
		else
			snprintf(row, sizeof(row), "\n.It %u-%u Ta ", range.first, range.last);
		if (!strstr(item, row))
			fail_msg(MANUAL " lacks the row \"%s\"", row + 1);
	}
	for (const char *row = strstr(item, "\n.It "); row; row = strstr(row + 1, "\n.It "))
		listed++;
	assert_int_equal(listed, defaults.port_denied_count);
	free(item);
}

static void the_manual_lists_the_commands_that_can_be_denied(void **state)
{
	char *item = manual_item("deny-verbs");

	(void)state;
	for (unsigned int verb = VERB_UNKNOWN + 1; verb < VERB_COUNT; verb++) {
		if (!strstr(item, verb_name((enum verb)verb)))
			fail_msg(MANUAL " lacks the command %s", verb_name((enum verb)verb));
		assert_true(loads_with(CONFIG_SECTION_POLICY, "deny-verbs", verb_name((enum verb)verb)));
		assert_true(config.policy.rules[0].verb_denied[verb]);
	}
	free(item);
}

static void the_examples_of_the_manual_are_valid(void **state)
{
	static const char begin[] = ".Bd -literal -offset indent\n[", end[] = ".Ed\n";
	unsigned int count = 0;

	(void)state;
	for (char *from = strstr(manual, begin); from; from = strstr(from + 1, begin)) {
		const char *start = from + strlen(begin) - 1;
		char *text = strndup(start, (size_t)(strstr(start, end) - start));

		assert_loads(text);
		free(text);
		count++;
	}
	assert_int_equal(count, 6);
}

static int read_manual(void **state)
{
	FILE *file = fopen(MANUAL, "r");
	size_t size = 0;

	(void)state;
	if (!file || getdelim(&manual, &size, '\0', file) < 0)
		fail_msg(MANUAL ": can't be read (run from the top of the tree)");
	fclose(file);
	return 0;
}

static int drop_manual(void **state)
{
	(void)state;
	free(manual);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_means_the_defaults),
		cmocka_unit_test(the_defaults_are_closed_and_strict),
		cmocka_unit_test(every_gateway_setting_arrives_in_its_place),
		cmocka_unit_test(workers_have_queues_that_nobody_else_has),
		cmocka_unit_test(every_policy_setting_arrives_in_its_place),
		cmocka_unit_test(every_interception_setting_arrives_in_its_place),
		cmocka_unit_test(no_more_names_are_announced_than_are_looked_up),
		cmocka_unit_test(advertise_takes_an_address_of_each_family_and_a_name),
		cmocka_unit_test(none_is_nobody_nowhere_and_nothing),
		cmocka_unit_test(the_built_in_deny_list_can_be_added_to),
		cmocka_unit_test(lists_go_on_in_indented_lines),
		cmocka_unit_test(windows_line_ends_and_a_byte_order_mark_do_no_harm),
		cmocka_unit_test(rules_keep_the_order_of_the_file_and_the_policy_is_last),
		cmocka_unit_test(a_rule_inherits_what_it_does_not_set_wherever_the_policy_stands),
		cmocka_unit_test(every_error_names_its_line_and_what_was_expected),
		cmocka_unit_test(a140_what_bypasses_is_listed),
		cmocka_unit_test(what_the_legs_may_use_is_kept_for_openssl),
		cmocka_unit_test(all_errors_are_reported_in_one_go),
		cmocka_unit_test(a_server_is_found_by_address_and_by_name),
		cmocka_unit_test(a_line_is_read_whole_or_refused),
		cmocka_unit_test(a_nul_byte_is_no_text),
		cmocka_unit_test(there_is_room_for_63_rules),
		cmocka_unit_test(a_file_that_is_not_there_is_an_error),
		cmocka_unit_test(a86_what_is_no_regular_file_is_an_error_at_once),
		cmocka_unit_test(files_beside_it_are_read_in_the_order_of_their_names),
		cmocka_unit_test(a192_files_do_not_overrule_each_other),
		cmocka_unit_test(an_error_of_the_whole_names_its_file),
		cmocka_unit_test(a192_what_others_can_change_is_refused),
		cmocka_unit_test(a192_a_group_is_others),
		cmocka_unit_test(files_may_come_and_go),
		cmocka_unit_test(keys_are_read_where_a_service_manager_has_put_them),
		cmocka_unit_test(too_many_files_are_an_error),
		cmocka_unit_test(a86_a_line_of_any_size_is_an_error_with_its_number),
		cmocka_unit_test(a86_a_file_of_any_size_is_an_error_with_its_line),
		cmocka_unit_test(a86_errors_are_told_up_to_a_bound_and_then_counted),
		cmocka_unit_test(numbers_are_taken_up_to_their_bounds_and_no_further),
		cmocka_unit_test(the_manual_has_every_key_with_its_default),
		cmocka_unit_test(the_manual_gives_the_bounds_of_every_number),
		cmocka_unit_test(the_manual_lists_the_ports_that_are_denied_by_default),
		cmocka_unit_test(the_manual_lists_the_commands_that_can_be_denied),
		cmocka_unit_test(the_examples_of_the_manual_are_valid),
	};

	return cmocka_run_group_tests(tests, read_manual, drop_manual);
}
