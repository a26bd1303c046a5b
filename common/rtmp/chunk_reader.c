#include "common/rtmp/chunk_reader.h"

#include "common/base/reader.h"

#include <stdlib.h>
#include <uv.h>

enum { EXTENDED = 0xffffff, HELD_FACTOR = 4, FIRST_STREAMS = 4 };

struct chunk_stream {
	uint32_t id;
	bool begun;    /* a message header was seen */
	bool extended; /* the newest header's timestamp field was EXTENDED */
	bool absolute; /* that header was of type 0 */
	uint8_t type;
	uint32_t size; /* of the message */
	uint32_t message_stream;
	uint32_t timestamp;  /* absolute, of the message under way or the last */
	uint32_t field;      /* the newest timestamp or delta, as sent */
	struct bytes *block; /* of the message under way */
	uint32_t got;        /* its bytes so far */
};

void chunk_reader_init(struct chunk_reader *r, struct chunk_reader_limits limits, rtmp_message_fn on_message,
                       void *context) {
	*r = (struct chunk_reader){
	    .limits = limits, .on_message = on_message, .context = context, .chunk_size = CHUNK_SIZE_DEFAULT};
}

static void drop_message(struct chunk_reader *r, struct chunk_stream *s) {
	if (s->block)
		r->held -= s->size;
	bytes_unref(&s->block);
	s->got = 0;
}

void chunk_reader_fini(struct chunk_reader *r) {
	for (uint32_t i = 0; i < r->count; i++) {
		drop_message(r, r->streams[i]);
		free(r->streams[i]);
	}
	free(r->streams);
	r->streams = NULL;
	r->count = r->capacity = 0;
	r->current = NULL;
}

static int fail(struct chunk_reader *r, int error, const char *why) {
	r->error = error;
	r->why = why;
	return error;
}

/* Where the stream is, or would be. */
static uint32_t place_of(const struct chunk_reader *r, uint32_t id) {
	uint32_t low = 0, high = r->count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (r->streams[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_at(const struct chunk_reader *r, uint32_t place, uint32_t id) {
	return place < r->count && r->streams[place]->id == id;
}

static bool make_room(struct chunk_reader *r) {
	if (r->count < r->capacity)
		return true;
	uint32_t capacity = r->capacity ? 2 * r->capacity : FIRST_STREAMS;
	struct chunk_stream **streams = realloc(r->streams, capacity * sizeof(struct chunk_stream *));
	if (!streams)
		return false;
	r->streams = streams;
	r->capacity = capacity;
	return true;
}

static struct chunk_stream *get_stream(struct chunk_reader *r, uint32_t id) {
	uint32_t place = place_of(r, id);
	if (is_at(r, place, id))
		return r->streams[place];
	if (r->count >= r->limits.streams) {
		fail(r, UV_E2BIG, "more chunk streams than rtmp.max_chunk_streams");
		return NULL;
	}
	struct chunk_stream *s = make_room(r) ? calloc(1, sizeof *s) : NULL;
	if (!s) {
		fail(r, UV_ENOMEM, "out of memory");
		return NULL;
	}
	s->id = id;
	memmove(r->streams + place + 1, r->streams + place, (r->count - place) * sizeof(struct chunk_stream *));
	r->streams[place] = s;
	r->count++;
	return s;
}

/* --- messages --- */

/* SetChunkSize (5.4.1) and Abort (5.4.2). */
static int obey(struct chunk_reader *r, const struct rtmp_message *m) {
	struct reader p = reader_of(m->payload.data, m->payload.size);
	uint32_t v = reader_u32(&p);
	if (p.failed)
		return m->type == RTMP_SET_CHUNK_SIZE ? fail(r, UV_EPROTO, "a SetChunkSize that is cut short") : 0;
	if (m->type == RTMP_SET_CHUNK_SIZE) {
		/* Some peers set the top bit or state more than a message can have; nothing is the one size that cannot be. */
		v &= 0x7fffffff;
		if (v == 0)
			return fail(r, UV_EPROTO, "a chunk size of 0");
		r->chunk_size = v < CHUNK_SIZE_MAX ? v : CHUNK_SIZE_MAX;
	} else {
		uint32_t place = place_of(r, v);
		if (is_at(r, place, v))
			drop_message(r, r->streams[place]);
	}
	return 0;
}

static int finish_message(struct chunk_reader *r, struct chunk_stream *s) {
	struct rtmp_message m = {.type = s->type,
	                         .stream = s->message_stream,
	                         .timestamp_ms = s->timestamp,
	                         .block = s->block,
	                         .payload = bytes_slice(s->block)};
	r->held -= s->size;
	s->block = NULL;
	s->got = 0;
	int err = m.type == RTMP_SET_CHUNK_SIZE || m.type == RTMP_ABORT ? obey(r, &m) : 0;
	if (!err) {
		err = r->on_message(r->context, &m);
		if (err && !r->error)
			fail(r, err, "refused");
	}
	bytes_unref(&m.block);
	return err;
}

/* A head is complete: the message begins, or goes on. */
static int begin_chunk(struct chunk_reader *r, struct chunk_stream *s) {
	if (!s->block) {
		if (s->size > r->limits.message_bytes)
			return fail(r, UV_E2BIG, "a message larger than rtmp.max_message");
		if (r->held + s->size > (size_t)r->limits.message_bytes * HELD_FACTOR)
			return fail(r, UV_E2BIG, "too many unfinished messages");
		s->block = bytes_new(s->size);
		if (!s->block)
			return fail(r, UV_ENOMEM, "out of memory");
		r->held += s->size;
		s->got = 0;
	}
	uint32_t left = s->size - s->got;
	r->left = left < r->chunk_size ? left : r->chunk_size;
	r->current = s;
	r->have = 0;
	return 0;
}

/* --- heads --- */

static size_t basic_size(const uint8_t *head) {
	uint8_t low = head[0] & 63;
	return low == 0 ? 2 : low == 1 ? 3 : 1;
}

static uint32_t basic_id(const uint8_t *head) {
	uint8_t low = head[0] & 63;
	return low == 0 ? 64u + head[1] : low == 1 ? 64u + head[1] + 256u * head[2] : low;
}

static const uint8_t header_sizes[] = {11, 7, 3, 0};

/* A new message's header replaces an unfinished one on its chunk stream. */
static void apply_header(struct chunk_reader *r, struct chunk_stream *s, int fmt, const uint8_t *head, uint32_t field) {
	if (fmt < 3)
		drop_message(r, s);
	if (fmt < 2) {
		s->size = (uint32_t)head[3] << 16 | (uint32_t)head[4] << 8 | head[5];
		s->type = head[6];
	}
	if (fmt == 0)
		s->message_stream =
		    head[7] | (uint32_t)head[8] << 8 | (uint32_t)head[9] << 16 | (uint32_t)head[10] << 24; /* little-endian */
	s->field = field;
	s->absolute = fmt == 0;
	s->timestamp = fmt == 0 ? field : s->timestamp + field;
	s->begun = true;
}

/* Begins the next message with the last one's header (type 3 where none is under way). */
static void repeat_header(struct chunk_stream *s) {
	if (!s->absolute)
		s->timestamp += s->field;
}

/*
 * The head in r->head may be complete: 1 and the chunk has begun, 0 more bytes are needed, or an error. `*give_back`
 * says how many of the bytes were payload after all.
 */
static int try_head(struct chunk_reader *r, size_t *give_back) {
	size_t basic = basic_size(r->head);
	if (r->have < basic)
		return 0;
	int fmt = r->head[0] >> 6;
	size_t header = basic + header_sizes[fmt];
	if (r->have < header)
		return 0;
	struct chunk_stream *s = get_stream(r, basic_id(r->head));
	if (!s)
		return r->error;
	if (fmt == 3 && !s->begun)
		return fail(r, UV_EPROTO, "a chunk stream that begins with a type 3 chunk");
	const uint8_t *h = r->head + basic;
	uint32_t field = fmt < 3 ? (uint32_t)h[0] << 16 | (uint32_t)h[1] << 8 | h[2] : 0;
	bool extended = fmt < 3 ? field == EXTENDED : s->extended;
	if (extended && r->have < header + 4)
		return 0;
	const uint8_t *x = r->head + header;
	uint32_t stated = extended ? (uint32_t)x[0] << 24 | (uint32_t)x[1] << 16 | (uint32_t)x[2] << 8 | x[3] : field;
	if (fmt < 3) {
		s->extended = extended;
		apply_header(r, s, fmt, h, stated);
	} else {
		if (!s->block)
			repeat_header(s);
		/* Repeated by most, absolute or as the delta; by some not at all. */
		if (extended && stated != s->field && stated != s->timestamp)
			*give_back = 4;
	}
	int err = begin_chunk(r, s);
	return err ? err : 1;
}

/* Gathers a head byte by byte; heads are short and rare beside payload. */
static int take_head(struct chunk_reader *r, const uint8_t *data, size_t size, size_t *taken) {
	for (size_t i = 0; i < size; i++) {
		size_t give_back = 0;
		uint8_t saved[4];
		r->head[r->have++] = data[i];
		memcpy(saved, r->head + (r->have >= 4 ? r->have - 4 : 0), sizeof saved);
		int done = try_head(r, &give_back);
		if (done < 0)
			return done;
		if (!done)
			continue;
		*taken = i + 1;
		/* The four bytes may have come in an earlier feed: they are kept and read as payload. */
		return give_back ? chunk_reader_feed(r, saved, sizeof saved) : 0;
	}
	*taken = size;
	return 0;
}

static int take_payload(struct chunk_reader *r, const uint8_t *data, size_t size, size_t *taken) {
	struct chunk_stream *s = r->current;
	size_t n = size < r->left ? size : r->left;
	if (n)
		memcpy(s->block->data + s->got, data, n);
	s->got += (uint32_t)n;
	r->left -= (uint32_t)n;
	*taken = n;
	if (r->left)
		return 0;
	r->current = NULL;
	return s->got == s->size ? finish_message(r, s) : 0;
}

int chunk_reader_feed(struct chunk_reader *r, const uint8_t *data, size_t size) {
	while (!r->error && (size || (r->current && !r->left))) {
		size_t taken = 0;
		int err = r->current ? take_payload(r, data, size, &taken) : take_head(r, data, size, &taken);
		if (err)
			return err;
		data += taken;
		size -= taken;
	}
	return r->error;
}
