/* Bytes of a relay link: framing, and what the messages become. Whole and in pieces they must be the same. */
#include "common/relay/convert.h"

#include <stdlib.h>

struct reading {
	struct tracks *tracks;
	uint64_t hash;
};

static void add(struct reading *r, uint64_t v) {
	r->hash = r->hash * 1099511628211u + v;
}

/* What was read is written again and must be taken again. */
static void write_again(struct entry *e) {
	struct buffer out;
	buffer_init(&out, 0);
	if (e->kind != ENTRY_MARK || e->mark.tracks)
		relay_write_entry(&out, e, 1);
	buffer_fini(&out);
}

static int on_message(void *context, const struct relay_message *m) {
	struct reading *r = context;
	struct entry *e;
	struct sample s;
	add(r, (uint64_t)m->header->body_case);
	for (size_t i = 0; i < m->payload.size; i++)
		add(r, m->payload.data[i]);
	if (m->header->body_case == WEIR__RELAY__HEADER__BODY_TRACKS) {
		struct tracks *t;
		if (relay_read_tracks(&t, m) == 0) {
			tracks_unref(&r->tracks);
			r->tracks = t;
		}
	} else if (m->header->body_case == WEIR__RELAY__HEADER__BODY_SAMPLE) {
		if (relay_read_sample(&s, m) == 0 && s.nano_offset > 999999)
			abort();
	} else if (relay_read_entry(&e, m, r->tracks) == 0) {
		add(r, e->sequence);
		write_again(e);
		entry_unref(&e);
	}
	return 0;
}

static uint64_t read_in(const uint8_t *data, size_t size, size_t step, int *err) {
	struct reading state = {0};
	struct relay_reader r;
	relay_reader_init(&r, on_message, &state);
	r.payload_max = 1 << 20;
	*err = 0;
	for (size_t at = 0; at < size && !*err; at += step)
		*err = relay_reader_feed(&r, data + at, size - at < step ? size - at : step);
	relay_reader_fini(&r);
	tracks_unref(&state.tracks);
	return state.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	int whole, pieces;
	if (size < 2)
		return 0;
	uint64_t a = read_in(data + 1, size - 1, size, &whole);
	uint64_t b = read_in(data + 1, size - 1, 1 + data[0] % 61, &pieces);
	if (a != b || whole != pieces)
		abort();
	return 0;
}
