/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The proxy's control connections between two scripted peers: lines, AUTH, handshakes, CCC, REIN, ends and bytes in clear
 * wherever they don't belong. Three bytes choose the configuration; then each byte is an action and its argument is the
 * next. The peers are socket pairs with real TLS, the loop is the proxy's own, and session_input is watched at the linker
 * (--wrap).
 *
 * Whatever is said:
 *   - no line reaches the server, or the client, that session_input did not let pass, in its order and its words;
 *   - no byte in clear comes to a peer from the moment on when TLS was promised to it;
 *   - a server whose leg is to be in TLS hears nothing in clear but AUTH TLS;
 *   - while AUTH waits for its reply the server hears nothing;
 *   - what came in clear behind AUTH never reaches the server;
 *   - when both peers are gone, so is the session, and all that it held.
 */
#include <assert.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/internal.h"
#include "tls/authority.h"
#include "tls/certs_internal.h"
#include "between.h"
#include "peer.h"

#define LINES_MAX 8192U
#define ROUNDS_MAX 400
#define MARKER "NOOP behind-auth"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __real_session_input(struct session *session, const struct ops *ops, enum direction direction, struct bytes line,
			  uint64_t now, struct outcome *outcome);
void __wrap_session_input(struct session *session, const struct ops *ops, enum direction direction, struct bytes line,
			  uint64_t now, struct outcome *outcome);

/* Hashes of the lines that may leave, in their order, and how far they have. */
struct passed {
	uint64_t hashes[LINES_MAX];
	size_t count;
	size_t next;
};

static struct config config;
static struct proxy proxy;
static struct tls *contexts[2]; /* TLS 1.2 and 1.3; 1.2 only */
static SSL_CTX *client_context;
static SSL_CTX *server_contexts[2]; /* a good certificate, a bad one */

static struct peer client;
static struct peer server;
static struct passed passed[2]; /* by direction */
static size_t promise;      /* which of the replies that passed says that TLS begins */
static size_t server_promise; /* and how many commands the server has to hear before that */
static bool ever_cleared;
static bool auth_heard;     /* the last line in clear that the server heard was AUTH, and it has said nothing since */
static bool auth_armed;     /* and all was quiet in between */
static bool server_spoke;   /* since all was quiet */
static bool marker_sent;

static uint64_t hash_line(struct bytes line)
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (size_t i = 0; i < line.length; i++)
		hash = (hash ^ line.data[i]) * 0x100000001b3U;
	return hash;
}

static bool line_is(struct bytes line, const char *text)
{
	return line.length == strlen(text) && memcmp(line.data, text, line.length) == 0;
}

static bool line_begins(struct bytes line, const char *text)
{
	return line.length >= strlen(text) && memcmp(line.data, text, strlen(text)) == 0;
}

void __wrap_session_input(struct session *session, const struct ops *ops, enum direction direction, struct bytes line,
			  uint64_t now, struct outcome *outcome)
{
	static uint8_t edited[2 * LINE_MAX_LENGTH];
	const struct edit *edit = &outcome->edit;
	struct passed *list = &passed[direction];
	const unsigned int waiting = session->pipeline_count;
	const bool rein = direction == DIRECTION_REPLY && waiting > 0 &&
			  session->backlog->pipeline[session->pipeline_head].verb == VERB_REIN;
	struct bytes left = line;
	size_t rest;

	__real_session_input(session, ops, direction, line, now, outcome);
	/* REIN ends TLS on both legs, CCC on the client's, which the core reports. */
	if (rein && session->pipeline_count < waiting && line.data[0] == '2') {
		server.promised = false;
		server_promise = SIZE_MAX;
	}
	if (outcome->verdict == OUTCOME_CLOSE)
		return;
	if (outcome->verdict != OUTCOME_PASS) {
		rest = edit->at.offset + edit->at.length;
		memcpy(edited, line.data, edit->at.offset);
		memcpy(edited + edit->at.offset, edit->replacement, edit->length);
		memcpy(edited + edit->at.offset + edit->length, line.data + rest, line.length - rest);
		left = (struct bytes){ edited, line.length - edit->at.length + edit->length };
	}
	assert(list->count < LINES_MAX);
	list->hashes[list->count++] = hash_line(left);
}

/* Some lines are answered by the proxy or left out, so what arrives is a part of the list, in its order. */
static bool was_passed(struct passed *list, struct bytes line)
{
	const uint64_t hash = hash_line(line);

	while (list->next < list->count)
		if (list->hashes[list->next++] == hash)
			return true;
	return false;
}

static void on_server_line(struct peer *peer, struct bytes line, bool clear)
{
	const bool own = config.proxy.legs == PROXY_LEGS_SERVER &&
			 (line_is(line, "AUTH TLS") || line_is(line, "PBSZ 0") || line_is(line, "PROT P"));

	(void)peer;
	assert(!(marker_sent && line_is(line, MARKER)));
	assert(!(clear && auth_armed));
	if (clear && config.proxy.legs == PROXY_LEGS_SERVER)
		assert(line_is(line, "AUTH TLS"));
	auth_heard = clear && line_begins(line, "AUTH");
	if (own)
		return;
	assert(was_passed(&passed[DIRECTION_ORIGINAL], line));
	if (passed[DIRECTION_ORIGINAL].next >= server_promise)
		server.promised = true;
}

static void on_client_line(struct peer *peer, struct bytes line, bool clear)
{
	const bool own = line_begins(line, "421 Refused: ") || line_is(line, " AUTH TLS") || line_is(line, " CCC") ||
			 line_is(line, " PBSZ") || line_is(line, " PROT");

	if (own)
		return;
	assert(was_passed(&passed[DIRECTION_REPLY], line));
	if (clear && passed[DIRECTION_REPLY].next > promise) {
		promise = LINES_MAX;
		peer->promised = true;
	}
}

static void on_notice(void *context, const struct notice *notice)
{
	(void)context;
	if (notice->type != NOTICE_TLS)
		return;
	if (line_is(notice->text, "terminated")) {
		promise = passed[DIRECTION_REPLY].count;
		/* AUTH goes alone, so it is the last command that passed, and whatever comes behind it is in TLS. */
		if (config.proxy.legs == PROXY_LEGS_BOTH)
			server_promise = passed[DIRECTION_ORIGINAL].count;
		if (passed[DIRECTION_ORIGINAL].next >= server_promise)
			server.promised = true;
	} else if (line_is(notice->text, "cleared")) {
		ever_cleared = true;
		client.promised = false;
	}
}

static enum reason op_expect(void *context, const struct nat_view *master, struct expectation *expectation)
{
	(void)context;
	(void)master;
	(void)expectation;
	return REASON_NONE;
}

static enum reason op_unexpect(void *context, const struct nat_view *master, const struct expectation *expectation)
{
	(void)context;
	(void)master;
	(void)expectation;
	return REASON_NONE;
}

/* Until nothing moves. A session that never comes to rest is a fault too. */
static void run(void)
{
	unsigned int quiet = 0;

	for (unsigned int i = 0; quiet < 3; i++) {
		assert(i < ROUNDS_MAX);
		client.moved = false;
		server.moved = false;
		event_base_loop(proxy.base, EVLOOP_NONBLOCK);
		peer_pump(&client);
		peer_pump(&server);
		quiet = client.moved || server.moved ? 0 : quiet + 1;
	}
	/* What the server said in the meantime may be taken for the reply, whichever came first. */
	auth_heard = auth_heard && !server_spoke;
	auth_armed = auth_heard && config.proxy.legs == PROXY_LEGS_BOTH;
	server_spoke = false;
}

static void server_speaks(void)
{
	server_spoke = true;
	auth_heard = false;
	auth_armed = false;
}

static void server_says(struct bytes bytes)
{
	server_speaks();
	peer_say(&server, bytes);
}

static struct bytes text(const char *words)
{
	return (struct bytes){ (const uint8_t *)words, strlen(words) };
}

static void client_says(uint8_t which)
{
	static const char *const lines[] = {
		"USER a\r\n", "PASS b\r\n", "AUTH TLS\r\n", "PBSZ 0\r\n", "PROT P\r\n", "PROT C\r\n", "CCC\r\n", "REIN\r\n",
		"FEAT\r\n", "PASV\r\n", "EPSV\r\n", "PORT 10,0,0,5,195,149\r\n", "PORT 10,0,0,99,0,25\r\n", "LIST\r\n",
		"STOR x\r\n", "QUIT\r\n", "NOOP\r\n", "AUTH SSL\r\n", "AUTH GSSAPI\r\n", "PROT S\r\n", "ADAT x\r\n",
		"SSCN ON\r\n", "CPSV\r\n", "STAT\r\n", "\r\n", "GET / HTTP/1.1\r\n", "HOST x\r\n", "USER", " y\r\n", "\377\364",
		"REIN\r\nUSER z\r\n", "CCC\r\nNOOP\r\n",
	};

	peer_say(&client, text(lines[which % (sizeof(lines) / sizeof(lines[0]))]));
}

static void server_replies(uint8_t which)
{
	static const char *const lines[] = {
		"220 ready\r\n", "331 password\r\n", "230 in\r\n", "234 go\r\n", "200 ok\r\n", "220 again\r\n", "502 no\r\n",
		"534 no\r\n", "227 ok (203,0,113,9,195,149)\r\n", "227 ok (10,9,9,9,0,22)\r\n", "229 ok (|||50000|)\r\n",
		"150 go\r\n", "226 done\r\n", "211-features\r\n AUTH TLS\r\n CCC\r\n SSCN\r\n211 end\r\n", "421 bye\r\n",
		"220-a\r\n220 b\r\n", "234-a\r\n234 b\r\n", "120 wait\r\n", "234 go\r\n230 in\r\n", "220 x\r\n234 y\r\n",
		"503 no\r\n", "200-a\r\n227 x (203,0,113,9,4,1)\r\n200 b\r\n", "250 ok\r\n", "22", "7 (1,2,3,4,5,6)\r\n", "234",
	};

	server_says(text(lines[which % (sizeof(lines) / sizeof(lines[0]))]));
}

/* AUTH and bytes behind it in one piece, where AUTH is going to be passed on or accepted. */
static void send_marker(void)
{
	const bool client_tls = config.proxy.legs == PROXY_LEGS_BOTH || config.proxy.legs == PROXY_LEGS_CLIENT;

	if (client.ssl || ever_cleared || !client_tls || !proxy.first || proxy.first->session.secured ||
	    proxy.first->session.state == SESSION_GREETING || client.clear_length > 0)
		return;
	/* What the client had begun to say would become a line of its own. */
	peer_say(&client, text("\r\nAUTH TLS\r\n" MARKER "\r\n"));
	marker_sent = true;
}

static void act(uint8_t action, uint8_t argument)
{
	/* The peers tell TLS from lines by the first byte, so no line begins as a record does. */
	const uint8_t raw[2] = { argument >= 20 && argument <= 23 ? 'x' : argument, '\n' };

	switch (action & 15) {
	case 0:
	case 1:
		client_says(argument);
		break;
	case 2:
	case 3:
		server_replies(argument);
		break;
	case 4: /* a command and its reply */
		client_says(argument & 31);
		run();
		server_replies(argument >> 5);
		break;
	case 5:
		peer_start_tls(&client);
		break;
	case 6:
		peer_end_tls(&client);
		break;
	case 7:
		peer_end_tls(&server);
		break;
	case 8: /* in clear, wherever TLS is */
		peer_inject(argument & 1 ? &client : &server, text(argument & 2 ? "USER x\r\n" : "230 in\r\n"));
		if (!(argument & 1))
			server_speaks();
		break;
	case 9:
		shutdown(argument & 1 ? client.descriptor : server.descriptor, SHUT_WR);
		break;
	case 10:
		peer_close(argument & 1 ? &client : &server);
		break;
	case 11:
		peer_say(&client, (struct bytes){ raw, 1U + (action >> 4 & 1) });
		break;
	case 12:
		server_says((struct bytes){ raw, 1U + (action >> 4 & 1) });
		break;
	case 13: /* what every session begins with */
		server_replies(0);
		run();
		client_says(2);
		run();
		server_replies(3);
		break;
	case 14:
		send_marker();
		break;
	default: /* a login */
		client_says(0);
		run();
		server_replies(1);
		run();
		client_says(1);
		run();
		server_replies(2);
	}
	/* Half of the actions come together with the next. */
	if (!(action & 0x80))
		run();
}

static void configure(const uint8_t *data)
{
	struct policy_rule *rule = &config.policy.rules[0];

	config.proxy.legs = (enum proxy_legs)(data[0] & 3);
	config.proxy.ccc = data[0] & 4;
	config.proxy.untrusted = data[0] & 8;
	proxy.tls = contexts[data[0] >> 4 & 1];
	rule->tls = data[1] & 1 ? TLS_REQUIRE : TLS_ALLOW;
	rule->verb_denied[VERB_SITE] = true;
	rule->verb_denied[VERB_USER] = (data[1] & 6) == 6;
}

static void begin(const uint8_t *data)
{
	static const struct nat_view view = {
		.client = { { .family = FAMILY_IPV4, .octets = { 10, 0, 0, 5 } }, 40000 },
		.server_seen = { { .family = FAMILY_IPV4, .octets = { 203, 0, 113, 9 } }, 21 },
		.server = { { .family = FAMILY_IPV4, .octets = { 203, 0, 113, 9 } }, 21 },
		.client_seen = { { .family = FAMILY_IPV4, .octets = { 198, 51, 100, 1 } }, 40001 },
	};
	const bool client_tls = config.proxy.legs == PROXY_LEGS_BOTH || config.proxy.legs == PROXY_LEGS_CLIENT;
	const bool server_tls = config.proxy.legs == PROXY_LEGS_BOTH || config.proxy.legs == PROXY_LEGS_SERVER;
	const bool implicit = (data[2] & 1) && config.proxy.legs != PROXY_LEGS_NONE;
	int to_client[2];
	int to_server[2];
	struct proxy_session *session;

	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, to_client) == 0);
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, to_server) == 0);
	/* Descriptors are not lost. */
	assert(to_server[1] < 64);
	peer_open(&client, to_client[0], client_context, false);
	peer_open(&server, to_server[0], server_contexts[data[2] >> 1 & 1], true);
	client.on_line = on_client_line;
	server.on_line = on_server_line;
	client.answers_close = data[2] & 4;
	server.answers_close = data[2] & 8;
	server.broken = (data[2] & 48) == 48;
	client.promised = implicit && client_tls;
	server.promised = implicit && server_tls;
	passed[0].count = passed[0].next = 0;
	passed[1].count = passed[1].next = 0;
	promise = LINES_MAX;
	server_promise = SIZE_MAX;
	ever_cleared = auth_heard = auth_armed = server_spoke = marker_sent = false;
	session = between_begin(&proxy, to_client[1], to_server[1], &view, implicit);
	if (session) {
		session->ops.expect = op_expect;
		session->ops.unexpect = op_unexpect;
		session->ops.peek = NULL;
	}
	if (client.promised && !(data[2] & 64))
		peer_start_tls(&client);
	run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3 || size > 400)
		return 0;
	configure(data);
	begin(data);
	for (size_t i = 3; i + 1 < size && proxy.first; i += 2)
		act(data[i], data[i + 1]);
	peer_close(&client);
	peer_close(&server);
	run();
	assert(!proxy.first);
	assert(proxy.sessions == 0);
	return 0;
}

static SSL_CTX *make_server_context(X509 *authority, EVP_PKEY *authority_key, const char *names)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = certs_draft(key, 86400);

	assert(context && certificate);
	assert(X509_set_issuer_name(certificate, X509_get_subject_name(authority)));
	assert(certs_add_extension(certificate, authority, NID_subject_alt_name, names));
	assert(X509_sign(certificate, authority_key, EVP_sha256()));
	assert(SSL_CTX_use_cert_and_key(context, certificate, key, NULL, 1) == 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return context;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char directory[] = "/tmp/ftpalg-fuzz-XXXXXX";
	char certificate[64], key[64], error[512] = "";
	struct tls_settings settings = { .ca_certificate = certificate, .ca_key = key, .anchors = certificate };
	FILE *file;
	X509 *authority;
	EVP_PKEY *authority_key;

	(void)argc;
	(void)argv;
	assert(mkdtemp(directory));
	snprintf(certificate, sizeof(certificate), "%s/ca.pem", directory);
	snprintf(key, sizeof(key), "%s/ca.key", directory);
	assert(authority_create(certificate, key, "fuzz", 30, error, sizeof(error)) == 0);
	for (int i = 0; i < 2; i++) {
		settings.client.no_tls13 = settings.server.no_tls13 = i == 1;
		contexts[i] = tls_open(&settings, error, sizeof(error));
		assert(contexts[i]);
	}
	file = fopen(certificate, "r");
	authority = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	file = fopen(key, "r");
	authority_key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	server_contexts[0] = make_server_context(authority, authority_key, "IP:203.0.113.9");
	server_contexts[1] = make_server_context(authority, authority_key, "IP:203.0.113.10");
	client_context = SSL_CTX_new(TLS_client_method());
	assert(client_context);
	X509_free(authority);
	EVP_PKEY_free(authority_key);
	unlink(certificate);
	unlink(key);
	rmdir(directory);

	/* As the proxy does. */
	signal(SIGPIPE, SIG_IGN);
	config_set_defaults(&config);
	config.proxy.port = 2100;
	proxy.config = &config;
	proxy.policy = &config.policy;
	proxy.next_session = 1;
	proxy.host.ops.notice = on_notice;
	proxy.base = event_base_new();
	assert(proxy.base && turns_open(&proxy.turns, proxy.base));
	return 0;
}
