#include "common/http/gzip.h"

#include "common/base/buffer.h"

#include <zlib.h>

enum { LEVEL = 4, WINDOW_LEAST = 9, WINDOW_MOST = 15, LOOKAHEAD = 262, GZIP_HEADER = 16, MEMORY_MOST = 8 };

/* The smallest window that still sees all of a text: to make and clear the largest one, a quarter of a megabyte with
 * its tables, costs more than to compress a playlist does. */
static int window_bits(size_t total) {
	int bits = WINDOW_LEAST;
	while (bits < WINDOW_MOST && ((size_t)1 << bits) < total + LOOKAHEAD)
		bits++;
	return bits;
}

static int begin(z_stream *z, size_t total) {
	int window = window_bits(total), memory = window - 7; /* a hash table of as many entries as the window has bytes */
	return deflateInit2(z, LEVEL, Z_DEFLATED, window + GZIP_HEADER, memory < MEMORY_MOST ? memory : MEMORY_MOST,
	                    Z_DEFAULT_STRATEGY);
}

struct bytes *gzip_slices(const struct conn_slice *slices, size_t count) {
	z_stream z = {0};
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += slices[i].size;
	if (begin(&z, total) != Z_OK)
		return NULL;
	struct bytes *out = bytes_new(deflateBound(&z, total));
	if (out) {
		z.next_out = out->data;
		z.avail_out = (uInt)out->size;
		for (size_t i = 0; i < count; i++) {
			z.next_in = (Bytef *)slices[i].data;
			z.avail_in = (uInt)slices[i].size;
			deflate(&z, Z_NO_FLUSH);
		}
		if (deflate(&z, Z_FINISH) == Z_STREAM_END)
			out->size = z.total_out;
		else
			bytes_unref(&out);
	}
	deflateEnd(&z);
	return out;
}
