#include "common/base/buffer.h"

#include "common/base/decimal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { FIRST_CAPACITY = 256 };

void buffer_init(struct buffer *b, size_t limit) {
	*b = (struct buffer){.limit = limit};
}

void buffer_fini(struct buffer *b) {
	bytes_unref(&b->block);
	b->size = 0;
	b->error = 0;
}

void buffer_clear(struct buffer *b) {
	b->size = 0;
	b->error = 0;
}

static int grow(struct buffer *b, size_t more) {
	size_t capacity = b->block ? b->block->size : 0;
	if (more > SIZE_MAX - b->size || (b->limit && b->size + more > b->limit))
		return UV_E2BIG;
	size_t want = b->size + more;
	if (want <= capacity)
		return 0;
	size_t next = capacity ? capacity : FIRST_CAPACITY;
	while (next < want)
		next = next > SIZE_MAX / 2 ? want : next * 2;
	if (b->limit && next > b->limit)
		next = b->limit; /* so that room in the block is room within the limit */
	struct bytes *block = bytes_new(next);
	if (!block)
		return UV_ENOMEM;
	if (b->size)
		memcpy(block->data, b->block->data, b->size);
	bytes_unref(&b->block);
	b->block = block;
	return 0;
}

void buffer_expect(struct buffer *b, size_t size) {
	if (!b->error && !b->block && size && (!b->limit || size <= b->limit))
		b->block = bytes_new(size);
}

uint8_t *buffer_reserve(struct buffer *b, size_t size) {
	if (!b->error && !(b->block && size <= b->block->size - b->size))
		b->error = grow(b, size);
	if (b->error || !b->block)
		return NULL;
	uint8_t *at = b->block->data + b->size;
	b->size += size;
	return at;
}

void buffer_append(struct buffer *b, const void *data, size_t size) {
	uint8_t *at = size ? buffer_reserve(b, size) : NULL;
	if (at)
		memcpy(at, data, size);
}

void buffer_printf(struct buffer *b, const char *format, ...) {
	va_list args;
	va_start(args, format);
	int size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	uint8_t *at = size > 0 ? buffer_reserve(b, (size_t)size + 1) : NULL;
	if (!at)
		return;
	va_start(args, format);
	vsnprintf((char *)at, (size_t)size + 1, format, args);
	va_end(args);
	b->size--; /* the NUL does not count */
}

void buffer_decimal(struct buffer *b, uint64_t v) {
	char digits[DECIMAL_SIZE];
	buffer_append(b, digits, (size_t)(decimal_put(digits, v) - digits));
}

void buffer_u8(struct buffer *b, uint8_t v) {
	buffer_append(b, &v, 1);
}

static void append_be(struct buffer *b, uint64_t v, size_t size) {
	uint8_t *at = buffer_reserve(b, size);
	for (size_t i = 0; at && i < size; i++)
		at[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
}

void buffer_u16(struct buffer *b, uint16_t v) {
	append_be(b, v, 2);
}

void buffer_u24(struct buffer *b, uint32_t v) {
	append_be(b, v, 3);
}

void buffer_u32(struct buffer *b, uint32_t v) {
	append_be(b, v, 4);
}

void buffer_u32le(struct buffer *b, uint32_t v) {
	append_be(b, __builtin_bswap32(v), 4);
}

void buffer_u64(struct buffer *b, uint64_t v) {
	append_be(b, v, 8);
}

void buffer_f64(struct buffer *b, double v) {
	uint64_t bits;
	memcpy(&bits, &v, sizeof bits);
	append_be(b, bits, 8);
}

void buffer_consume(struct buffer *b, size_t size) {
	if (size >= b->size) {
		b->size = 0;
		return;
	}
	memmove(b->block->data, b->block->data + size, b->size - size);
	b->size -= size;
}

struct bytes *buffer_take(struct buffer *b) {
	if (b->error)
		return NULL;
	struct bytes *block = b->block ? b->block : bytes_new(0);
	if (!block)
		return NULL;
	block->size = b->size;
	b->block = NULL;
	b->size = 0;
	return block;
}
