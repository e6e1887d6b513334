/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ftpalg/verb.h"

#include <string.h>

static const char *const names[] = {
	"?",
#define VERB_TEXT(identifier, text) text,
	VERB_TABLE(VERB_TEXT)
#undef VERB_TEXT
};

const char *verb_name(enum verb verb)
{
	return (unsigned int)verb < VERB_COUNT ? names[verb] : names[VERB_UNKNOWN];
}

uint8_t verb_to_upper(uint8_t byte)
{
	return byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 'a' + 'A') : byte;
}

enum verb verb_find(struct bytes text)
{
	uint8_t upper[VERB_TEXT_MAX];
	unsigned int found = VERB_UNKNOWN;

	if (text.length > 0 && text.length <= sizeof(upper)) {
		for (size_t index = 0; index < text.length; index++)
			upper[index] = verb_to_upper(text.data[index]);
		for (unsigned int verb = VERB_UNKNOWN + 1; verb < VERB_COUNT && found == VERB_UNKNOWN; verb++) {
			/* Nearly all differ in their first letter. */
			if (names[verb][0] == (char)upper[0] && strlen(names[verb]) == text.length &&
			    memcmp(names[verb], upper, text.length) == 0)
				found = verb;
		}
	}
	return (enum verb)found;
}

bool verb_begins(struct bytes text)
{
	const uint8_t first = text.length > 0 ? verb_to_upper(text.data[0]) : '\0';
	bool found = false;

	for (unsigned int verb = VERB_UNKNOWN + 1; verb < VERB_COUNT && !found; verb++) {
		const char *name = names[verb];
		size_t same = 0;

		/* Nearly all differ in their first letter. */
		if ((uint8_t)name[0] != first)
			continue;
		while (same < text.length && name[same] != '\0' && verb_to_upper(text.data[same]) == (uint8_t)name[same])
			same++;
		found = name[same] == '\0';
	}
	return found;
}

bool verb_is_active_offer(enum verb verb)
{
	return verb == VERB_PORT || verb == VERB_EPRT || verb == VERB_LPRT || verb == VERB_SPOR;
}

bool verb_is_passive_request(enum verb verb)
{
	return verb == VERB_PASV || verb == VERB_EPSV || verb == VERB_LPSV || verb == VERB_CPSV || verb == VERB_SPSV ||
	       verb == VERB_SPAS || verb == VERB_PASW;
}

bool verb_asks_for_port(enum verb verb)
{
	return verb == VERB_EPSV || verb == VERB_SPSV;
}

bool verb_asks_about_server(enum verb verb)
{
	return verb == VERB_FEAT || verb == VERB_HELP || verb == VERB_SYST;
}

bool verb_matters(enum verb verb)
{
	return verb_is_active_offer(verb) || verb_is_passive_request(verb) || verb == VERB_AUTH;
}

bool verb_takes_secret(enum verb verb)
{
	return verb == VERB_PASS || verb == VERB_ACCT || verb == VERB_ADAT;
}

bool verb_takes_path(enum verb verb)
{
	static const enum verb verbs[] = {
		VERB_APPE, VERB_CWD, VERB_DELE, VERB_HASH, VERB_LIST, VERB_MDTM, VERB_MFCT, VERB_MFF,
		VERB_MFMT, VERB_MKD, VERB_MLSD, VERB_MLST, VERB_NLST, VERB_RETR, VERB_RMD, VERB_RNFR,
		VERB_RNTO, VERB_SITE, VERB_SIZE, VERB_SMNT, VERB_STAT, VERB_STOR, VERB_STOU, VERB_XCWD,
		VERB_XMKD, VERB_XRMD, VERB_XSHA256,
	};
	bool takes = false;

	for (size_t index = 0; index < sizeof(verbs) / sizeof(verbs[0]); index++)
		takes = takes || verbs[index] == verb;
	return takes;
}

bool verb_is_transfer(enum verb verb)
{
	return verb == VERB_RETR || verb == VERB_LIST || verb == VERB_NLST || verb == VERB_MLSD || verb_is_upload(verb);
}

bool verb_may_transfer(enum verb verb)
{
	return verb == VERB_UNKNOWN || verb == VERB_SITE;
}

bool verb_is_upload(enum verb verb)
{
	return verb == VERB_STOR || verb == VERB_STOU || verb == VERB_APPE;
}
