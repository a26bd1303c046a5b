#include "common/base/bytes.h"

#include <stdlib.h>
#include <string.h>

static void bytes_destroy(struct counted *c) {
	free(c); /* counted is the first member */
}

struct bytes *bytes_new(size_t size) {
	if (size > SIZE_MAX - sizeof(struct bytes))
		return NULL;
	struct bytes *b = malloc(sizeof *b + size);
	if (!b)
		return NULL;
	counted_init(&b->counted, bytes_destroy);
	b->size = size;
	return b;
}

struct bytes *bytes_copy(const void *data, size_t size) {
	struct bytes *b = bytes_new(size);
	if (b && size)
		memcpy(b->data, data, size);
	return b;
}
