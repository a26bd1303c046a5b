#include "common/http/gzip.h"

#include "common/base/buffer.h"

#include <zlib.h>

enum { LEVEL = 4, WINDOW_BITS = 15 + 16 /* with gzip's header */, MEMORY_LEVEL = 8 };

struct bytes *gzip_slices(const struct conn_slice *slices, size_t count) {
	z_stream z = {0};
	size_t total = 0;
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	for (size_t i = 0; i < count; i++)
		total += slices[i].size;
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
