/* Handshake bytes, split where the first byte says: never more taken than given, and a reply of the one right size. */
#include "common/rtmp/handshake.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct handshake h;
	struct buffer reply;
	size_t step = size ? 1 + data[0] * 16u : 1, at = size ? 1 : 0;
	handshake_init(&h);
	buffer_init(&reply, 0);
	int r = 0;
	while (at < size && r == 0) {
		size_t n = size - at < step ? size - at : step, taken;
		r = handshake_read(&h, data + at, n, &taken, &reply);
		if (taken > n || (r == 0 && taken != n))
			abort();
		at += taken;
	}
	if (reply.size != 0 && reply.size != 1 + 2 * HANDSHAKE_SIZE)
		abort();
	buffer_fini(&reply);
	return 0;
}
