#include "common/base/random.h"
#include "common/rtmp/handshake.h"

#include <criterion/criterion.h>
#include <openssl/hmac.h>
#include <string.h>
#include <uv.h>

static struct handshake h;
static struct buffer reply;

static void init(void) {
	handshake_init(&h);
	buffer_init(&reply, 0);
}

static void fini(void) {
	buffer_fini(&reply);
}

TestSuite(handshake, .init = init, .fini = fini);

static int read_all(const uint8_t *data, size_t size, size_t step, size_t *taken) {
	int r = 0;
	*taken = 0;
	while (*taken < size && r == 0) {
		size_t n = size - *taken < step ? size - *taken : step, used;
		r = handshake_read(&h, data + *taken, n, &used, &reply);
		*taken += used;
	}
	return r;
}

Test(handshake, simple_form_echoes_c1_at_any_split) {
	static uint8_t bytes[1 + 2 * HANDSHAKE_SIZE + 5] = {3};
	random_bytes(bytes + 1, HANDSHAKE_SIZE);
	memset(bytes + 1, 0, 8);
	static const size_t steps[] = {1, 2, 7, 1535, 1536, 1537, 5000};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		size_t taken;
		fini();
		init();
		cr_assert_eq(read_all(bytes, sizeof bytes, steps[i], &taken), 1);
		cr_assert_eq(taken, 1 + 2 * HANDSHAKE_SIZE, "took bytes that are chunks");
		cr_assert_eq(reply.size, 1 + 2 * HANDSHAKE_SIZE);
		cr_assert_eq(reply.block->data[0], 3);
		cr_assert_arr_eq(reply.block->data + 1 + HANDSHAKE_SIZE, bytes + 1, HANDSHAKE_SIZE);
		cr_assert_not(h.digest);
	}
}

static void hmac(const void *key, int key_size, const uint8_t *data, size_t size, uint8_t *out) {
	unsigned n = 32;
	HMAC(EVP_sha256(), key, key_size, data, size, out, &n);
}

static size_t offset(const uint8_t *block, size_t base) {
	return base + 4 + (size_t)(block[base] + block[base + 1] + block[base + 2] + block[base + 3]) % 728;
}

static void sign(uint8_t *block, size_t at, const char *key) {
	uint8_t rest[HANDSHAKE_SIZE - 32];
	memcpy(rest, block, at);
	memcpy(rest + at, block + at + 32, HANDSHAKE_SIZE - 32 - at);
	hmac(key, (int)strlen(key), rest, sizeof rest, block + at);
}

static void digest_form(size_t base) {
	uint8_t bytes[1 + 2 * HANDSHAKE_SIZE] = {3}, *c1 = bytes + 1, check[HANDSHAKE_SIZE], key[32], mac[32];
	size_t taken;
	random_bytes(c1, HANDSHAKE_SIZE);
	memcpy(c1 + 4, "\x09\x00\x7c\x02", 4);
	size_t at = offset(c1, base);
	sign(c1, at, "Genuine Adobe Flash Player 001");
	cr_assert_eq(read_all(bytes, sizeof bytes, 4000, &taken), 1);
	cr_assert(h.digest);
	const uint8_t *s1 = reply.block->data + 1, *s2 = s1 + HANDSHAKE_SIZE;
	memcpy(check, s1, HANDSHAKE_SIZE);
	sign(check, offset(s1, base), "Genuine Adobe Flash Media Server 001");
	cr_assert_arr_eq(check, s1, HANDSHAKE_SIZE, "S1's digest is wrong");
	static const char full[] = "Genuine Adobe Flash Media Server 001"
	                           "\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57"
	                           "\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae";
	hmac(full, sizeof full - 1, c1 + at, 32, key);
	hmac(key, 32, s2, HANDSHAKE_SIZE - 32, mac);
	cr_assert_arr_eq(mac, s2 + HANDSHAKE_SIZE - 32, 32, "S2's digest is wrong");
}

Test(handshake, digest_form_in_the_first_scheme) {
	digest_form(772);
}

Test(handshake, digest_form_in_the_second_scheme) {
	digest_form(8);
}

Test(handshake, rtmpe_and_what_is_no_rtmp_are_refused) {
	size_t taken;
	cr_assert_eq(handshake_read(&h, (const uint8_t *)"\6", 1, &taken, &reply), UV_EPROTONOSUPPORT);
	handshake_init(&h);
	cr_assert_eq(handshake_read(&h, (const uint8_t *)"GET /", 5, &taken, &reply), UV_EPROTO);
	cr_assert_eq(reply.size, 0);
}
