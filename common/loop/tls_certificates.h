/*
 * tls_certificates.h: certificates with their keys, ready to serve, and the choice among them by name (RFC 6066, 3).
 * Internal to TLS. Counted and immutable: files that changed make a new set.
 */
#pragma once

#include "common/base/counted.h"
#include "common/loop/tls.h"

#include <openssl/ssl.h>

struct tls_certificates {
	struct counted counted;
	size_t count;
	SSL_CTX *contexts[TLS_PAIRS_MAX]; /* the first begins every connection */
};

/* Reads the files; blocks, on any thread. On failure what is wrong, and with which file, is in `why`. */
int tls_certificates_new(struct tls_certificates **out, const struct tls_settings *settings, struct buffer *why);

struct tls_certificates *tls_certificates_ref(struct tls_certificates *c);
void tls_certificates_unref(struct tls_certificates **c);

/* The two files of a pair, in two buffers of PATH_MAX; false: a path is too long. */
bool tls_pair_files(const char *pair, char *certificate, char *key);

/* The oldest error that OpenSSL has for this thread, as text; forgets them all. */
const char *tls_error_text(char *out, size_t size);
