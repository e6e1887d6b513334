/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and certificates in PEM files, and whether they belong together. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tls/certs_internal.h"

/*
 * A service manager's copy for this service alone (systemd.exec(5)), which belongs to root: an access control list lets one
 * more user read it, and that looks like a group that may.
 */
static bool key_is_credential(const char *path)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	const size_t length = directory ? strlen(directory) : 0;

	return length > 1 && strncmp(path, directory, length) == 0 && path[length] == '/';
}

static bool key_is_private(FILE *file, const char *path, char *error, size_t size)
{
	struct stat status = { .st_mode = 0 };
	mode_t strange = S_IRWXG | S_IRWXO;

	if (fstat(fileno(file), &status) < 0) {
		snprintf(error, size, "can't look at the key %s: %s", path, strerror(errno));
		return false;
	}
	if (key_is_credential(path))
		strange &= ~(mode_t)S_IRGRP;
	if ((status.st_mode & strange) == 0)
		return true;
	snprintf(error, size, "the key %s can be read by others than its owner (mode %04o); chmod 600 it, and think about a new "
		 "one", path, status.st_mode & 07777U);
	return false;
}

/* No passphrase is asked for: there may be nobody at the terminal. */
static int refuse_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

EVP_PKEY *certs_read_key(const char *path, char *error, size_t size)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key = NULL;

	if (!file) {
		snprintf(error, size, "can't read the key %s: %s; it must be there, and readable by who starts the proxy",
			 path, strerror(errno));
		return NULL;
	}
	if (key_is_private(file, path, error, size)) {
		key = PEM_read_PrivateKey(file, NULL, refuse_passphrase, NULL);
		if (!key)
			snprintf(error, size, "%s holds no key in PEM form without a passphrase (%s)", path,
				 certs_reason());
	}
	fclose(file);
	return key;
}

X509 *certs_read_certificate(const char *path, STACK_OF(X509) *chain, char *error, size_t size)
{
	FILE *file = fopen(path, "re");
	X509 *certificate, *next;

	if (!file) {
		snprintf(error, size, "can't read the certificate %s: %s", path, strerror(errno));
		return NULL;
	}
	certificate = PEM_read_X509(file, NULL, refuse_passphrase, NULL);
	if (!certificate)
		snprintf(error, size, "%s holds no certificate in PEM form (%s)", path, certs_reason());
	while (certificate && chain && (next = PEM_read_X509(file, NULL, refuse_passphrase, NULL)))
		if (!sk_X509_push(chain, next))
			X509_free(next);
	/* The end of the file is an error to OpenSSL. */
	ERR_clear_error();
	fclose(file);
	return certificate;
}

bool certs_pair_fits(X509 *certificate, EVP_PKEY *key, const char *path, const char *key_path, char *error, size_t size)
{
	if (X509_check_private_key(certificate, key) != 1) {
		ERR_clear_error();
		snprintf(error, size, "the certificate %s belongs to another key than %s", path, key_path);
		return false;
	}
	if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) {
		snprintf(error, size, "the certificate %s has expired; make or get a new one", path);
		return false;
	}
	return true;
}
