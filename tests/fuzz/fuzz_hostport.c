/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as host-port: one byte for the form, six for an endpoint to announce, one for whether the line must keep
 * its length, the rest is the text. What is accepted can be written and read again, and what is announced is what is
 * read from the line that leaves.
 */
#include <assert.h>
#include <string.h>

#include "ftpalg/address.h"
#include "ftpalg/offer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct edit edit;
static uint8_t out[2 * LINE_MAX_LENGTH];

/* Applies edit to line. */
static struct bytes apply(struct bytes line)
{
	size_t behind = (size_t)edit.at.offset + edit.at.length;

	assert(behind <= line.length);
	assert(edit.length <= sizeof(edit.replacement));
	memcpy(out, line.data, edit.at.offset);
	memcpy(out + edit.at.offset, edit.replacement, edit.length);
	memcpy(out + edit.at.offset + edit.length, line.data + behind, line.length - behind);
	return (struct bytes){ out, line.length - edit.at.length + edit.length };
}

static void check_again(struct bytes text, const struct hostport *hostport)
{
	uint8_t tuple[HOSTPORT_TEXT_MAX + 2] = "(";
	size_t length = hostport_format(hostport->form, hostport->delimiter, &hostport->endpoint, tuple + 1);
	struct bytes again = { tuple, length + 2 };
	struct hostport second;

	assert(hostport->span.offset <= text.length);
	assert(hostport->span.length <= text.length - hostport->span.offset);
	assert(length <= HOSTPORT_TEXT_MAX);
	if (length > 0) {
		tuple[length + 1] = ')';
		if (form_is_active(hostport->form))
			again = (struct bytes){ tuple + 1, length };
		assert(hostport_parse(hostport->form, again, &second) == REASON_NONE);
		assert(endpoint_equal(&second.endpoint, &hostport->endpoint));
	} else {
		/* Only where the canonical text has the delimiter in it. */
		assert(hostport->form == FORM_EPRT);
	}
}

static void check_announcement(struct bytes text, const struct hostport *hostport, const struct endpoint *endpoint,
			       bool keep_length)
{
	enum reason reason = offer_announce(text, 0, hostport, endpoint, keep_length, &edit);
	struct hostport announced;
	struct bytes left;

	if (reason == REASON_NONE) {
		left = apply(text);
		assert(!keep_length || left.length == text.length);
		assert(hostport_parse(hostport->form, left, &announced) == REASON_NONE);
		assert(announced.endpoint.port == endpoint->port);
		assert(hostport->form == FORM_229 || address_equal(&announced.endpoint.address, &endpoint->address));
	} else {
		assert(keep_length || reason == REASON_FAMILY_MISMATCH || hostport->mixed);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct endpoint endpoint = { .address = { .family = FAMILY_IPV4 } };
	struct hostport hostport;
	struct bytes text;

	if (size >= 9 && size < LINE_MAX_LENGTH) {
		enum form form = (enum form)(FORM_PORT + data[0] % 6);

		text = (struct bytes){ data + 8, size - 8 };
		endpoint.port = (uint16_t)(data[1] << 8 | data[2]);
		memcpy(endpoint.address.octets, data + 3, 4);

		if (hostport_parse(form, text, &hostport) == REASON_NONE) {
			check_again(text, &hostport);
			if (hostport.endpoint.address.family == FAMILY_IPV6) {
				/* Documentation prefix, so that no IPv4 address hides in it. */
				memcpy(endpoint.address.octets + 12, data + 3, 4);
				memcpy(endpoint.address.octets, "\x20\x01\x0d\xb8", 4);
				endpoint.address.family = FAMILY_IPV6;
			}
			check_announcement(text, &hostport, &endpoint, data[7] & 1);
		}
	}
	return 0;
}
