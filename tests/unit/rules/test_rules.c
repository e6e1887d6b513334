/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The firewall rules for a configuration: what must be in them, in which order, and that check knows them again. */
#include <stdlib.h>
#include <unistd.h>

#include "check/ruleset.h"
#include "check/system.h"
#include "rules/rules.h"
#include "unit.h"

static const struct rules_families both = { .ipv4 = true, .ipv6 = true };

static struct config config;

static void set_ports(const uint16_t *ports, size_t count)
{
	memcpy(config.control_ports, ports, count * sizeof(*ports));
	config.control_port_count = count;
}

static int use_defaults(void **state)
{
	(void)state;
	config_set_defaults(&config);
	return 0;
}

typedef void print_function(FILE *out);

static void print_nft(FILE *out)
{
	rules_nft_print(&config, out);
}

static void print_nft_forward(FILE *out)
{
	rules_nft_print_forward(&config, out);
}

static void print_iptables(FILE *out)
{
	rules_iptables_print(&config, both, out);
}

static void print_iptables_forward(FILE *out)
{
	rules_iptables_print_forward(&config, both, out);
}

static void print_iptables_removal(FILE *out)
{
	rules_iptables_print_removal(both, out);
}

static void print_iptables_forward_removal(FILE *out)
{
	rules_iptables_print_forward_removal(both, out);
}

/* What print writes, without lines that are comments, each line without the blanks in front. To be freed. */
static char *printed(print_function *print)
{
	char *text = NULL, *to;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print(out);
	fclose(out);
	to = text;
	for (const char *line = text; *line; ) {
		const char *start = line + strspn(line, "\t ");
		const char *end = strchr(line, '\n') + 1;

		if (*start != '#') {
			memmove(to, start, (size_t)(end - start));
			to += end - start;
		}
		line = end;
	}
	*to = '\0';
	return text;
}

/* Where the line stands in text; fails where it does not stand there exactly once. */
static size_t line_at(const char *text, const char *line)
{
	char whole[512];
	const char *at;

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	at = strstr(text, whole);
	if (!at)
		fail_msg("the line\n%s\nis missing from\n%.400s...\n", line, text);
	if (strstr(at + 1, whole))
		fail_msg("the line\n%s\nis there twice in\n%.400s...\n", line, text);
	return (size_t)(at - text);
}

static unsigned int occurrences(const char *text, const char *words)
{
	unsigned int count = 0;

	for (const char *at = strstr(text, words); at; at = strstr(at + 1, words))
		count++;
	return count;
}

static void nft_attaches_the_carrier_to_new_connections_only(void **state)
{
	char *text = printed(print_nft);

	(void)state;
	line_at(text, "type \"sane\" protocol tcp");
	line_at(text, "type filter hook prerouting priority mangle; policy accept;");
	line_at(text, "ct state new tcp dport @control_ports ct helper set \"carrier\"");
	assert_int_equal(occurrences(text, "ct helper set"), 1);
	free(text);
}

static void nft_queues_control_connections_by_the_port_that_was_dialled_and_by_the_servers(void **state)
{
	char *text = printed(print_nft);

	(void)state;
	line_at(text, "type filter hook forward priority mangle; policy accept;");
	line_at(text, "meta l4proto tcp ct original proto-dst @control_ports ct status & expected == 0 goto control");
	line_at(text, "meta l4proto tcp ct reply proto-src @control_ports ct status & expected == 0 goto control");
	line_at(text, "queue num 21");
	assert_int_equal(occurrences(text, "queue num"), 1);
	free(text);
}

/* By what both directions of a connection, and all its packets, have in common; and check knows it again. */
static void a213_sessions_are_spread_over_the_queues_of_all_workers(void **state)
{
	struct check_ruleset ipv4 = { .queue = false }, ipv6 = { .queue = false }, by_iptables = { .queue = false };
	char *text;

	(void)state;
	config.workers = 3;
	for (int open = 0; open < 2; open++) {
		config.absent_open = open == 1;
		text = printed(print_nft);
		line_at(text, open ? "queue flags bypass to jhash ct original proto-src mod 3 seed 0x66747061 offset 21"
				   : "queue to jhash ct original proto-src mod 3 seed 0x66747061 offset 21");
		assert_int_equal(occurrences(text, "queue num"), 0);
		check_ruleset_read_nft(&config, text, &ipv4, &ipv6);
		free(text);
		text = printed(print_iptables);
		line_at(text, open ? "-A FTPALG_QUEUE -j NFQUEUE --queue-balance 21:23 --queue-bypass"
				   : "-A FTPALG_QUEUE -j NFQUEUE --queue-balance 21:23");
		assert_int_equal(occurrences(text, "--queue-num"), 0);
		check_ruleset_read_iptables(&config, text, &by_iptables);
		free(text);
		for (size_t i = 0; i < 3; i++) {
			const struct check_ruleset *ruleset = (const struct check_ruleset *const[]){ &ipv4, &ipv6,
												     &by_iptables }[i];

			assert_true(ruleset->queue && !ruleset->scatters);
			assert_int_equal(ruleset->first_queue, 21);
			assert_int_equal(ruleset->last_queue, 23);
			assert_int_equal(ruleset->bypass, open);
		}
	}
}

/* The verdict of a queue goes on at the next hook: what stands behind it is never reached. */
static void nft_changes_the_handshake_before_it_queues(void **state)
{
	char *text = printed(print_nft);
	size_t control = line_at(text, "chain control {");
	size_t handshake = line_at(text, "tcp flags & (syn | rst) == syn jump handshake");
	size_t queue = line_at(text, "queue num 21");
	size_t data = line_at(text, "@ih,0,8 0-255 counter name \"syn\" drop");
	size_t options = line_at(text, "jump options");

	(void)state;
	assert_true(control < handshake && handshake < queue);
	assert_true(data < options);
	line_at(text, "tcp flags & urg == urg counter name \"syn\" drop");
	line_at(text, "tcp option maxseg size set 1160");
	free(text);
}

/* In a control connection, whatever conntrack calls the packet. */
static void a81_only_a_bare_syn_of_a_new_connection_passes_by_the_queue(void **state)
{
	char *text = printed(print_nft);

	(void)state;
	assert_non_null(strstr(text, "jump handshake\n"
			       "ct state new tcp flags & (fin | syn | rst | ack | urg) == syn return\nqueue num 21\n}\n"));
	assert_int_equal(occurrences(text, "return\n"), 7);
	free(text);
	text = printed(print_iptables);
	assert_non_null(strstr(text, "-A FTPALG_CONTROL -p tcp --tcp-flags SYN,RST SYN -j FTPALG_HANDSHAKE\n"
			       "-A FTPALG_CONTROL -p tcp --tcp-flags FIN,SYN,RST,ACK,URG SYN -m conntrack --ctstate NEW "
			       "-j RETURN\n"
			       "-A FTPALG_CONTROL -g FTPALG_QUEUE\n"));
	/* ICMP is none of a control connection's packets. */
	assert_int_equal(occurrences(text, "-j RETURN"), 4);
	free(text);
}

/* conntrack looks past an authentication header, and a packet filter does not: all that it calls TCP has to be. */
static void a120_what_conntrack_calls_tcp_is_tcp(void **state)
{
	char *text = printed(print_nft);

	(void)state;
	assert_true(line_at(text, "meta l4proto != { tcp, icmp, ipv6-icmp } ct original protocol tcp counter name "
			    "\"no_connection\" drop") < line_at(text, "meta l4proto != tcp return"));
	free(text);
	text = printed(print_iptables);
	line_at(text, "-A FTPALG_FORWARD ! -p tcp -m conntrack --ctproto 6 -j DROP");
	free(text);
}

/* Two SYNs that meet, the server's forged, make an entry whose client is the server; so does one that is expected. */
static void a121_nobody_begins_a_control_connection_from_its_server(void **state)
{
	char *text = printed(print_nft);

	(void)state;
	assert_true(line_at(text, "tcp flags & (syn | rst | ack) == syn ct direction reply jump meeting") <
		    line_at(text, "ct state new,related,invalid,untracked jump first"));
	assert_non_null(strstr(text, "chain meeting {\n"
			       "tcp dport @control_ports counter name \"midway\" drop\n"
			       "ip daddr . tcp dport @servers_ipv4 counter name \"midway\" drop\n"
			       "ip6 daddr . tcp dport @servers_ipv6 counter name \"midway\" drop\n}\n"));
	free(text);
	text = printed(print_iptables);
	line_at(text, "-A FTPALG_FORWARD -p tcp --tcp-flags SYN,RST,ACK SYN -m conntrack --ctdir REPLY -m multiport "
		"--dports 21 -j DROP");
	line_at(text, "-A FTPALG_FORWARD -p tcp --tcp-flags SYN,RST,ACK SYN -m conntrack --ctdir REPLY -m recent --name "
		"FTPALG --rdest --rcheck -j DROP");
	assert_true(line_at(text, "-A FTPALG_FIRST -p tcp -m conntrack --ctstate RELATED -m multiport --ports 21 -j DROP") <
		    line_at(text, "-A FTPALG_FIRST -p tcp --tcp-flags FIN,SYN,RST,ACK,URG SYN -m conntrack --ctstate "
			    "NEW,RELATED -j RETURN"));
	free(text);
}

static void a81_a_connection_with_a_control_port_at_either_end_begins_with_a_syn(void **state)
{
	char *text = printed(print_nft);
	size_t first = line_at(text, "ct state new,related,invalid,untracked jump first");
	size_t control = line_at(text, "meta l4proto tcp ct original proto-dst @control_ports ct status & expected == 0 "
				 "goto control");

	(void)state;
	assert_true(first < control);
	assert_non_null(strstr(text,
		"chain first {\n"
		"ct state related tcp dport @control_ports goto midway\n"
		"ct state related tcp sport @control_ports goto midway\n"
		"ct state new tcp sport @control_ports tcp sport 0-511 goto midway\n"
		"ip saddr . tcp sport @servers_ipv4 goto midway\n"
		"ip6 saddr . tcp sport @servers_ipv6 goto midway\n"
		"ct state new,related tcp flags & (fin | syn | rst | ack | urg) == syn return\n"
		"tcp dport @control_ports goto midway\n"
		"tcp sport @control_ports goto midway\n"
		"meta l4proto tcp ct original proto-dst @control_ports goto midway\n"
		"ip daddr . tcp dport @servers_ipv4 goto midway\n"
		"ip6 daddr . tcp dport @servers_ipv6 goto midway\n"
		"}\n"));
	assert_non_null(strstr(text,
		"chain midway {\n"
		"ct state invalid,untracked counter name \"no_connection\" drop\n"
		"meta l4proto tcp counter name \"midway\" reject with tcp reset\n"
		"}\n"));
	free(text);
	text = printed(print_iptables);
	first = line_at(text, "-A FTPALG_FORWARD -p tcp -m conntrack --ctstate NEW,RELATED,INVALID,UNTRACKED "
			"-j FTPALG_FIRST");
	control = line_at(text, "-A FTPALG_FORWARD -p tcp -m conntrack --ctorigdstport 21 ! --ctstatus EXPECTED "
			  "-g FTPALG_CONTROL");
	assert_true(first < control);
	assert_non_null(strstr(text,
		"-A FTPALG_FIRST -p tcp --tcp-flags FIN,SYN,RST,ACK,URG SYN -m conntrack --ctstate NEW,RELATED -j RETURN\n"
		"-A FTPALG_FIRST -p tcp -m multiport --ports 21 -j DROP\n"
		"-A FTPALG_FIRST -p tcp -m conntrack --ctorigdstport 21 -j DROP\n"
		"-A FTPALG_FIRST -m recent --name FTPALG --rsource --rcheck -j DROP\n"
		"-A FTPALG_FIRST -m recent --name FTPALG --rdest --rcheck -j DROP\n"));
	free(text);
}

/* Two SYNs that meet would make its client's session one that the server began. From 512 on a port may be a client's. */
static void a361_no_server_calls_from_its_control_port(void **state)
{
	char *text = printed(print_nft);

	(void)state;
	assert_true(line_at(text, "ct state new tcp sport @control_ports tcp sport 0-511 goto midway") <
		    line_at(text, "ct state new,related tcp flags & (fin | syn | rst | ack | urg) == syn return"));
	free(text);
	text = printed(print_iptables);
	assert_true(line_at(text, "-A FTPALG_FIRST -p tcp -m tcp --sport 0:511 -m conntrack --ctstate NEW -m multiport --sports 21 "
			    "-j DROP") <
		    line_at(text, "-A FTPALG_FIRST -p tcp --tcp-flags FIN,SYN,RST,ACK,URG SYN -m conntrack --ctstate "
			    "NEW,RELATED -j RETURN"));
	free(text);
}

/* Nor is a data connection one whose packets go to a control port. Behind a DNAT the set knows which port that is. */
static void a380_no_data_connection_comes_from_a_control_port(void **state)
{
	char *text = printed(print_nft);
	size_t passes = line_at(text, "ct state new,related tcp flags & (fin | syn | rst | ack | urg) == syn return");

	(void)state;
	assert_true(line_at(text, "ct state related tcp sport @control_ports goto midway") < passes);
	assert_true(line_at(text, "ip saddr . tcp sport @servers_ipv4 goto midway") < passes);
	assert_true(line_at(text, "ip6 saddr . tcp sport @servers_ipv6 goto midway") < passes);
	free(text);
	text = printed(print_iptables);
	assert_true(line_at(text, "-A FTPALG_FIRST -p tcp -m conntrack --ctstate RELATED -m multiport --ports 21 -j DROP") <
		    line_at(text, "-A FTPALG_FIRST -p tcp --tcp-flags FIN,SYN,RST,ACK,URG SYN -m conntrack --ctstate "
			    "NEW,RELATED -j RETURN"));
	free(text);
}

/* Behind a DNAT that changes the port, a server that speaks first has no control port at either end. */
static void a81_servers_on_other_ports_are_remembered(void **state)
{
	char *text = printed(print_nft);
	size_t queue = line_at(text, "queue num 21");

	(void)state;
	assert_true(line_at(text, "ct direction original tcp dport != @control_ports jump translated") < queue);
	assert_true(line_at(text, "ct direction reply tcp sport != @control_ports jump translated") < queue);
	line_at(text, "ct direction original add @servers_ipv4 { ip daddr . tcp dport }");
	line_at(text, "ct direction original add @servers_ipv6 { ip6 daddr . tcp dport }");
	line_at(text, "ct direction reply add @servers_ipv4 { ip saddr . tcp sport }");
	line_at(text, "ct direction reply add @servers_ipv6 { ip6 saddr . tcp sport }");
	free(text);
	text = printed(print_iptables);
	queue = line_at(text, "-A FTPALG_CONTROL -g FTPALG_QUEUE");
	assert_true(line_at(text, "-A FTPALG_CONTROL -p tcp -m conntrack --ctdir ORIGINAL -m multiport ! --dports 21 "
			    "-m recent --name FTPALG --rdest --set") < queue);
	assert_true(line_at(text, "-A FTPALG_CONTROL -p tcp -m conntrack --ctdir REPLY -m multiport ! --sports 21 "
			    "-m recent --name FTPALG --rsource --set") < queue);
	free(text);
}

/* conntrack does not ask where a packet came from. */
static void a81_a_syn_from_a_control_port_comes_from_where_its_sender_is(void **state)
{
	char *text = printed(print_nft);

	(void)state;
	line_at(text, "tcp sport @control_ports tcp flags & (fin | syn | rst | ack | urg) == syn fib saddr . iif oif missing "
		"counter name \"forged\" drop");
	free(text);
	text = printed(print_iptables);
	line_at(text, "-A FTPALG_PREROUTING -p tcp --tcp-flags FIN,SYN,RST,ACK,URG SYN -m multiport --sports 21 "
		"-m rpfilter --invert -j DROP");
	free(text);
}

static void a87_only_known_options_stay_in_a_syn(void **state)
{
	char *text = printed(print_nft), *list;
	unsigned int kept = 0;

	(void)state;
	for (unsigned int kind = 0; kind < 256; kind++) {
		char words[32], last[32];

		snprintf(words, sizeof(words), "reset tcp option %u ", kind);
		snprintf(last, sizeof(last), "reset tcp option %u\n", kind);
		if (occurrences(text, words) + occurrences(text, last) == 0)
			kept |= kind < 32 ? 1U << kind : 1U << 31;
	}
	assert_int_equal(kept, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 8);
	/* "reset" takes the first of its kind. */
	line_at(text, "tcp option 30 exists counter name \"syn\" drop");
	line_at(text, "tcp option 34 exists counter name \"syn\" drop");
	free(text);
	text = printed(print_iptables);
	list = strstr(text, "--strip-options ");
	assert_non_null(list);
	assert_memory_equal(list, "--strip-options 5,6,7,9,10,11,", 30);
	*strchr(list, '\n') = '\0';
	assert_int_equal(occurrences(list, ","), 255 - 5 - 1);
	assert_int_equal(occurrences(list, ",30,"), 1);
	free(text);
}

static void a87_no_syn_with_data_passes_whatever_its_headers(void **state)
{
	static const char *const conditions[] = {
		"0>>24=0x45&&32>>26&0x3C@17=0:0xFFFFFFFF",
		"0>>24=0x46:0x4F",
		"0>>28=6&&52>>26&0x3C@37=0:0xFFFFFFFF",
		"0>>28=6&&4>>8&0xFF=0:5,7:255",
	};
	char *text = printed(print_iptables);
	char line[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
		snprintf(line, sizeof(line), "-A FTPALG_HANDSHAKE -p tcp --tcp-flags SYN,RST SYN -m u32 --u32 \"%s\" "
			 "-j DROP", conditions[i]);
		line_at(text, line);
	}
	free(text);
}

static void the_ends_of_data_connections_are_copied_and_samples_of_the_rest(void **state)
{
	char *text = printed(print_nft);

	(void)state;
	line_at(text, "type filter hook forward priority mangle + 2; policy accept;");
	line_at(text, "meta l4proto tcp ct status & expected != 0 ct helper \"sane\" goto copied");
	line_at(text, "tcp flags & (fin | syn | rst) != 0 log group 21 snaplen 80");
	line_at(text, "tcp flags & (fin | syn | rst) == 0 limit rate 100/second burst 20 packets log group 21 snaplen 80");
	free(text);
	text = printed(print_iptables);
	line_at(text, "-A FTPALG_FORWARD -p tcp -m conntrack --ctstatus EXPECTED -m helper --helper sane -g FTPALG_COPIED");
	line_at(text, "-A FTPALG_COPIED -p tcp ! --tcp-flags FIN,SYN,RST NONE -j NFLOG --nflog-group 21 --nflog-size 80");
	line_at(text, "-A FTPALG_COPIED -p tcp --tcp-flags FIN,SYN,RST NONE -m limit --limit 100/second --limit-burst 20 -j NFLOG"
		      " --nflog-group 21 --nflog-size 80");
	free(text);
	text = printed(print_iptables_removal);
	line_at(text, "delete \"$1\" mangle FTPALG_COPIED");
	free(text);
}

static void without_a_group_nothing_is_copied(void **state)
{
	char *text;

	(void)state;
	config.nflog_group = 0;
	text = printed(print_nft);
	assert_int_equal(occurrences(text, "log group"), 0);
	free(text);
	text = printed(print_iptables);
	assert_int_equal(occurrences(text, "NFLOG"), 0);
	free(text);
}

static void what_the_gateway_has_not_passed_is_dropped_after_the_queue(void **state)
{
	char *text = printed(print_nft);

	(void)state;
	assert_int_equal(occurrences(text, "passed"), 0);
	free(text);
	text = printed(print_iptables);
	assert_int_equal(occurrences(text, "*security"), 0);
	free(text);
	config.passed_mark = 0x30;
	text = printed(print_nft);
	line_at(text, "type filter hook forward priority mangle + 1; policy accept;");
	assert_true(line_at(text, "meta mark set meta mark & 0xffffffcf") < line_at(text, "queue num 21"));
	assert_non_null(strstr(text,
		"chain judged {\n"
		"meta mark & 0x00000030 == 0x00000030 counter name \"passed\" return\n"
		"@ih,0,8 0-255 counter name \"unpassed\" drop\n"
		"tcp flags & (fin | syn | rst | ack | urg) == syn return\n"
		"meta l4proto tcp counter name \"unpassed\" drop\n"
		"}\n"));
	free(text);
	text = printed(print_iptables);
	line_at(text, "*security");
	line_at(text, "-A FTPALG_CONTROL -j MARK --set-xmark 0x0/0x30");
	assert_true(line_at(text, "-A FTPALG_QUEUE -j MARK --set-xmark 0x0/0x30") <
		    line_at(text, "-A FTPALG_QUEUE -j NFQUEUE --queue-num 21"));
	line_at(text, "-A FTPALG_JUDGED -m mark --mark 0x30/0x30 -m comment --comment passed -j RETURN");
	assert_non_null(strstr(text,
		"-A FTPALG_JUDGED -p tcp --tcp-flags FIN,SYN,RST,ACK,URG SYN -j RETURN\n"
		"-A FTPALG_JUDGED -m comment --comment unpassed -j DROP\n"));
	free(text);
}

/* Where a packet may pass the queue by, it lacks the mark and is only counted. */
static void what_may_pass_by_the_queue_is_counted_and_not_dropped(void **state)
{
	char *text;

	(void)state;
	config.passed_mark = 0x30;
	for (int i = 0; i < 2; i++) {
		config.absent_open = i == 0;
		config.queue_full_open = i == 1;
		text = printed(print_nft);
		line_at(text, "meta l4proto tcp counter name \"unpassed\" return");
		assert_int_equal(occurrences(text, "unpassed\" drop"), 0);
		free(text);
		text = printed(print_iptables);
		line_at(text, "-A FTPALG_JUDGED -m comment --comment unpassed -j RETURN");
		assert_int_equal(occurrences(text, "unpassed -j DROP"), 0);
		free(text);
	}
}

static void nft_does_not_track_what_the_gateway_sends(void **state)
{
	char *text = printed(print_nft);

	(void)state;
	line_at(text, "type filter hook output priority raw; policy accept;");
	line_at(text, "meta mark 0x66747000 notrack");
	free(text);
}

/* To delete a table that is not there is an error, so it is added first; all in one transaction. */
static void nft_replaces_its_table(void **state)
{
	char *text = printed(print_nft);
	size_t add, delete, define;

	(void)state;
	add = line_at(text, "table inet ftpalg");
	delete = line_at(text, "delete table inet ftpalg");
	define = line_at(text, "table inet ftpalg {");
	assert_true(add < delete && delete < define);
	free(text);
}

static void nft_names_all_ports_once(void **state)
{
	const uint16_t ports[] = { 21, 2121, 990 };
	char *text;

	(void)state;
	set_ports(ports, ARRAY_SIZE(ports));
	text = printed(print_nft);
	line_at(text, "elements = { 21, 2121, 990 }");
	assert_int_equal(occurrences(text, "2121"), 1);
	free(text);
}

static void iptables_attaches_the_carrier_in_raw(void **state)
{
	char *text = printed(print_iptables);
	size_t raw = line_at(text, "*raw"), mangle = line_at(text, "*mangle");
	size_t carrier = line_at(text, "-A FTPALG_PREROUTING -p tcp -m multiport --dports 21 -j CT --helper sane");
	size_t own = line_at(text, "-A FTPALG_OUTPUT -m mark --mark 0x66747000 -j CT --notrack");

	(void)state;
	assert_true(raw < carrier && carrier < mangle);
	assert_true(raw < own && own < mangle);
	assert_int_equal(occurrences(text, "--zone"), 0);
	free(text);
}

static void iptables_changes_the_handshake_before_it_queues(void **state)
{
	char *text = printed(print_iptables);
	size_t mangle = line_at(text, "*mangle");
	size_t jump = line_at(text, "-A FTPALG_FORWARD -p tcp -m conntrack --ctorigdstport 21 ! --ctstatus EXPECTED "
			      "-g FTPALG_CONTROL");
	size_t handshake = line_at(text, "-A FTPALG_CONTROL -p tcp --tcp-flags SYN,RST SYN -j FTPALG_HANDSHAKE");
	size_t queue = line_at(text, "-A FTPALG_CONTROL -g FTPALG_QUEUE");

	(void)state;
	assert_true(mangle < jump && jump < handshake && handshake < queue);
	line_at(text, "-A FTPALG_HANDSHAKE -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1160");
	line_at(text, "-A FTPALG_HANDSHAKE -p tcp --tcp-flags URG URG -j DROP");
	assert_int_equal(occurrences(text, "NFQUEUE"), 1);
	free(text);
}

/* What is no SYN, belongs to a known connection, and has the port that was dialled, is neither first nor of a handshake. */
static void a81_iptables_queues_at_once_only_what_no_other_rule_is_about(void **state)
{
	char *text = printed(print_iptables);
	size_t client = line_at(text, "-A FTPALG_FORWARD -p tcp -m tcp --dport 21 --tcp-flags SYN NONE -m conntrack --ctstate "
				"ESTABLISHED --ctdir ORIGINAL --ctorigdstport 21 ! --ctstatus EXPECTED -g FTPALG_QUEUE");
	size_t server = line_at(text, "-A FTPALG_FORWARD -p tcp -m tcp --sport 21 --tcp-flags SYN NONE -m conntrack --ctstate "
				"ESTABLISHED --ctdir REPLY --ctorigdstport 21 ! --ctstatus EXPECTED -g FTPALG_QUEUE");

	(void)state;
	assert_true(client < line_at(text, "-A FTPALG_FORWARD -p tcp -m conntrack --ctstate NEW,RELATED,INVALID,UNTRACKED "
				     "-j FTPALG_FIRST"));
	assert_true(client < server);
	assert_int_equal(occurrences(text, "-g FTPALG_QUEUE"), 3);
	free(text);
}

/* --ctorigdstport takes one port. */
static void iptables_has_one_rule_a_port(void **state)
{
	const uint16_t ports[] = { 21, 2121 };
	char *text;

	(void)state;
	set_ports(ports, ARRAY_SIZE(ports));
	text = printed(print_iptables);
	line_at(text, "-A FTPALG_PREROUTING -p tcp -m multiport --dports 21,2121 -j CT --helper sane");
	line_at(text, "-A FTPALG_FORWARD -p tcp -m conntrack --ctorigdstport 21 ! --ctstatus EXPECTED -g "
		"FTPALG_CONTROL");
	line_at(text, "-A FTPALG_FORWARD -p tcp -m conntrack --ctreplsrcport 2121 ! --ctstatus EXPECTED "
		"-g FTPALG_CONTROL");
	free(text);
}

static void both_families_are_loaded_unless_one_is_asked_for(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	(void)state;
	text = printed(print_iptables);
	line_at(text, "load iptables");
	line_at(text, "load ip6tables");
	free(text);
	out = open_memstream(&text, &size);
	rules_iptables_print(&config, (struct rules_families){ .ipv6 = true }, out);
	fclose(out);
	line_at(text, "load ip6tables");
	assert_int_equal(occurrences(text, "load iptables"), 0);
	free(text);
}

static void print_proxy_nft(FILE *out)
{
	rules_proxy_print_nft(&config, out);
}

static void print_proxy_iptables(FILE *out)
{
	rules_proxy_print_iptables(&config, both, out);
}

static void print_proxy_iptables_removal(FILE *out)
{
	rules_proxy_print_iptables_removal(both, out);
}

static void load_text(const char *text)
{
	char name[] = "/tmp/ftpalg-rules-XXXXXX";
	const int descriptor = mkstemp(name);

	assert_true(descriptor >= 0);
	assert_int_equal(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
	close(descriptor);
	assert_int_equal(config_load(&config, name, stderr), 0);
	unlink(name);
}

static const char by_network[] =
	"[proxy]\nport = 2100\ntls = server\ninterception = tproxy\n"
	"forward = 192.0.2.1:2121->10.0.0.2:21, 2001:db8::1->fd00::2\n"
	"[rule apart]\nclients = 10.1.0.3\n"
	"[rule office]\nclients = 10.1.0.0/24, 10.2.0.0/24, fd01::/64\ntls = terminate\n"
	"[rule ours]\nservers = 10.0.0.0/24, fd00::/64\ntls = terminate\n";

static void networks_choose_in_the_order_of_the_rules_and_by_the_address_that_is_dialled(void **state)
{
	static const char *const nft[] = {
		"ct status dnat ct original ip daddr 192.0.2.1 meta l4proto tcp ct original proto-dst 2121 ip daddr 10.0.0.2 "
		"tcp dport 21 meta mark set 1",
		"ct status dnat ct original ip6 daddr 2001:db8::1 ip6 daddr fd00::2 meta mark set 2",
		"ip saddr 10.1.0.3/32 return comment \"apart\"",
		"ip saddr 10.1.0.0/24 goto admit comment \"office\"",
		"ip saddr 10.2.0.0/24 goto admit comment \"office\"",
		"ct original ip daddr 10.0.0.0/24 goto admit comment \"ours\"",
		"ct original ip daddr 192.0.2.1/32 meta l4proto tcp ct original proto-dst 2121 goto admit comment \"ours\"",
		"ip6 saddr fd01::/64 goto admit comment \"office\"",
		"ct original ip6 daddr fd00::/64 goto admit comment \"ours\"",
		"ct original ip6 daddr 2001:db8::1/128 goto admit comment \"ours\"",
	};
	char *text;
	size_t before = 0;

	(void)state;
	load_text(by_network);
	config.proxy.tproxy = false;
	text = printed(print_proxy_nft);
	for (size_t i = 0; i < ARRAY_SIZE(nft); i++) {
		const size_t at = line_at(text, nft[i]);

		assert_true(at > before);
		before = at;
	}
	/* Once for each family: what no rule terminates is left alone. */
	assert_int_equal(occurrences(text, "return comment \"policy\""), 2);
	free(text);
	config.proxy.tproxy = true;
	text = printed(print_proxy_nft);
	line_at(text, "ct original ip daddr 192.0.2.1/32 meta l4proto tcp ct original proto-dst 2121 goto assign "
		"comment \"ours\"");
	free(text);
	text = printed(print_proxy_iptables);
	line_at(text, "-A FTPALG_PROXY_CHOOSE -m conntrack --ctorigdst 192.0.2.1/32 --ctorigdstport 2121 "
		"-m comment --comment \"ours\" -g FTPALG_PROXY_INTERCEPT");
	line_at(text, "-A FTPALG_PROXY_CHOOSE -m conntrack --ctorigdst 2001:db8::1/128 -m comment --comment \"ours\" "
		"-g FTPALG_PROXY_INTERCEPT");
	line_at(text, "-A FTPALG_PROXY_QUEUE -p tcp -d 10.0.0.2 --dport 21 -m conntrack --ctstate DNAT --ctorigdst 192.0.2.1 "
		"--ctorigdstport 2121 -j MARK --set-mark 1");
	free(text);
}

static void all_is_intercepted_where_no_rule_terminates(void **state)
{
	char *text;

	(void)state;
	load_text("[proxy]\nport = 2100\ntls = server\n[rule a]\nclients = 10.0.0.1\ntls = require\n");
	text = printed(print_proxy_nft);
	assert_int_equal(occurrences(text, "goto admit"), 2);
	assert_int_equal(occurrences(text, "addr"), 0);
	line_at(text, "queue num 22");
	free(text);
}

/* What the operator's chains drop must have been dropped by then, and nothing may be taken before them. */
static void the_forward_chains_are_asked_first(void **state)
{
	char *text;

	(void)state;
	for (int tproxy = 0; tproxy < 2; tproxy++) {
		load_text("[proxy]\nport = 2100\ntls = server\n");
		config.proxy.tproxy = tproxy;
		text = printed(print_proxy_nft);
		line_at(text, "type filter hook forward priority security; policy accept;");
		assert_int_equal(occurrences(text, "redirect"), 0);
		free(text);
		text = printed(print_proxy_iptables);
		line_at(text, "jump \"$1\" security FORWARD FTPALG_PROXY_ADMIT");
		assert_int_equal(occurrences(text, "REDIRECT"), 0);
		/* Only the proxy's own packets, and the rest of what was admitted. */
		assert_int_equal(occurrences(text, "-g FTPALG_PROXY_INTERCEPT"), 2 + tproxy);
		assert_int_equal(occurrences(text, "FTPALG_PROXY_MARK -i lo -m mark"), tproxy);
		assert_int_equal(occurrences(text, "FTPALG_PROXY_MARK ! -i lo -p tcp -m addrtype"), tproxy);
		free(text);
	}
}

/* What the gateway would drop of a client's packets, rules have to where the connection ends here. */
static void a122_no_packet_of_a_client_leads_conntrack_past_the_proxy(void **state)
{
	char *text;

	(void)state;
	load_text("[proxy]\nport = 2100\ntls = server\n");
	text = printed(print_proxy_nft);
	line_at(text, "iifname != \"lo\" meta l4proto tcp ct direction original ct original proto-dst @intercepted_ports jump "
		"guard");
	assert_non_null(strstr(text, "chain guard {\n"
			       "ct state established tcp flags & (fin | syn | rst | ack) == syn drop\n"
			       "goto inert\n}\n"));
	assert_non_null(strstr(text, "chain inert {\n"
			       "@ih,0,32 0x7 drop\n}\n"));
	free(text);
	text = printed(print_proxy_iptables);
	line_at(text, "-A FTPALG_PROXY_GUARD -p tcp --syn -m conntrack --ctstate ESTABLISHED -j DROP");
	line_at(text, "-A FTPALG_PROXY_GUARD -j FTPALG_PROXY_INERT");
	line_at(text, "-A FTPALG_PROXY_INERT -m u32 --u32 \"0>>28=4&&0>>22&0x3C@12>>26&0x3C@0=7\" -j DROP");
	line_at(text, "-A FTPALG_PROXY_INERT -m u32 --u32 \"0>>28=6&&52>>26&0x3C@40=7\" -j DROP");
	line_at(text, "-A FTPALG_PROXY_INERT -m u32 --u32 \"0>>28=6&&4>>8&0xFF=0:5,7:255\" -j DROP");
	line_at(text, "-A FTPALG_PROXY_MARK ! -i lo -p tcp -m conntrack --ctdir ORIGINAL --ctorigdstport 21 -j "
		"FTPALG_PROXY_GUARD");
	free(text);
}

/* Nor does what the proxy sends on its own connections, wherever a server's window cuts it. */
static void a166_nothing_that_the_proxy_sends_makes_the_carrier_act(void **state)
{
	char *text;

	(void)state;
	load_text("[proxy]\nport = 2100\ntls = server\nforward = 192.0.2.1:21->10.0.0.5:2121\n");
	text = printed(print_proxy_nft);
	line_at(text, "meta l4proto tcp ct direction original ct original proto-dst @dialled_ports jump inert");
	free(text);
	text = printed(print_proxy_iptables);
	line_at(text, "jump \"$1\" mangle OUTPUT FTPALG_PROXY_SENT");
	line_at(text, "-A FTPALG_PROXY_SENT -p tcp -m conntrack --ctdir ORIGINAL --ctorigdstport 21 -j FTPALG_PROXY_INERT");
	line_at(text, "-A FTPALG_PROXY_SENT -p tcp -m conntrack --ctdir ORIGINAL --ctorigdstport 2121 -j FTPALG_PROXY_INERT");
	free(text);
}

/* Who may send in the name of the host whose address the proxy has borrowed must not speak on the proxy's own connection. */
static void a167_nobody_speaks_on_what_the_proxy_has_begun(void **state)
{
	static const char *const settings[] = { "interception = tproxy\n", "source = client\n", "" };
	char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		char file[128];
		const unsigned int count = *settings[i] ? 1 : 0;

		snprintf(file, sizeof(file), "[proxy]\nport = 2100\ntls = server\nmark = 0x99\n%s", settings[i]);
		load_text(file);
		text = printed(print_proxy_nft);
		assert_int_equal(occurrences(text, "tcp flags & (fin | syn | rst | ack) == syn fib saddr type != local meta mark != "
					     "0x99 ct state new ct label set 127\n"), count);
		assert_int_equal(occurrences(text, "iifname != \"lo\" meta l4proto tcp ct direction original ct label 127 drop\n"),
				 count);
		free(text);
		text = printed(print_proxy_iptables);
		assert_int_equal(occurrences(text, "-A FTPALG_PROXY_SENT -p tcp --syn -m addrtype ! --src-type LOCAL -m mark ! "
					     "--mark 0x99 -m conntrack --ctstate NEW -m connlabel --label 127 --set\n"), count);
		assert_int_equal(occurrences(text, "-A FTPALG_PROXY_MARK ! -i lo -p tcp -m conntrack --ctdir ORIGINAL "
					     "-m connlabel --label 127 -j DROP\n"), count);
		free(text);
	}
}

/* A client that calls itself in the server's name would make its own SYN a reply, which no chain takes for new. */
static void a128_no_connection_that_goes_to_the_proxy_is_begun_by_its_server(void **state)
{
	char *text;

	(void)state;
	load_text("[proxy]\nport = 2100\ntls = server\n");
	text = printed(print_proxy_nft);
	assert_true(line_at(text, "tcp flags & (syn | rst | ack) == syn ct direction reply tcp dport @intercepted_ports drop") <
		    line_at(text, "meta l4proto tcp ct state new ct original proto-dst @intercepted_ports jump choose_admit"));
	free(text);
	text = printed(print_proxy_iptables);
	assert_true(line_at(text, "-A FTPALG_PROXY_ADMIT -p tcp --tcp-flags SYN,RST,ACK SYN -m conntrack --ctdir REPLY -m tcp "
			    "--dport 21 -j DROP") <
		    line_at(text, "-A FTPALG_PROXY_ADMIT -p tcp -m conntrack --ctstate NEW --ctorigdstport 21 -g "
			    "FTPALG_PROXY_CHOOSE"));
	free(text);
}

static void every_chain_that_is_made_is_taken_away(void **state)
{
	static const struct {
		print_function *print;
		print_function *remove;
		unsigned int chains;
	} rows[] = {
		{ print_iptables, print_iptables_removal, 10 },
		{ print_iptables_forward, print_iptables_forward_removal, 1 },
		{ print_proxy_iptables, print_proxy_iptables_removal, 17 },
	};

	(void)state;
	load_text(by_network);
	config.passed_mark = 1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text = printed(rows[i].print);
		char *removal = printed(rows[i].remove);
		unsigned int chains = 0;

		for (const char *at = strstr(text, "\n:"); at; at = strstr(at + 1, "\n:")) {
			char *chain = strndup(at + 2, strcspn(at + 2, " "));

			if (!strstr(removal, chain))
				fail_msg("%s stays behind", chain);
			chains++;
			free(chain);
		}
		assert_int_equal(chains, rows[i].chains);
		free(text);
		free(removal);
	}
}

static void packets_bypass_an_absent_gateway_only_where_that_is_configured(void **state)
{
	char *text;

	(void)state;
	for (int open = 0; open < 2; open++) {
		config.absent_open = open;
		text = printed(print_nft);
		line_at(text, open ? "queue num 21 bypass" : "queue num 21");
		assert_int_equal(occurrences(text, "bypass"), open);
		free(text);
		text = printed(print_iptables);
		assert_int_equal(occurrences(text, "--queue-num 21 --queue-bypass\n"), open);
		assert_int_equal(occurrences(text, "--queue-num 21\n"), !open);
		free(text);
	}
}

static void queue_mark_and_segment_size_are_the_configured_ones(void **state)
{
	char *text;

	(void)state;
	config.queue = 7;
	config.mark = 0xbeef;
	config.mss = 536;
	text = printed(print_nft);
	line_at(text, "queue num 7");
	line_at(text, "meta mark 0xbeef notrack");
	line_at(text, "tcp option maxseg size set 536");
	free(text);
	text = printed(print_iptables);
	line_at(text, "-A FTPALG_QUEUE -j NFQUEUE --queue-num 7");
	line_at(text, "-A FTPALG_OUTPUT -m mark --mark 0xbeef -j CT --notrack");
	line_at(text, "-A FTPALG_HANDSHAKE -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 536");
	free(text);
}

static void a_zone_is_matched_or_given(void **state)
{
	char *text;

	(void)state;
	config.zone = 5;
	text = printed(print_nft);
	line_at(text, "ct state new ct zone 5 tcp dport @control_ports ct helper set \"carrier\"");
	line_at(text, "ct zone != 5 counter name \"other_zone\" drop");
	free(text);
	text = printed(print_iptables);
	line_at(text, "-A FTPALG_PREROUTING -p tcp -m multiport --dports 21 -j CT --helper sane --zone 5");
	free(text);
}

static void forward_accepts_related_connections_of_the_carrier_to_high_ports(void **state)
{
	char *text = printed(print_nft_forward);

	(void)state;
	assert_string_equal(text, "ct helper \"sane\" ct state related tcp dport 1024-65535 accept\n"
			    "ct helper \"sane\" ct state established meta l4proto tcp accept\n");
	free(text);
	text = printed(print_iptables_forward);
	line_at(text, "*filter");
	line_at(text, "-A FTPALG_ACCEPT -p tcp -m helper --helper sane -m conntrack --ctstate RELATED -m tcp "
		"--dport 1024:65535 -j ACCEPT");
	line_at(text, "-A FTPALG_ACCEPT -p tcp -m helper --helper sane -m conntrack --ctstate ESTABLISHED -j ACCEPT");
	assert_int_equal(occurrences(text, "ACCEPT\n"), 3);
	line_at(text, "jump \"$1\" filter FORWARD FTPALG_ACCEPT");
	free(text);
}

static void forward_admits_what_the_policy_lets_offers_name(void **state)
{
	char *text;

	(void)state;
	config.policy.rules[1] = config.policy.rules[0];
	config.policy.rule_count = 2;
	config.policy.rules[0].port_min = 900;
	text = printed(print_nft_forward);
	assert_non_null(strstr(text, "tcp dport 900-65535 accept"));
	free(text);
	config.policy.rules[1].fxp_count = 1;
	config.policy.rules[1].fxp[0].ports = (struct port_range){ 800, 850 };
	text = printed(print_iptables_forward);
	assert_non_null(strstr(text, "--dport 800:65535 -j ACCEPT"));
	free(text);
}

/* The script's rules come back from iptables-save in about the same words. */
static void check_knows_the_iptables_rules_again(void **state)
{
	const uint16_t ports[] = { 21, 2121 };
	struct check_ruleset ruleset = { .carrier = false };
	char *text;

	(void)state;
	set_ports(ports, ARRAY_SIZE(ports));
	text = printed(print_iptables);
	check_ruleset_read_iptables(&config, text, &ruleset);
	free(text);
	assert_true(ruleset.carrier);
	assert_true(ruleset.queue);
	assert_false(ruleset.bypass);
	assert_false(ruleset.foreign_helper);
	assert_true(ruleset.syn_first);
	assert_false(ruleset.other_zone);
	assert_int_equal(ruleset.translated_port, 0);
	assert_int_equal(ruleset.carrier_ports, 3);
	assert_int_equal(ruleset.queue_ports, 3);
}

static void check_sees_what_differs_in_iptables_rules(void **state)
{
	static const struct {
		const char *line;
		struct check_ruleset ruleset;
	} rows[] = {
		{ "", { .carrier = false } },
		{ "-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper "
		  "sane", { .carrier = true, .carrier_ports = 1 } },
		{ "-A PREROUTING -p tcp -m tcp --dport 2000:3000 -j CT --helper sane",
		  { .carrier = true, .carrier_ports = 2 } },
		{ "-A PREROUTING -p tcp -m tcp --dport 210 -j CT --helper sane", { .carrier = true } },
		{ "-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp", { .foreign_helper = true } },
		{ "-A FORWARD -p tcp -m tcp --dport 21 -j NFQUEUE --queue-num 21",
		  { .queue = true, .queue_ports = 1, .first_queue = 21, .last_queue = 21 } },
		{ "-A FORWARD -p tcp -m tcp --dport 21 -j NFQUEUE --queue-num 210", { .queue_ports = 1 } },
		{ "-A FORWARD -j NFQUEUE --queue-balance 20:23 --queue-bypass",
		  { .queue = true, .bypass = true, .first_queue = 20, .last_queue = 23 } },
		{ ":FTPALG_FORWARD - [21:2121]", { .carrier = false } },
		{ "-A FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j ACCEPT",
		  { .syn_first = true } },
		{ "-A X -p tcp -m conntrack --ctorigdstport 21 -j DROP", { .carrier = false } },
		{ "-A PREROUTING -j CT --zone 0", { .carrier = false } },
		{ "-A PREROUTING -j CT --zone 5", { .other_zone = true } },
		{ "-A PREROUTING -j CT --zone-orig 5", { .other_zone = true } },
		{ "-A PREROUTING -p tcp -m tcp --dport 21 -j DNAT --to-destination 10.0.0.2:2121", { .carrier = false } },
		{ "-A PREROUTING -p tcp -m tcp --dport 21 -j DNAT --to-destination 10.0.0.2", { .carrier = false } },
		{ "-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080", { .carrier = false } },
		{ "-A PREROUTING -p tcp -m tcp --dport 21 -j DNAT --to-destination 10.0.0.2:8021",
		  { .translated_port = 8021 } },
		{ "-A PREROUTING -p tcp -m tcp --dport 21 -j DNAT --to-destination [fd00::2]:8021",
		  { .translated_port = 8021 } },
		{ "-A PREROUTING -p tcp -m tcp --dport 21 -j DNAT --to-destination fd00::8021", { .carrier = false } },
	};
	const uint16_t ports[] = { 21, 2121 };

	(void)state;
	set_ports(ports, ARRAY_SIZE(ports));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct check_ruleset ruleset = { .carrier = false };

		check_ruleset_read_iptables(&config, rows[i].line, &ruleset);
		if (memcmp(&ruleset, &rows[i].ruleset, sizeof(ruleset)) != 0)
			fail_msg("misread: %s", rows[i].line);
	}
}

/* As nft 1.0.6 lists the rules that it was given. */
static const char nft_listing[] =
	"table inet ftpalg {\n"
	"\tset control_ports {\n"
	"\t\ttype inet_service\n"
	"\t\telements = { 21,\n"
	"\t\t\t     2121 }\n"
	"\t}\n"
	"\n"
	"\tct helper carrier {\n"
	"\t\ttype \"sane\" protocol tcp\n"
	"\t\tl3proto inet\n"
	"\t}\n"
	"\n"
	"\tchain prerouting {\n"
	"\t\ttype filter hook prerouting priority mangle; policy accept;\n"
	"\t\tct state new tcp dport @control_ports ct helper set \"carrier\"\n"
	"\t}\n"
	"\n"
	"\tchain forward {\n"
	"\t\ttype filter hook forward priority mangle; policy accept;\n"
	"\t\tmeta l4proto != tcp return\n"
	"\t\tct state invalid,related,new,untracked jump first\n"
	"\t\tmeta l4proto tcp ct original proto-dst @control_ports ct status ! expected goto control\n"
	"\t}\n"
	"\n"
	"\tchain first {\n"
	"\t\tct state related,new tcp flags syn / fin,syn,rst,ack,urg return\n"
	"\t\ttcp dport @control_ports goto midway\n"
	"\t}\n"
	"\n"
	"\tchain control {\n"
	"\t\tct zone != 0 counter name \"other_zone\" drop\n"
	"\t\ttcp flags syn / syn,rst jump handshake\n"
	"\t\tct state new tcp flags syn / fin,syn,rst,ack,urg return\n"
	"\t\tqueue flags bypass to 21\n"
	"\t}\n"
	"}\n";

static void check_knows_the_nft_rules_again(void **state)
{
	const uint16_t ports[] = { 21, 2121, 990 };
	struct check_ruleset ipv4 = { .carrier = false }, ipv6 = { .carrier = false };

	(void)state;
	set_ports(ports, ARRAY_SIZE(ports));
	check_ruleset_read_nft(&config, nft_listing, &ipv4, &ipv6);
	assert_true(ipv4.carrier && ipv4.queue && ipv4.bypass && ipv4.syn_first);
	assert_false(ipv4.foreign_helper);
	assert_int_equal(ipv4.carrier_ports, 3);
	assert_int_equal(ipv4.queue_ports, 3);
	assert_memory_equal(&ipv4, &ipv6, sizeof(ipv4));
}

static void check_sees_what_differs_in_nft_rules(void **state)
{
	static const struct {
		const char *text;
		struct check_ruleset ipv4;
		struct check_ruleset ipv6;
	} rows[] = {
		{ "table ip filter {\n\tchain forward {\n\t\ttcp dport 21 accept\n\t}\n}\n",
		  { .carrier = false }, { .carrier = false } },
		{ "table ip mine {\n\tchain pre {\n\t\ttcp dport { 21, 2121 } ct helper set \"x\"\n\t}\n}\n",
		  { .carrier = true, .carrier_ports = 3 }, { .carrier = false } },
		{ "table ip6 mine {\n\tchain forward {\n\t\tct original proto-dst 2121 queue to 21\n\t}\n}\n",
		  { .carrier = false }, { .queue = true, .queue_ports = 2, .first_queue = 21, .last_queue = 21 } },
		{ "table inet mine {\n\tchain forward {\n\t\tqueue to 0-20\n\t}\n}\n",
		  { .carrier = false }, { .carrier = false } },
		{ "table ip mine {\n\tchain pre {\n\t\ttcp dport 21 dnat to 10.0.0.2:8021\n\t}\n}\n",
		  { .translated_port = 8021 }, { .carrier = false } },
		{ "table ip mine {\n\tchain pre {\n\t\ttcp dport 80 dnat to 10.0.0.2:8021\n\t\tct zone set 5\n\t}\n}\n",
		  { .other_zone = true }, { .carrier = false } },
		{ "table ip6 mine {\n\tchain pre {\n\t\ttcp dport { 21, 2121 } dnat ip6 to [fd00::2]:8021\n\t}\n}\n",
		  { .carrier = false }, { .translated_port = 8021 } },
		{ "table ip mine {\n\tct helper x {\n\t\ttype \"ftp\" protocol tcp\n\t}\n}\n",
		  { .foreign_helper = true }, { .carrier = false } },
	};
	const uint16_t ports[] = { 21, 2121 };

	(void)state;
	set_ports(ports, ARRAY_SIZE(ports));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct check_ruleset ipv4 = { .carrier = false }, ipv6 = { .carrier = false };

		check_ruleset_read_nft(&config, rows[i].text, &ipv4, &ipv6);
		if (memcmp(&ipv4, &rows[i].ipv4, sizeof(ipv4)) != 0 || memcmp(&ipv6, &rows[i].ipv6, sizeof(ipv6)) != 0)
			fail_msg("misread:\n%s", rows[i].text);
	}
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!file || getdelim(&text, &size, '\0', file) < 0)
		fail_msg("%s: can't be read (run from the top of the tree)", path);
	fclose(file);
	return text;
}

/* Whole rule sets, in which the part for the gateway is what is printed for the configuration beside it. */
static void the_worked_examples_are_what_is_printed_for_them(void **state)
{
	static const char *const names[] = { "masquerade", "dnat", "firewall" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[64], *text = NULL, *example, *forward;
		size_t size = 0;
		FILE *out;

		snprintf(path, sizeof(path), "rules/%s.conf", names[i]);
		assert_int_equal(config_load(&config, path, stderr), 0);
		snprintf(path, sizeof(path), "rules/%s.nft", names[i]);
		example = read_file(path);
		out = open_memstream(&text, &size);
		rules_nft_print(&config, out);
		fclose(out);
		if (!strstr(example, strstr(text, "table inet ftpalg {")))
			fail_msg("%s: the table is not what \"ftpalg rules nft\" prints", path);
		forward = printed(print_nft_forward);
		*strchr(forward, '\n') = '\0';
		if (!strstr(example, forward))
			fail_msg("%s: the rule for data connections is not what --forward prints", path);
		free(text);
		free(example);
		free(forward);
	}
}

static void a_program_is_run_for_its_output_and_its_failure_is_none(void **state)
{
	static const char *const echo[] = { "echo", "a word", NULL };
	static const char *const no[] = { "false", NULL };
	static const char *const absent[] = { "ftpalg-no-such-program", NULL };
	static const char *const many[] = { "seq", "100000", NULL };
	char *output = check_program_output(echo);

	(void)state;
	assert_string_equal(output, "a word\n");
	free(output);
	assert_null(check_program_output(no));
	assert_null(check_program_output(absent));
	output = check_program_output(many);
	assert_int_equal(strlen(output), 588895);
	free(output);
}

#define TEST(function) cmocka_unit_test_setup(function, use_defaults)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nft_attaches_the_carrier_to_new_connections_only),
		TEST(nft_queues_control_connections_by_the_port_that_was_dialled_and_by_the_servers),
		TEST(a213_sessions_are_spread_over_the_queues_of_all_workers),
		TEST(nft_changes_the_handshake_before_it_queues),
		TEST(a81_only_a_bare_syn_of_a_new_connection_passes_by_the_queue),
		TEST(a81_a_connection_with_a_control_port_at_either_end_begins_with_a_syn),
		TEST(a361_no_server_calls_from_its_control_port),
		TEST(a380_no_data_connection_comes_from_a_control_port),
		TEST(a81_servers_on_other_ports_are_remembered),
		TEST(a81_a_syn_from_a_control_port_comes_from_where_its_sender_is),
		TEST(a87_only_known_options_stay_in_a_syn),
		TEST(a87_no_syn_with_data_passes_whatever_its_headers),
		TEST(the_ends_of_data_connections_are_copied_and_samples_of_the_rest),
		TEST(without_a_group_nothing_is_copied),
		TEST(what_the_gateway_has_not_passed_is_dropped_after_the_queue),
		TEST(what_may_pass_by_the_queue_is_counted_and_not_dropped),
		TEST(nft_does_not_track_what_the_gateway_sends),
		TEST(nft_replaces_its_table),
		TEST(nft_names_all_ports_once),
		TEST(iptables_attaches_the_carrier_in_raw),
		TEST(iptables_changes_the_handshake_before_it_queues),
		TEST(a81_iptables_queues_at_once_only_what_no_other_rule_is_about),
		TEST(iptables_has_one_rule_a_port),
		TEST(both_families_are_loaded_unless_one_is_asked_for),
		TEST(networks_choose_in_the_order_of_the_rules_and_by_the_address_that_is_dialled),
		TEST(all_is_intercepted_where_no_rule_terminates),
		TEST(the_forward_chains_are_asked_first),
		TEST(a120_what_conntrack_calls_tcp_is_tcp),
		TEST(a121_nobody_begins_a_control_connection_from_its_server),
		TEST(a122_no_packet_of_a_client_leads_conntrack_past_the_proxy),
		TEST(a166_nothing_that_the_proxy_sends_makes_the_carrier_act),
		TEST(a167_nobody_speaks_on_what_the_proxy_has_begun),
		TEST(a128_no_connection_that_goes_to_the_proxy_is_begun_by_its_server),
		TEST(every_chain_that_is_made_is_taken_away),
		TEST(packets_bypass_an_absent_gateway_only_where_that_is_configured),
		TEST(queue_mark_and_segment_size_are_the_configured_ones),
		TEST(a_zone_is_matched_or_given),
		TEST(forward_accepts_related_connections_of_the_carrier_to_high_ports),
		TEST(forward_admits_what_the_policy_lets_offers_name),
		TEST(check_knows_the_iptables_rules_again),
		TEST(check_sees_what_differs_in_iptables_rules),
		TEST(check_knows_the_nft_rules_again),
		TEST(check_sees_what_differs_in_nft_rules),
		TEST(the_worked_examples_are_what_is_printed_for_them),
		TEST(a_program_is_run_for_its_output_and_its_failure_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
