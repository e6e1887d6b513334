/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ftpalg rules: prints the firewall rules that the configuration needs. Loading them is left to nft and to the shell,
 * so that an operator can read, change and keep what is loaded.
 *
 * Both forms say the same, and in this order (the numbers are the kernel's hook priorities):
 *
 *   prerouting  -300/-150  the first packet of a control connection gets the carrier
 *   forward     -150       packets of control ports that begin no connection, and belong to none, go no further
 *                          SYN and SYN-ACK of control connections: lower MSS, known options only, no data
 *                          all else of control connections goes to the queue
 *               -149/50    with passed-mark: what the gateway has not passed is dropped
 *   output      -300       what the gateway sends by itself is not tracked
 *
 * The invariant: every packet of a control connection, in whatever state conntrack has it and in both directions, goes
 * to the queue or no further; only a SYN without data passes by. The SYN itself is never queued: its conntrack entry is
 * not confirmed yet, and one that waits in a queue loses against a retransmission of itself.
 *
 * Conntrack's state is not the peers'. A RST or FIN that dies before it reaches the peer ends the entry alone, and the
 * next segment is NEW, for nf_conntrack_tcp_loose lets conntrack pick up a connection in the middle. If the server
 * speaks first, its port is the source port of the new entry; if another control connection of the client has just
 * announced the port that this one comes from, the new entry counts as a data connection. So a connection that has a
 * control port at either end begins with a SYN or not at all. One that has it at the client's end, and began with a
 * SYN, is none of ours: a client may use any port. That the SYN was not forged by somebody on the client's side is
 * asked of the routing table.
 *
 * Control connections are known by the port that the client dialled (original tuple), and by that of the server (reply
 * tuple), which DNAT may have made another one. If the latter is no control port, servers are remembered as they turn
 * up. Connections that were expected are left out: a data connection may go to any port, a control port too.
 *
 * Whether connections are admitted at all is not decided here. --forward prints what an operator's own filter needs in
 * order to admit data connections.
 *
 * Where the policy terminates TLS, the rules of the proxy belong to the set (rules/proxy.c): its connections are taken
 * away before FORWARD, and the queue gets the others.
 */
#include "rules/rules.h"

#include <getopt.h>
#include <string.h>

#include "cmd/cmd.h"

struct rules_request {
	enum { RULES_NFT, RULES_IPTABLES, RULES_ROUTE } kind;
	const char *path;
	bool forward;
	bool remove;
	bool proxy;
	struct rules_families families;
};

void rules_print_ports(const struct config *config, const char *separator, FILE *out)
{
	for (size_t i = 0; i < config->control_port_count; i++)
		fprintf(out, "%s%u", i ? separator : "", config->control_ports[i]);
}

uint16_t rules_lowest_port(const struct config *config)
{
	uint16_t lowest = UINT16_MAX;

	for (size_t i = 0; i < config->policy.rule_count; i++) {
		const struct policy_rule *rule = &config->policy.rules[i];

		if (rule->port_min < lowest)
			lowest = rule->port_min;
		/* What is listed for third-party transfers is exempt from the minimum. */
		for (size_t j = 0; j < rule->fxp_count; j++)
			if (rule->fxp[j].ports.first < lowest)
				lowest = rule->fxp[j].ports.first;
	}
	return lowest;
}

/* MSS, window scale, SACK permitted, timestamps. */
bool rules_option_is_kept(unsigned int kind)
{
	return kind == 2 || kind == 3 || kind == 4 || kind == 8;
}

/* TCP-MD5, TCP-AO, MPTCP, Fast Open, and the two kinds for experiments, of which Fast Open has used one. */
const uint8_t rules_options_dangerous[] = { 19, 29, 30, 34, 253, 254 };
const size_t rules_option_dangerous_count = sizeof(rules_options_dangerous);

bool rules_may_bypass(const struct config *config)
{
	return config->absent_open || config->queue_full_open;
}

/* kind completes the request; the options are known by now. */
static int rules_read_kind(const char *kind, struct rules_request *request)
{
	bool families_given = request->families.ipv4 || request->families.ipv6;

	if (strcmp(kind, "nft") == 0)
		request->kind = RULES_NFT;
	else if (strcmp(kind, "iptables") == 0)
		request->kind = RULES_IPTABLES;
	else if (strcmp(kind, "route") == 0)
		request->kind = RULES_ROUTE;
	else
		return cmd_misuse("rules", "there are no %s rules, only nft, iptables and route", kind);
	if (request->kind == RULES_NFT && families_given)
		return cmd_misuse("rules", "-4 and -6 are for iptables and route: nft rules hold for both families");
	if (request->kind == RULES_NFT && request->forward && request->remove)
		return cmd_misuse("rules", "what nft --forward prints leaves with the line that includes it");
	if (!families_given)
		request->families = (struct rules_families){ true, true };
	return CMD_SUCCESS;
}

static int rules_read_arguments(int argc, char **argv, struct rules_request *request)
{
	enum { OPTION_FORWARD = 256, OPTION_REMOVE, OPTION_PROXY };
	static const struct option options[] = {
		{ "forward", no_argument, NULL, OPTION_FORWARD },
		{ "remove", no_argument, NULL, OPTION_REMOVE },
		{ "proxy", no_argument, NULL, OPTION_PROXY },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*request = (struct rules_request){ .path = CONFIG_DEFAULT_PATH };
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":46c:", options, NULL)) != -1) {
		switch (option) {
		case '4':
			request->families.ipv4 = true;
			break;
		case '6':
			request->families.ipv6 = true;
			break;
		case 'c':
			request->path = optarg;
			break;
		case OPTION_FORWARD:
			request->forward = true;
			break;
		case OPTION_PROXY:
			request->proxy = true;
			break;
		case OPTION_REMOVE:
			request->remove = true;
			break;
		case ':':
			return cmd_misuse("rules", "-c needs the name of a file");
		default:
			return cmd_misuse("rules", "%s is not understood", argv[optind - 1]);
		}
	}
	if (optind != argc - 1)
		return cmd_misuse("rules", "expected one kind of rules, nft, iptables or route");
	return rules_read_kind(argv[optind], request);
}

static void rules_print_gateway(const struct rules_request *request, const struct config *config)
{
	const bool nft = request->kind == RULES_NFT;

	if (nft && request->remove)
		rules_nft_print_removal(stdout);
	else if (nft && request->forward)
		rules_nft_print_forward(config, stdout);
	else if (nft)
		rules_nft_print(config, stdout);
	else if (request->remove && request->forward)
		rules_iptables_print_forward_removal(request->families, stdout);
	else if (request->remove)
		rules_iptables_print_removal(request->families, stdout);
	else if (request->forward)
		rules_iptables_print_forward(config, request->families, stdout);
	else
		rules_iptables_print(config, request->families, stdout);
}

static void rules_print_proxy(const struct rules_request *request, const struct config *config)
{
	const bool nft = request->kind == RULES_NFT;

	if (nft && request->remove)
		rules_proxy_print_nft_removal(stdout);
	else if (nft && request->forward)
		rules_proxy_print_nft_input(config, stdout);
	else if (nft)
		rules_proxy_print_nft(config, stdout);
	else if (request->remove && request->forward)
		rules_proxy_print_iptables_input_removal(request->families, stdout);
	else if (request->remove)
		rules_proxy_print_iptables_removal(request->families, stdout);
	else if (request->forward)
		rules_proxy_print_iptables_input(config, request->families, stdout);
	else
		rules_proxy_print_iptables(config, request->families, stdout);
}

/*
 * The proxy's part comes first: from the moment that a policy which terminates TLS has rules in force, no connection
 * that it means may pass by the queue. What is removed is all that can have been loaded, and in the other order.
 */
static void rules_print_all(const struct rules_request *request, const struct config *config)
{
	const bool terminates = config_terminates(config);
	/* The two parts belong into two chains of the operator's. */
	const bool one_part = request->kind == RULES_NFT && request->forward;

	if (request->kind == RULES_ROUTE) {
		if (request->remove)
			rules_route_print_removal(request->families, stdout);
		else
			rules_route_print(config, request->families, stdout);
		return;
	}
	if (!request->remove && terminates && !request->proxy && !one_part)
		rules_print_proxy(request, config);
	if (request->proxy)
		rules_print_proxy(request, config);
	else
		rules_print_gateway(request, config);
	if (request->remove && !request->proxy && !one_part)
		rules_print_proxy(request, config);
	if (terminates && one_part && !request->proxy)
		fputs("# An input chain that drops needs what \"ftpalg rules nft --proxy --forward\" prints.\n", stdout);
}

int cmd_rules(int argc, char **argv)
{
	static struct config config;
	struct rules_request request;
	int status = rules_read_arguments(argc, argv, &request);

	/* Rules must go away even where the configuration that they were made for no longer makes sense. */
	if (status == CMD_SUCCESS && !request.remove && config_load(&config, request.path, stderr) < 0)
		status = CMD_FAILURE;
	if (status != CMD_SUCCESS)
		return status;
	if ((request.proxy || request.kind == RULES_ROUTE) && !request.remove && !config.proxy.port) {
		fprintf(stderr, "ftpalg rules: %s has no section [proxy]; ftpalg.conf(5) describes it\n", request.path);
		return CMD_FAILURE;
	}
	rules_print_all(&request, &config);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("ftpalg rules: standard output");
		return CMD_FAILURE;
	}
	return CMD_SUCCESS;
}
