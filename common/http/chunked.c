#include "common/http/chunked.h"

#include <ctype.h>
#include <uv.h>

enum { SIZE_DIGITS_MAX = 8 };

/* The size line is complete. */
static int begin_data(struct chunked *c, uint64_t limit) {
	c->skipped = 0;
	c->digits = 0;
	c->total += c->left;
	if (c->total > limit)
		return UV_E2BIG;
	c->state = c->left ? CHUNKED_DATA : CHUNKED_TRAILER_START;
	return 0;
}

static int read_size(struct chunked *c, uint8_t b) {
	if (isxdigit(b)) {
		int digit = isdigit(b) ? b - '0' : tolower(b) - 'a' + 10;
		c->left = c->left << 4 | (unsigned)digit;
		return ++c->digits > SIZE_DIGITS_MAX ? UV_E2BIG : 0;
	}
	if (!c->digits || (b != '\r' && b != ';' && b != ' ' && b != '\t'))
		return UV_EPROTO;
	c->state = b == '\r' ? CHUNKED_SIZE_LF : CHUNKED_EXTENSION;
	return 0;
}

/* A byte of an extension or a trailer, read over up to the line's end. */
static int skip(struct chunked *c, uint8_t b, enum chunked_state at_end, unsigned most) {
	if (b == '\r')
		c->state = at_end;
	else if ((b < 0x20 && b != '\t') || b == 0x7f)
		return UV_EPROTO;
	return ++c->skipped > most ? UV_E2BIG : 0;
}

static int expect(struct chunked *c, uint8_t b, uint8_t want, enum chunked_state next) {
	c->state = next;
	return b == want ? 0 : UV_EPROTO;
}

/* Any byte but chunk data. */
static int read_byte(struct chunked *c, uint8_t b, uint64_t limit) {
	switch (c->state) {
	case CHUNKED_SIZE:
		return read_size(c, b);
	case CHUNKED_EXTENSION:
		return skip(c, b, CHUNKED_SIZE_LF, CHUNKED_EXTENSION_MAX);
	case CHUNKED_SIZE_LF:
		return b == '\n' ? begin_data(c, limit) : UV_EPROTO;
	case CHUNKED_DATA_CR:
		return expect(c, b, '\r', CHUNKED_DATA_LF);
	case CHUNKED_DATA_LF:
		return expect(c, b, '\n', CHUNKED_SIZE);
	case CHUNKED_TRAILER_START:
		if (b == '\r') {
			c->state = CHUNKED_END_LF;
			return 0;
		}
		c->state = CHUNKED_TRAILER;
		return skip(c, b, CHUNKED_TRAILER_LF, CHUNKED_TRAILERS_MAX);
	case CHUNKED_TRAILER:
		return skip(c, b, CHUNKED_TRAILER_LF, CHUNKED_TRAILERS_MAX);
	case CHUNKED_TRAILER_LF:
		return expect(c, b, '\n', CHUNKED_TRAILER_START);
	case CHUNKED_END_LF:
		return expect(c, b, '\n', CHUNKED_DONE);
	case CHUNKED_DATA:
	case CHUNKED_DONE:
		break;
	}
	return UV_EPROTO;
}

int chunked_read(struct chunked *c, struct slice data, uint64_t limit, size_t *taken) {
	size_t at = 0;
	int err = 0;
	while (!err && at < data.size && c->state != CHUNKED_DONE) {
		if (c->state != CHUNKED_DATA) {
			err = read_byte(c, data.data[at++], limit);
			continue;
		}
		size_t n = data.size - at < c->left ? data.size - at : (size_t)c->left;
		if (c->keep)
			buffer_append(c->keep, data.data + at, n);
		at += n;
		c->left -= n;
		if (!c->left)
			c->state = CHUNKED_DATA_CR;
	}
	*taken = at;
	return err;
}
