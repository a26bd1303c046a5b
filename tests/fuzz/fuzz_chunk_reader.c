/* A chunk stream, whole and in pieces: the same messages, whatever the pieces; memory within the limits. */
#include "common/rtmp/chunk_reader.h"
#include "common/rtmp/message.h"

#include <stdlib.h>

enum { MESSAGE_MAX = 65536, STREAMS_MAX = 8 };

struct sum {
	uint64_t hash;
	unsigned count;
};

static int add(void *context, const struct rtmp_message *m) {
	struct sum *s = context;
	s->count++;
	s->hash = s->hash * 31 + m->type;
	s->hash = s->hash * 31 + m->timestamp_ms;
	s->hash = s->hash * 31 + m->stream;
	for (size_t i = 0; i < m->payload.size; i++)
		s->hash = s->hash * 31 + m->payload.data[i];
	if (m->type == RTMP_AGGREGATE)
		rtmp_split_aggregate(m, add, context);
	return 0;
}

static struct sum read_in(const uint8_t *data, size_t size, size_t step, int *err) {
	struct chunk_reader r;
	struct sum s = {0};
	chunk_reader_init(&r, (struct chunk_reader_limits){MESSAGE_MAX, STREAMS_MAX}, add, &s);
	*err = 0;
	for (size_t at = 0; at < size && !*err; at += step)
		*err = chunk_reader_feed(&r, data + at, size - at < step ? size - at : step);
	if (r.held > 4 * MESSAGE_MAX)
		abort();
	chunk_reader_fini(&r);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	int whole_err, piece_err;
	if (size < 2)
		return 0;
	struct sum whole = read_in(data + 1, size - 1, size, &whole_err);
	struct sum pieces = read_in(data + 1, size - 1, 1 + data[0] % 37, &piece_err);
	if (whole.hash != pieces.hash || whole.count != pieces.count || whole_err != piece_err)
		abort();
	return 0;
}
