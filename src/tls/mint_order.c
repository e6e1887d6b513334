/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server's certificate is a peer's: it may take over whatever reads it. So the process that speaks to the peer anyway
 * reads it, and what leaves that process is a list of names in plain form. A minted certificate has no other extensions of
 * the server's than its names, and of those only what an FTP client compares: host names and addresses. Its subject is for
 * people, and for the few clients that still look for a host name there.
 */
#include "tls/mint_order.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/certs_internal.h"

#define MINT_HOST_MAX 253 /* RFC 1035 3.1 */
#define MINT_ATTRIBUTE_MAX 64 /* RFC 5280 appendix A.1, of the shortest of them */

const int mint_attributes[MINT_ATTRIBUTES] = {
	NID_commonName, NID_organizationName, NID_organizationalUnitName, NID_countryName,
	NID_stateOrProvinceName, NID_localityName,
};

static bool is_host(struct bytes text)
{
	for (size_t i = 0; i < text.length; i++) {
		const uint8_t byte = text.data[i];

		if (!(byte >= '0' && byte <= '9') && !((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') && byte != '-' &&
		    byte != '.' && byte != '_' && byte != '*')
			return false;
	}
	return text.length > 0 && text.length <= MINT_HOST_MAX;
}

/* Whether it is text at all is judged when it is put into a certificate. */
static bool is_attribute(uint8_t kind, struct bytes text)
{
	const unsigned int number = (unsigned int)kind - MINT_SUBJECT;

	if (number >= MINT_ATTRIBUTES || text.length == 0 || text.length > MINT_ATTRIBUTE_MAX)
		return false;
	for (size_t i = 0; i < text.length; i++)
		if (text.data[i] < ' ' || text.data[i] == 0x7f)
			return false;
	/* ISO 3166: two letters. */
	return mint_attributes[number] != NID_countryName || (text.length == 2 && is_host(text));
}

static bool is_name(const struct mint_name *name)
{
	if (name->kind == MINT_DNS)
		return is_host(name->text);
	if (name->kind == MINT_ADDRESS)
		return name->text.length == 4 || name->text.length == 16;
	return name->kind >= MINT_SUBJECT && is_attribute(name->kind, name->text);
}

/* What is not a name is left out. False: there is no room for one that is. */
static bool order_add(struct mint_order *order, uint8_t kind, const uint8_t *data, int length)
{
	const struct mint_name name = { kind, { data, length > 0 ? (size_t)length : 0 } };

	if (!is_name(&name))
		return true;
	if (name.text.length + 2 + order->length > MINT_ENTRIES_MAX)
		return false;
	order->entries[order->length] = kind;
	order->entries[order->length + 1] = (uint8_t)name.text.length;
	memcpy(&order->entries[order->length + 2], data, name.text.length);
	order->length += 2 + (uint32_t)name.text.length;
	return true;
}

static uint8_t attribute_kind(const X509_NAME_ENTRY *entry)
{
	const int identifier = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));

	for (uint8_t i = 0; i < MINT_ATTRIBUTES; i++)
		if (mint_attributes[i] == identifier)
			return MINT_SUBJECT + i;
	return 0;
}

static bool order_add_subject(struct mint_order *order, X509 *server)
{
	const X509_NAME *subject = X509_get_subject_name(server);
	bool done = true;

	for (int i = 0; done && i < X509_NAME_entry_count(subject); i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
		uint8_t *text = NULL;
		const int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));

		done = order_add(order, attribute_kind(entry), text, length);
		OPENSSL_free(text);
	}
	return done;
}

static bool order_add_names(struct mint_order *order, X509 *server)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(server, NID_subject_alt_name, NULL, NULL);
	bool done = true;

	for (int i = 0; done && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const ASN1_STRING *text = name->type == GEN_DNS ? name->d.dNSName :
					  name->type == GEN_IPADD ? name->d.iPAddress : NULL;

		if (text)
			done = order_add(order, name->type == GEN_DNS ? MINT_DNS : MINT_ADDRESS, ASN1_STRING_get0_data(text),
					 ASN1_STRING_length(text));
	}
	GENERAL_NAMES_free(names);
	return done;
}

/* A certificate whose end can't be read counts as expired. */
static int64_t end_of(const X509 *server)
{
	int64_t end;

	return certs_read_end(server, &end) && end >= 0 ? end : 1;
}

static bool order_set_point(struct mint_order *order, const EVP_PKEY *key)
{
	size_t length = 0;

	return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, order->point, sizeof(order->point), &length) ==
		       1 && length == sizeof(order->point);
}

bool mint_order_fill(struct mint_order *order, X509 *server, const char *name, const struct address *address,
		     EVP_PKEY *key, bool trusted)
{
	bool done;

	memset(order, 0, sizeof(*order));
	order->trusted = trusted;
	done = order_set_point(order, key);
	if (done && server) {
		order->end = end_of(server);
		done = order_add_subject(order, server) && order_add_names(order, server);
	} else if (done && *name) {
		done = order_add(order, MINT_DNS, (const uint8_t *)name, (int)strlen(name));
	} else if (done) {
		done = order_add(order, MINT_ADDRESS, address->octets, address->family == FAMILY_IPV6 ? 16 : 4);
	}
	ERR_clear_error();
	return done;
}

bool mint_order_next(struct bytes *rest, struct mint_name *name)
{
	if (rest->length < 2 || rest->length - 2 < rest->data[1])
		return false;
	name->kind = rest->data[0];
	name->text = (struct bytes){ rest->data + 2, rest->data[1] };
	rest->data += 2 + name->text.length;
	rest->length -= 2 + name->text.length;
	return true;
}

const char *mint_order_check(struct bytes datagram)
{
	static const uint8_t zeros[sizeof(((struct mint_order *)NULL)->none)];
	struct mint_order order;
	struct mint_name name;
	struct bytes rest;

	if (datagram.length < offsetof(struct mint_order, entries) || datagram.length > sizeof(order))
		return "its size is not that of an order";
	memcpy(&order, datagram.data, datagram.length);
	if (order.trusted > 1 || memcmp(order.none, zeros, sizeof(zeros)) != 0 || order.end < 0 ||
	    mint_order_size(&order) != datagram.length)
		return "a field of it is out of its range";
	rest = (struct bytes){ order.entries, order.length };
	while (mint_order_next(&rest, &name))
		if (!is_name(&name))
			return "a name of it is none";
	return rest.length == 0 ? NULL : "its names do not end where it says";
}
