/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making certificates: drafts, an authority, and the files of one.
 *
 * Keys are on P-256: every FTP client of the last ten years takes them, and a signature costs the gateway a fraction of
 * what one by RSA would.
 */
#include "tls/authority.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tls/certs_internal.h"

#define SERIAL_BYTES 16
#define CLOCK_SKEW 3600

const char *certs_reason(void)
{
	const unsigned long code = ERR_peek_error();
	const char *reason = ERR_reason_error_string(code);

	ERR_clear_error();
	return reason ? reason : "unknown reason";
}

static bool draft_set_serial(X509 *certificate)
{
	uint8_t bytes[SERIAL_BYTES];
	BIGNUM *number = NULL;
	bool done = RAND_bytes(bytes, sizeof(bytes)) == 1;

	/* Positive and of full length (RFC 5280 4.1.2.2). */
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
	if (done)
		number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return done;
}

X509 *certs_draft(EVP_PKEY *key, long seconds)
{
	X509 *certificate = X509_new();

	if (certificate && X509_set_version(certificate, X509_VERSION_3) && draft_set_serial(certificate) &&
	    X509_gmtime_adj(X509_getm_notBefore(certificate), -CLOCK_SKEW) &&
	    X509_gmtime_adj(X509_getm_notAfter(certificate), seconds) && X509_set_pubkey(certificate, key))
		return certificate;
	X509_free(certificate);
	return NULL;
}

bool certs_add_extension(X509 *certificate, X509 *issuer, int identifier, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;
	bool done;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, identifier, value);
	done = extension && X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return done;
}

bool certs_sign(X509 *certificate, EVP_PKEY *key)
{
	/* RFC 8032: these keys have their own digest. */
	const bool whole = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");

	return X509_sign(certificate, key, whole ? NULL : EVP_sha256()) != 0;
}

X509 *certs_make_authority(EVP_PKEY *key, const char *name, long seconds)
{
	X509 *certificate = certs_draft(key, seconds);
	X509_NAME *subject = certificate ? X509_get_subject_name(certificate) : NULL;

	if (subject &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1, 0) &&
	    X509_set_issuer_name(certificate, subject) &&
	    certs_add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    certs_add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    certs_add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
	    certs_sign(certificate, key))
		return certificate;
	X509_free(certificate);
	return NULL;
}

/* A file that did not exist before. NULL: errno says why. */
static FILE *file_create(const char *path, unsigned int mode)
{
	const int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;

	if (descriptor >= 0 && !file)
		close(descriptor);
	return file;
}

static int authority_write(X509 *made, EVP_PKEY *pair, const char *certificate, const char *key, char *error, size_t size)
{
	const char *path = key;
	FILE *file = file_create(key, 0600);
	bool written = false;

	if (file) {
		written = PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL) == 1;
		written = fclose(file) == 0 && written;
		path = certificate;
		file = written ? file_create(certificate, 0644) : NULL;
	}
	if (file) {
		written = PEM_write_X509(file, made) == 1;
		written = fclose(file) == 0 && written;
	} else {
		written = false;
	}
	if (!written)
		snprintf(error, size, "can't write %s: %s%s", path, strerror(errno),
			 errno == EEXIST ? "; it is left as it is" : "");
	return written ? 0 : -1;
}

int authority_create(const char *certificate, const char *key, const char *name, unsigned int days, char *error,
		     size_t size)
{
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	X509 *made = pair ? certs_make_authority(pair, name, (long)days * 86400) : NULL;
	int result = -1;

	if (made)
		result = authority_write(made, pair, certificate, key, error, size);
	else
		snprintf(error, size, "can't make the certificate: %s", certs_reason());
	X509_free(made);
	EVP_PKEY_free(pair);
	return result;
}
