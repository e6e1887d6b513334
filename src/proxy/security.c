/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AUTH, PBSZ, PROT, CCC and REIN (RFC 2228, 4217), leg by leg.
 *
 *   tls       AUTH                      PBSZ, PROT                data connections
 *   both      passed on; after 234      passed on; the proxy      as PROT says, on both legs
 *             both legs turn to TLS     remembers the level
 *   client    answered by the proxy     answered by the proxy     client's leg as PROT says, server's in clear
 *   server    refused                   refused                   client's leg in clear, server's in TLS
 *   none      refused                   refused                   in clear
 *
 * What the proxy answers is in order: such a command is not taken before all others are answered.
 *
 * The proxy itself answers CCC: where it is configured, and the policy does not require TLS, TLS ends on the client's leg,
 * and the server's stays as it is. The level of data connections is frozen then (RFC 4217 5). The server answers REIN. Where
 * that succeeds, TLS ends on both legs (11), and AUTH may come again; where the client has no TLS, the proxy makes the
 * server's leg ready again before the client hears the reply. On an implicit port TLS can't end, so REIN is refused there.
 *
 * Where TLS begins or ends, nothing crosses the line: what came in clear would be taken for something that TLS protected,
 * and what came in TLS would go on in clear. A client that says more after its command and before the answer, or a server
 * that says more after its answer, ends the session. Only CCC may be followed by more in TLS: the server's leg stays in it.
 */
#include <string.h>

#include "proxy/internal.h"

static bool argument_is(struct bytes argument, const char *word)
{
	if (argument.length != strlen(word))
		return false;
	for (size_t i = 0; i < argument.length; i++) {
		const uint8_t byte = argument.data[i];
		const uint8_t upper = byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 0x20) : byte;

		if (upper != (uint8_t)word[i])
			return false;
	}
	return true;
}

static bool argument_is_number(struct bytes argument)
{
	for (size_t i = 0; i < argument.length; i++)
		if (argument.data[i] < '0' || argument.data[i] > '9')
			return false;
	return argument.length > 0 && argument.length <= 10;
}

bool security_is_own(enum verb verb)
{
	switch (verb) {
	case VERB_AUTH:
	case VERB_ADAT:
	case VERB_PBSZ:
	case VERB_PROT:
	case VERB_CCC:
	case VERB_MIC:
	case VERB_CONF:
	case VERB_ENC:
	case VERB_REIN:
	case VERB_SSCN:
	case VERB_CPSV:
		return true;
	default:
		return false;
	}
}

static const char *answer_auth(struct proxy_session *session, struct bytes argument)
{
	const bool protects = argument_is(argument, "SSL") || argument_is(argument, "TLS-P");

	if (!proxy_client_has_tls(session))
		return "502 AUTH is not available on this connection.";
	if (session->session.secured || session->cleared)
		return "503 TLS is in use already.";
	if (!protects && !argument_is(argument, "TLS") && !argument_is(argument, "TLS-C"))
		return "504 Only TLS is known here.";
	session->change = SECURITY_AUTH;
	session->change_protects = protects;
	return proxy_server_has_tls(session) ? NULL : "234 TLS begins.";
}

static const char *answer_pbsz(const struct proxy_session *session, struct bytes argument)
{
	if (!session->session.secured)
		return "503 PBSZ comes after AUTH.";
	if (!argument_is_number(argument))
		return "501 PBSZ takes a number.";
	/* RFC 4217 8: TLS has its own buffers, so the size is 0. */
	return proxy_server_has_tls(session) ? NULL : "200 PBSZ=0";
}

static const char *answer_prot(struct proxy_session *session, struct bytes argument)
{
	if (!session->session.secured)
		return "503 PROT comes after AUTH.";
	/* A server in clear needs no PBSZ. */
	if (!session->pbsz && !proxy_server_has_tls(session))
		return "503 PROT comes after PBSZ.";
	if (argument_is(argument, "S") || argument_is(argument, "E"))
		return "536 TLS has the levels C and P.";
	if (!argument_is(argument, "C") && !argument_is(argument, "P"))
		return "504 The levels are C and P.";
	session->change = SECURITY_PROT;
	session->change_protects = argument_is(argument, "P");
	return proxy_server_has_tls(session) ? NULL : "200 The protection level is set.";
}

static const char *answer_ccc(const struct proxy_session *session)
{
	if (!session->session.secured)
		return "533 The control connection is not protected.";
	if (!session->proxy->config->proxy.ccc || policy_rule_requires_tls(session->session.rule))
		return "533 The control connection stays protected.";
	return "200 The control connection goes on in clear.";
}

static const char *answer_rein(struct proxy_session *session)
{
	if (session->implicit)
		return "502 REIN is not available where TLS is implicit.";
	session->change = SECURITY_REIN;
	return NULL;
}

const char *security_answer(struct proxy_session *session, enum verb verb, struct bytes argument)
{
	switch (verb) {
	case VERB_AUTH:
		return answer_auth(session, argument);
	case VERB_PBSZ:
		return answer_pbsz(session, argument);
	case VERB_PROT:
		return answer_prot(session, argument);
	case VERB_CCC:
		return answer_ccc(session);
	case VERB_REIN:
		return answer_rein(session);
	case VERB_ADAT:
	case VERB_MIC:
	case VERB_CONF:
	case VERB_ENC:
		/* Commands in other clothes, which could not be judged. */
		return "502 Only TLS is known here.";
	case VERB_SSCN:
	case VERB_CPSV:
		/* With these the server becomes the TLS client of a data connection. */
		return session->proxy->config->proxy.legs == PROXY_LEGS_NONE
			       ? NULL : "502 Data connections between servers are not available here.";
	default:
		return NULL;
	}
}

static void take_auth(struct proxy_session *session, uint16_t code)
{
	struct leg *client = &session->leg[LEG_CLIENT];

	if (session->change != SECURITY_AUTH)
		return;
	session->change = SECURITY_SETTLED;
	if (code != 234)
		return;
	session->protect = session->change_protects;
	session->pbsz = false;
	client->phase = LEG_STARTING;
	if (proxy_server_has_tls(session))
		session->leg[LEG_SERVER].phase = LEG_STARTING;
	if (evbuffer_get_length(client->in) > 0 ||
	    (proxy_server_has_tls(session) && evbuffer_get_length(session->leg[LEG_SERVER].in) > 0))
		proxy_session_reject(session, REASON_BEHIND_AUTH, "bytes in clear came after AUTH");
}

static void take_prot(struct proxy_session *session, uint16_t code)
{
	if (session->change != SECURITY_PROT)
		return;
	session->change = SECURITY_SETTLED;
	if (code != 200)
		return;
	session->protect = session->change_protects;
	session->level_unsaid = false;
}

static void take_ccc(struct proxy_session *session, uint16_t code)
{
	if (code != 200)
		return;
	session->cleared = true;
	clear_begin(&session->leg[LEG_CLIENT]);
}

static void take_rein(struct proxy_session *session, uint16_t code)
{
	/* Where the proxy prepared the server's leg again, all is done. */
	if (session->change != SECURITY_REIN)
		return;
	session->change = SECURITY_SETTLED;
	for (int i = 0; i < LEG_COUNT; i++)
		if (code / 100 != 2 && session->leg[i].input == LEG_SAID_END)
			session->leg[i].input = LEG_ENDED;
	if (code / 100 != 2)
		return;
	session->protect = false;
	session->pbsz = false;
	session->cleared = false;
	if (clear_judge_rest(session))
		return;
	for (int i = 0; i < LEG_COUNT; i++)
		clear_begin(&session->leg[i]);
	if (!clear_tickets(session))
		proxy_session_reject(session, REASON_MEMORY_FULL, "no memory");
}

struct relay_level security_find_level(const struct proxy_session *session)
{
	const bool protect = (session->session.secured || session->cleared) && session->protect;
	const bool server = proxy_server_has_tls(session);

	return (struct relay_level){
		.secure = { [RELAY_CLIENT] = protect,
			    [RELAY_SERVER] = server && (proxy_client_has_tls(session) ? protect : true) },
		.unsaid = session->level_unsaid,
	};
}

/* A server looks at it when it is asked for a transfer, and a data connection may be there by now. */
static void protect_data(struct proxy_session *session)
{
	const struct relay_level level = security_find_level(session);

	relay_protect(&session->transfer, &level);
}

void security_take_reply(struct proxy_session *session, enum verb verb, uint16_t code)
{
	if (verb == VERB_AUTH)
		take_auth(session, code);
	else if (verb == VERB_PBSZ && code == 200)
		session->pbsz = true;
	else if (verb == VERB_PROT)
		take_prot(session, code);
	else if (verb == VERB_CCC)
		take_ccc(session, code);
	else if (verb == VERB_REIN)
		take_rein(session, code);
	if (verb == VERB_AUTH || verb == VERB_PROT || verb == VERB_REIN)
		protect_data(session);
}

static bool line_lists(struct bytes line, const char *word)
{
	size_t start = 0;
	size_t end;

	while (start < line.length && line.data[start] == ' ')
		start++;
	for (end = start; end < line.length && line.data[end] != ' '; end++)
		;
	return argument_is((struct bytes){ line.data + start, end - start }, word);
}

bool security_passes_feature(const struct proxy_session *session, struct bytes line)
{
	const bool own = !proxy_client_has_tls(session) || !proxy_server_has_tls(session);

	if (line_lists(line, "CCC") || line_lists(line, "SSCN") || line_lists(line, "CPSV"))
		return session->proxy->config->proxy.legs == PROXY_LEGS_NONE && !line_lists(line, "CCC");
	return !own || !(line_lists(line, "AUTH") || line_lists(line, "PBSZ") || line_lists(line, "PROT"));
}

const char *security_more_features(const struct proxy_session *session)
{
	const bool ccc = session->proxy->config->proxy.ccc;

	if (!proxy_client_has_tls(session))
		return NULL;
	if (proxy_server_has_tls(session))
		return ccc ? " CCC" : NULL;
	/* RFC 4217 6: a server that offers TLS lists all three. */
	return ccc ? " AUTH TLS\r\n CCC\r\n PBSZ\r\n PROT" : " AUTH TLS\r\n PBSZ\r\n PROT";
}
