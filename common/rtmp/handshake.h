/*
 * handshake.h: the server's side of RTMP's handshake (RTMP 1.0, 5.2), simple or with digests. Pure, resumable at any
 * byte.
 *
 * The digest form (which Flash Player and librtmp use) proves C1 and S1 by HMAC-SHA256 with keys that every
 * implementation knows; it protects nothing, but those clients want it. A client whose C1 carries no valid digest gets
 * the simple form. RTMPE (version 6) is refused.
 */
#pragma once

#include "common/base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HANDSHAKE_SIZE = 1536, HANDSHAKE_VERSION = 3 };

struct handshake {
	uint8_t c1[HANDSHAKE_SIZE];
	size_t have;
	enum { HANDSHAKE_C0, HANDSHAKE_C1, HANDSHAKE_C2, HANDSHAKE_DONE } phase;
	bool digest; /* the client's C1 had one */
};

void handshake_init(struct handshake *h);

/*
 * Takes what it needs of `size` bytes and says in `*taken` how much that was; appends what is to be sent (S0, S1, S2)
 * to `reply`. Returns 1 when the handshake is complete (the rest of the bytes are chunks), 0 when more is needed,
 * UV_EPROTONOSUPPORT for a version that is not served, UV_EPROTO for C0 that is none, UV_ENOMEM.
 */
int handshake_read(struct handshake *h, const uint8_t *data, size_t size, size_t *taken, struct buffer *reply);

/* The client's first bytes, C0 and C1, simple form, for clients and tests. */
void handshake_client_hello(struct buffer *out);
