#include "common/http/chunked.h"

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

enum { LIMIT = 1000 };

/* Feeds `text` in steps of `step` bytes; returns the first error, and in `*taken` how much was read. */
static int read_text(struct chunked *c, const char *text, size_t step, size_t *taken) {
	size_t size = strlen(text), at = 0;
	int err = 0;
	*c = (struct chunked){0};
	while (!err && at < size && c->state != CHUNKED_DONE) {
		size_t n = size - at < step ? size - at : step, used;
		err = chunked_read(c, (struct slice){(const uint8_t *)text + at, n}, LIMIT, &used);
		at += used;
	}
	*taken = at;
	return err;
}

Test(chunked, reads_to_the_bodys_end_and_not_further_at_any_step) {
	static const char *const bodies[] = {
	    "0\r\n\r\n",
	    "5\r\nhello\r\n0\r\n\r\n",
	    "00000005\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n",
	    "5;name=\"value\"\r\nhello\r\n0;last\r\n\r\n",
	    "5 \r\nhello\r\n0\r\nTrailer: one\r\nOther: two\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		char text[200];
		snprintf(text, sizeof text, "%sGET /", bodies[i]);
		for (size_t step = 1; step <= strlen(text); step++) {
			struct chunked c;
			size_t taken;
			cr_assert_eq(read_text(&c, text, step, &taken), 0, "body %zu, step %zu", i, step);
			cr_assert_eq(c.state, CHUNKED_DONE);
			cr_assert_eq(taken, strlen(bodies[i]), "body %zu, step %zu: %zu", i, step, taken);
		}
	}
}

Test(chunked, counts_what_is_announced) {
	struct chunked c;
	size_t taken;
	cr_assert_eq(read_text(&c, "5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n", 100, &taken), 0);
	cr_assert_eq(c.total, 21);
}

Test(chunked, refuses_what_two_readers_could_read_differently) {
	static const char *const bodies[] = {
	    "5\nhello\r\n0\r\n\r\n",  /* a bare line feed */
	    "5\rXhello\r\n0\r\n\r\n", /* something in the line feed's place */
	    "5\r\nhelloXY0\r\n\r\n",  /* something between chunks */
	    "5\r\nhello\rX0\r\n\r\n",    "5\r\nhello0\r\n\r\n",
	    "0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n",
	    "-5\r\nhello\r\n0\r\n\r\n",  " 5\r\nhello\r\n0\r\n\r\n",
	    "\r\nhello\r\n0\r\n\r\n",    ";x\r\nhello\r\n0\r\n\r\n",
	    "5;a\nb\r\nhello\r\n",       "0\r\n\rX",
	    "0\r\nTrailer: x\rX",        "0\r\nTrailer\n: x\r\n",
	};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct chunked c;
		size_t taken;
		cr_expect_eq(read_text(&c, bodies[i], 1, &taken), UV_EPROTO, "body %zu", i);
		cr_expect_eq(read_text(&c, bodies[i], 1000, &taken), UV_EPROTO, "body %zu in one piece", i);
	}
}

Test(chunked, checks_a_stated_size_before_the_bytes_come) {
	struct chunked c;
	size_t taken;
	cr_expect_eq(read_text(&c, "3e8\r\n", 1, &taken), 0);
	cr_expect_eq(read_text(&c, "3e9\r\n", 1, &taken), UV_E2BIG);
	cr_expect_eq(read_text(&c, "123456789\r\n", 1, &taken), UV_E2BIG);
	cr_expect_eq(read_text(&c, "1\r\na\r\n3e8\r\n", 1, &taken), UV_E2BIG, "the sum counts");
}

Test(chunked, extensions_and_trailers_have_limits) {
	char text[6000];
	struct chunked c;
	size_t taken;
	size_t n = (size_t)snprintf(text, sizeof text, "1;");
	memset(text + n, 'x', CHUNKED_EXTENSION_MAX + 1);
	text[n + CHUNKED_EXTENSION_MAX + 1] = '\0';
	cr_expect_eq(read_text(&c, text, 64, &taken), UV_E2BIG);
	n = (size_t)snprintf(text, sizeof text, "0\r\n");
	for (int i = 0; i < 300; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "A: 0123456789ab\r\n");
	cr_expect_eq(read_text(&c, text, 64, &taken), UV_E2BIG);
}
