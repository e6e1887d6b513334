/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TLS_LIBRARY_H
#define TLS_LIBRARY_H

/* Name and version of what TLS is made by, which may be newer than what this program was built with. */
const char *tls_library_name(void);

#endif
