/*
 * tls.h: what a node's TLS servers share: certificates, which are read again when their files change, and the keys of
 * session tickets. A listener that has one (listener.h) accepts TLS; the rest is conn.h's, and no session notices.
 *
 * Made in main before workers start, freed after they are gone. Each worker has its own references to the certificates
 * and ticket keys of the day, which are immutable; the watcher, on one worker, reads files on libuv's pool and sends
 * what is new to all. Connections keep what they began with.
 *
 *   tls_new → (tls_watch → tls_watch_stop) → tls_free
 *
 * References: RFC 8446 (TLS 1.3), RFC 5246 (1.2), RFC 6066, 3 (SNI), RFC 7301 (ALPN), RFC 5077 and RFC 8446, 4.6.1
 * (tickets).
 */
#pragma once

#include "common/base/buffer.h"
#include "common/loop/worker.h"

struct tls;

enum { TLS_PAIRS_MAX = 64 };

struct tls_settings {
	/* "CERT:KEY" each, or one file that holds both: PEM, the certificate first, then its chain. The first serves names
	 * that no other has, and clients that name none. */
	const char *const *pairs;
	size_t count; /* 1 … TLS_PAIRS_MAX */
	bool only_1_3;
	struct slice alpn; /* protocols in their wire form, the preferred first; empty: none is spoken of */
	uint64_t handshake_timeout_ms;
	uint64_t reload_ms; /* between looks at the files */
};

/* Reads the certificates (blocks: for main). The settings' texts are borrowed for as long as it lives. 0; or UV_EINVAL,
 * UV_ENOMEM with what is wrong in `why`, a line. */
int tls_new(struct tls **out, const struct tls_settings *settings, struct buffer *why);

void tls_free(struct tls **t);

/* Begins, on one worker, to watch the files and to change ticket keys. 0, or UV_ENOMEM. */
int tls_watch(struct tls *t, struct worker *w);

/* On that worker. Not watching is fine. */
void tls_watch_stop(struct tls *t);
