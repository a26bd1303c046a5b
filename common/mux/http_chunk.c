#include "common/mux/http_chunk.h"

#include <stdio.h>
#include <string.h>

/* Eight hexadecimal digits hold any block; leading zeros are allowed. */
enum { HEAD_SIZE = 10 };

void http_chunk_begin(struct buffer *out) {
	buffer_reserve(out, HEAD_SIZE);
}

void http_chunk_end(struct buffer *out) {
	char head[HEAD_SIZE + 1];
	if (buffer_error(out))
		return;
	snprintf(head, sizeof head, "%08zx\r\n", out->size - HEAD_SIZE);
	memcpy(out->block->data, head, HEAD_SIZE);
	buffer_append(out, "\r\n", 2);
}
