/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Proving that one knows a secret without telling it: HMAC-SHA256 of a challenge, as hexadecimal text. */
#ifndef TLS_PROOF_H
#define TLS_PROOF_H

#include <stdbool.h>

/* Lengths of the texts, with their NUL. */
#define PROOF_SIZE 65
#define PROOF_CHALLENGE_SIZE 33

/* False: no memory. */
bool proof_make(const char *secret, const char *challenge, char proof[PROOF_SIZE]);
/* Takes a time that does not show how far they are equal. */
bool proof_equals(const char *proof, const char *expected);
/* Random. False: the host has no randomness. */
bool proof_challenge(char challenge[PROOF_CHALLENGE_SIZE]);

#endif
