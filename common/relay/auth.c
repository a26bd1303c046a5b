#include "common/relay/auth.h"

#include "common/base/buffer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <uv.h>

static void append_sized(struct buffer *b, struct slice s) {
	buffer_u32(b, (uint32_t)s.size);
	buffer_append(b, s.data, s.size);
}

int relay_mac(uint8_t out[RELAY_MAC_SIZE], const char *secret, enum relay_side prover, struct slice connecter_hello,
              struct slice accepter_hello, struct slice exporter) {
	struct buffer b;
	unsigned size = RELAY_MAC_SIZE;
	buffer_init(&b, 0);
	buffer_append_string(&b, prover == RELAY_CONNECTER ? "weir relay: connecter" : "weir relay: accepter");
	append_sized(&b, connecter_hello);
	append_sized(&b, accepter_hello);
	append_sized(&b, exporter);
	struct slice s = buffer_slice(&b);
	bool ok = !buffer_error(&b) && HMAC(EVP_sha256(), secret, (int)strlen(secret), s.data, s.size, out, &size);
	buffer_fini(&b);
	return ok ? 0 : UV_ENOMEM;
}

bool relay_mac_equal(const uint8_t a[RELAY_MAC_SIZE], struct slice b) {
	return b.size == RELAY_MAC_SIZE && CRYPTO_memcmp(a, b.data, RELAY_MAC_SIZE) == 0;
}
