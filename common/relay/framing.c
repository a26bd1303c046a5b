#include "common/relay/framing.h"

#include <string.h>
#include <uv.h>

void relay_reader_init(struct relay_reader *r, relay_message_fn on_message, void *context) {
	*r = (struct relay_reader){
	    .on_message = on_message, .context = context, .header_max = RELAY_HEADER_MAX, .payload_max = RELAY_PAYLOAD_MAX};
	buffer_init(&r->header, 0);
}

void relay_reader_fini(struct relay_reader *r) {
	buffer_fini(&r->header);
	bytes_unref(&r->payload);
}

static int deliver(struct relay_reader *r) {
	struct slice h = buffer_slice(&r->header);
	Weir__Relay__Header *header = weir__relay__header__unpack(NULL, h.size, h.data ? h.data : (const uint8_t *)"");
	if (!header)
		return UV_EPROTO;
	struct relay_message m = {.header = header, .block = r->payload};
	if (r->payload)
		m.payload = bytes_slice(r->payload);
	int err = r->on_message(r->context, &m);
	weir__relay__header__free_unpacked(header, NULL);
	bytes_unref(&r->payload);
	buffer_clear(&r->header);
	r->phase = RELAY_READ_SIZES;
	r->size_index = r->size_shift = 0;
	r->sizes[0] = r->sizes[1] = 0;
	r->got = 0;
	return err;
}

static int sizes_done(struct relay_reader *r) {
	if (r->sizes[0] > r->header_max || r->sizes[1] > r->payload_max)
		return UV_E2BIG;
	r->phase = RELAY_READ_HEADER;
	if (r->sizes[1]) {
		r->payload = bytes_new(r->sizes[1]);
		if (!r->payload)
			return UV_ENOMEM;
	}
	return 0;
}

static int take_size_byte(struct relay_reader *r, uint8_t byte) {
	if (r->size_shift > 21 && byte > 0x0f)
		return UV_E2BIG; /* past 32 bits */
	r->sizes[r->size_index] |= (uint32_t)(byte & 0x7f) << r->size_shift;
	r->size_shift += 7;
	if (byte & 0x80)
		return 0;
	r->size_shift = 0;
	return ++r->size_index == 2 ? sizes_done(r) : 0;
}

/* The phase's end may be reached without a further byte: an empty header, no payload. */
static int advance(struct relay_reader *r) {
	if (r->phase == RELAY_READ_HEADER && r->header.size == r->sizes[0])
		r->phase = RELAY_READ_PAYLOAD;
	if (r->phase == RELAY_READ_PAYLOAD && r->got == r->sizes[1])
		return deliver(r);
	return 0;
}

static size_t at_most(size_t a, size_t b) {
	return a < b ? a : b;
}

int relay_reader_feed(struct relay_reader *r, const uint8_t *data, size_t size) {
	while (size && !r->error) {
		size_t n = 1;
		if (r->phase == RELAY_READ_SIZES) {
			r->error = take_size_byte(r, *data);
		} else if (r->phase == RELAY_READ_HEADER) {
			n = at_most(size, r->sizes[0] - r->header.size);
			buffer_append(&r->header, data, n);
			r->error = buffer_error(&r->header);
		} else {
			n = at_most(size, r->sizes[1] - r->got);
			memcpy(r->payload->data + r->got, data, n);
			r->got += n;
		}
		data += n;
		size -= n;
		if (!r->error && r->phase != RELAY_READ_SIZES)
			r->error = advance(r);
	}
	return r->error;
}

static void write_varint(struct buffer *out, size_t v) {
	for (; v >= 0x80; v >>= 7)
		buffer_u8(out, (uint8_t)(v | 0x80));
	buffer_u8(out, (uint8_t)v);
}

void relay_write(struct buffer *out, const Weir__Relay__Header *header, struct slice payload) {
	enum { SIZES = 10 };
	size_t size = weir__relay__header__get_packed_size(header);
	if (out->size == 0)
		buffer_expect(out, SIZES + size + payload.size);
	write_varint(out, size);
	write_varint(out, payload.size);
	uint8_t *at = buffer_reserve(out, size);
	if (at)
		weir__relay__header__pack(header, at);
	buffer_append(out, payload.data, payload.size);
}

struct bytes *relay_pack(const Weir__Relay__Header *header, struct slice payload) {
	struct buffer out;
	buffer_init(&out, 0);
	relay_write(&out, header, payload);
	struct bytes *b = buffer_take(&out);
	buffer_fini(&out);
	return b;
}
