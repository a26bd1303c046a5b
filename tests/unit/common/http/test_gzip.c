#include "common/http/gzip.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <zlib.h>

enum { MOST = 70000, PIECES = 3 };

static uint8_t text[MOST], unpacked[MOST + 1];

/* Lines as playlists have them, or bytes that cannot be made smaller. */
static void fill(bool random) {
	unsigned seed = 7;
	for (size_t i = 0; i < MOST; i++)
		text[i] = (uint8_t)(random ? rand_r(&seed) : "#EXTINF:2.00000,\nt90000.m4s\n"[i % 28] + (i % 1000 == 0));
}

static struct bytes *pack(size_t size) {
	struct conn_slice pieces[PIECES];
	size_t at = 0;
	for (size_t i = 0; i < PIECES; i++) {
		size_t n = i + 1 < PIECES ? size / (i + 2) : size - at;
		pieces[i] = (struct conn_slice){.data = text + at, .size = n};
		at += n;
	}
	return gzip_slices(pieces, PIECES);
}

static void expect_same(const struct bytes *packed, size_t size) {
	z_stream z = {.next_in = (Bytef *)packed->data,
	              .avail_in = (uInt)packed->size,
	              .next_out = unpacked,
	              .avail_out = sizeof unpacked};
	cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
	cr_expect_eq(inflate(&z, Z_FINISH), Z_STREAM_END, "of %zu bytes", size);
	inflateEnd(&z);
	cr_assert_eq(z.total_out, size);
	cr_expect_arr_eq(unpacked, text, size, "of %zu bytes", size);
}

Test(gzip, a_body_of_any_size_in_several_pieces_unpacks_to_the_same) {
	for (int random = 0; random < 2; random++) {
		fill(random);
		for (size_t size = 0; size <= MOST; size += 1 + size / 7) {
			struct bytes *packed = pack(size);
			cr_assert_not_null(packed, "of %zu bytes", size);
			expect_same(packed, size);
			if (!random && size >= 4096)
				cr_expect_lt(packed->size, size / 5, "%zu of %zu bytes", packed->size, size);
			bytes_unref(&packed);
		}
	}
}
