/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/end.h"

#include "tls/certs_internal.h"

#define END_ERROR_MAX 256
#define END_DAY 86400

bool certs_read_end(const X509 *certificate, int64_t *end)
{
	int days = 0;
	int seconds = 0;
	ASN1_TIME *begin = ASN1_TIME_set(NULL, 0);
	const bool read = begin && ASN1_TIME_diff(&days, &seconds, begin, X509_get0_notAfter(certificate)) == 1;

	ASN1_TIME_free(begin);
	if (read)
		*end = (int64_t)days * END_DAY + seconds;
	return read;
}

bool tls_read_end(const char *path, int64_t *end)
{
	char error[END_ERROR_MAX];
	X509 *certificate = certs_read_certificate(path, NULL, error, sizeof(error));
	const bool read = certificate && certs_read_end(certificate, end);

	X509_free(certificate);
	return read;
}
