#include "common/rtmp/handshake.h"

#include "common/base/random.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <uv.h>

enum { DIGEST = 32, RTMPE_VERSION = 6, TEXT_PART = 36, CLIENT_TEXT = 30 };

/* What Adobe's server signs with, and its player: a text, and 32 bytes that follow it in full keys. */
static const uint8_t server_key[TEXT_PART + DIGEST] =
    "Genuine Adobe Flash Media Server 001"
    "\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57"
    "\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae";
static const uint8_t client_key[CLIENT_TEXT] = "Genuine Adobe Flash Player 001";

static bool hmac(const uint8_t *key, size_t key_size, const uint8_t *data, size_t size, uint8_t out[DIGEST]) {
	unsigned n = DIGEST;
	return HMAC(EVP_sha256(), key, (int)key_size, data, size, out, &n) != NULL;
}

/* Where a block has its digest, in each of the two schemes: four bytes say how far into its part it lies. */
static size_t digest_at(const uint8_t *block, int scheme) {
	size_t base = scheme ? 8 : 772;
	const uint8_t *p = block + base;
	return base + 4 + (size_t)(p[0] + p[1] + p[2] + p[3]) % 728;
}

/* The digest of a block: over all of it but the digest's own place. */
static bool block_digest(const uint8_t *block, size_t at, const uint8_t *key, size_t key_size, uint8_t out[DIGEST]) {
	uint8_t rest[HANDSHAKE_SIZE - DIGEST];
	memcpy(rest, block, at);
	memcpy(rest + at, block + at + DIGEST, HANDSHAKE_SIZE - DIGEST - at);
	return hmac(key, key_size, rest, sizeof rest, out);
}

/* The scheme that C1 was made in, or -1: it has no digest. */
static int find_scheme(const uint8_t *c1) {
	uint8_t digest[DIGEST];
	for (int scheme = 0; scheme < 2; scheme++) {
		size_t at = digest_at(c1, scheme);
		if (block_digest(c1, at, client_key, sizeof client_key, digest) && CRYPTO_memcmp(digest, c1 + at, DIGEST) == 0)
			return scheme;
	}
	return -1;
}

static bool reply_digest(const uint8_t *c1, int scheme, uint8_t *s1, uint8_t *s2) {
	uint8_t key[DIGEST];
	random_bytes(s1, HANDSHAKE_SIZE);
	memset(s1, 0, 4);
	memcpy(s1 + 4, "\x05\x00\x01\x01", 4); /* a server version that is not 0 says: with digests */
	size_t at = digest_at(s1, scheme);
	if (!block_digest(s1, at, server_key, TEXT_PART, s1 + at))
		return false;
	random_bytes(s2, HANDSHAKE_SIZE);
	return hmac(server_key, sizeof server_key, c1 + digest_at(c1, scheme), DIGEST, key) &&
	       hmac(key, DIGEST, s2, HANDSHAKE_SIZE - DIGEST, s2 + HANDSHAKE_SIZE - DIGEST);
}

static void reply_simple(const uint8_t *c1, uint8_t *s1, uint8_t *s2) {
	random_bytes(s1, HANDSHAKE_SIZE);
	memset(s1, 0, 8);
	memcpy(s2, c1, HANDSHAKE_SIZE);
}

static int answer(struct handshake *h, struct buffer *reply) {
	int scheme = h->c1[4] ? find_scheme(h->c1) : -1;
	uint8_t *out = buffer_reserve(reply, 1 + 2 * HANDSHAKE_SIZE);
	if (!out)
		return UV_ENOMEM;
	out[0] = HANDSHAKE_VERSION;
	uint8_t *s1 = out + 1, *s2 = s1 + HANDSHAKE_SIZE;
	h->digest = scheme >= 0;
	if (!h->digest)
		reply_simple(h->c1, s1, s2);
	else if (!reply_digest(h->c1, scheme, s1, s2))
		return UV_ENOMEM;
	return 0;
}

void handshake_init(struct handshake *h) {
	h->have = 0;
	h->phase = HANDSHAKE_C0;
	h->digest = false;
}

static int read_version(struct handshake *h, uint8_t version) {
	if (version == RTMPE_VERSION)
		return UV_EPROTONOSUPPORT;
	/* Versions from 0 to 2 were Macromedia's; 4 to 31 are for the future and get our version (5.2.2). Above 31 it is
	 * text. */
	if (version > 31)
		return UV_EPROTO;
	h->phase = HANDSHAKE_C1;
	return 0;
}

int handshake_read(struct handshake *h, const uint8_t *data, size_t size, size_t *taken, struct buffer *reply) {
	size_t at = 0;
	int err = 0;
	if (h->phase == HANDSHAKE_C0 && at < size)
		err = read_version(h, data[at++]);
	if (!err && h->phase == HANDSHAKE_C1) {
		size_t n = size - at < HANDSHAKE_SIZE - h->have ? size - at : HANDSHAKE_SIZE - h->have;
		if (n)
			memcpy(h->c1 + h->have, data + at, n);
		h->have += n;
		at += n;
		if (h->have == HANDSHAKE_SIZE) {
			err = answer(h, reply);
			h->phase = HANDSHAKE_C2;
			h->have = 0;
		}
	}
	if (!err && h->phase == HANDSHAKE_C2) { /* what C2 echoes is not checked: many clients send anything */
		size_t n = size - at < HANDSHAKE_SIZE - h->have ? size - at : HANDSHAKE_SIZE - h->have;
		h->have += n;
		at += n;
		if (h->have == HANDSHAKE_SIZE)
			h->phase = HANDSHAKE_DONE;
	}
	*taken = at;
	return err ? err : h->phase == HANDSHAKE_DONE;
}

void handshake_client_hello(struct buffer *out) {
	uint8_t *at = buffer_reserve(out, 1 + HANDSHAKE_SIZE);
	if (!at)
		return;
	at[0] = HANDSHAKE_VERSION;
	random_bytes(at + 1, HANDSHAKE_SIZE);
	memset(at + 1, 0, 8);
}
