/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was agreed on in a handshake, and the certificate that was shown: for events. */
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "ftpalg/address.h"
#include "tls/internal.h"

static void describe_add(struct tls_description *out, const uint8_t *text, size_t length)
{
	if (out->name_count == TLS_NAMES_MAX || length > sizeof(out->text) - out->text_length)
		return;
	memcpy(out->text + out->text_length, text, length);
	out->names[out->name_count++] = (struct bytes){ out->text + out->text_length, length };
	out->text_length += length;
}

static void describe_string(struct tls_description *out, const ASN1_STRING *string)
{
	describe_add(out, ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

static void describe_address(struct tls_description *out, const ASN1_OCTET_STRING *octets)
{
	const size_t length = (size_t)ASN1_STRING_length(octets);
	struct address address = { .family = length == 16 ? FAMILY_IPV6 : FAMILY_IPV4 };
	char text[ADDRESS_TEXT_MAX];

	if (length != 4 && length != 16)
		return;
	memcpy(address.octets, ASN1_STRING_get0_data(octets), length);
	address_format(&address, text);
	describe_add(out, (const uint8_t *)text, strlen(text));
}

/* Where there are no alternative names, the common one is meant (RFC 6125 6.4.4). */
static void describe_names(struct tls_description *out, X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	const X509_NAME *subject = X509_get_subject_name(certificate);
	const int common = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			describe_string(out, name->d.dNSName);
		else if (name->type == GEN_IPADD)
			describe_address(out, name->d.iPAddress);
	}
	if (!names && common >= 0)
		describe_string(out, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, common)));
	GENERAL_NAMES_free(names);
}

static void describe_certificate(struct tls_description *out, X509 *certificate)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	if (!certificate || X509_digest(certificate, EVP_sha256(), digest, &length) != 1)
		return;
	for (unsigned int i = 0; i < TLS_FINGERPRINT_SIZE; i++)
		snprintf(&out->fingerprint[(size_t)2 * i], 3, "%02x", digest[i]);
	describe_names(out, certificate);
}

void tls_stream_describe(const struct tls_stream *stream, struct tls_description *out)
{
	SSL *ssl = stream->ssl;
	const int group = (int)SSL_get_negotiated_group(ssl);
	const unsigned char *protocol;
	unsigned int length;

	memset(out, 0, sizeof(*out));
	out->name = stream->name;
	out->cipher = SSL_get_cipher_name(ssl);
	out->group = group != NID_undef ? SSL_group_to_name(ssl, group) : NULL;
	SSL_get0_alpn_selected(ssl, &protocol, &length);
	if (length > 0 && length < sizeof(out->protocol))
		memcpy(out->protocol, protocol, length);
	describe_certificate(out, stream->accepting ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl));
}
