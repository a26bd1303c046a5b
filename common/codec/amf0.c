#include "common/codec/amf0.h"

#include "common/codec/amf_build.h"

#include <string.h>
#include <uv.h>

/* AMF 0 specification, 2.1 */
enum marker {
	NUMBER = 0x00,
	BOOLEAN = 0x01,
	STRING = 0x02,
	OBJECT = 0x03,
	MOVIECLIP = 0x04,
	NULL_VALUE = 0x05,
	UNDEFINED = 0x06,
	REFERENCE = 0x07,
	ECMA_ARRAY = 0x08,
	OBJECT_END = 0x09,
	STRICT_ARRAY = 0x0a,
	DATE = 0x0b,
	LONG_STRING = 0x0c,
	UNSUPPORTED = 0x0d,
	RECORDSET = 0x0e,
	XML_DOCUMENT = 0x0f,
	TYPED_OBJECT = 0x10,
	AVMPLUS_OBJECT = 0x11,
};

enum { SHORT_TEXT_MAX = 0xffff };

static int read_value(struct amf_doc *doc, struct reader *r, unsigned depth, struct amf_value *v);

/* Text behind a size of `size_bytes` bytes. */
static int read_text(struct amf_doc *doc, struct reader *r, size_t size_bytes, struct slice *out) {
	size_t size = (size_t)reader_be(r, size_bytes);
	const uint8_t *data = reader_take(r, size);
	if (r->failed)
		return UV_EINVAL;
	return amf_doc_text(doc, (struct slice){data, size}, out);
}

static int read_text_value(struct amf_doc *doc, struct reader *r, size_t size_bytes, enum amf_type type,
                           struct amf_value *v) {
	v->type = type;
	return read_text(doc, r, size_bytes, &v->text);
}

static int read_members(struct amf_doc *doc, struct reader *r, unsigned depth, struct amf_value *v) {
	if (depth >= AMF_DEPTH_MAX)
		return UV_E2BIG;
	for (;;) {
		struct slice name;
		int err = read_text(doc, r, 2, &name);
		if (err)
			return err;
		/* An empty name may also be a member's: only the marker behind it ends the object. */
		if (!name.size && reader_left(r) && *r->at == OBJECT_END) {
			reader_u8(r);
			return 0;
		}
		struct amf_value *member;
		err = amf_doc_add(doc, v, name, &member);
		if (!err)
			err = read_value(doc, r, depth + 1, member);
		if (err)
			return err;
	}
}

static int read_object(struct amf_doc *doc, struct reader *r, unsigned depth, bool typed, struct amf_value *v) {
	v->type = AMF_OBJECT;
	v->members.first = v->members.last = NULL;
	v->members.count = 0;
	int err = typed ? read_text(doc, r, 2, &v->class_name) : 0;
	return err ? err : read_members(doc, r, depth, v);
}

static int read_ecma_array(struct amf_doc *doc, struct reader *r, unsigned depth, struct amf_value *v) {
	reader_u32(r); /* the count is a hint that encoders get wrong: the end marker decides */
	int err = read_object(doc, r, depth, false, v);
	v->type = AMF_ECMA_ARRAY;
	return err;
}

static int read_strict_array(struct amf_doc *doc, struct reader *r, unsigned depth, struct amf_value *v) {
	v->type = AMF_ARRAY;
	v->members.first = v->members.last = NULL;
	v->members.count = 0;
	uint32_t count = reader_u32(r);
	if (r->failed || count > reader_left(r))
		return UV_EINVAL; /* each value takes a byte at least */
	if (depth >= AMF_DEPTH_MAX || count > AMF_ELEMENTS_MAX)
		return UV_E2BIG;
	for (uint32_t i = 0; i < count; i++) {
		struct amf_value *item;
		int err = amf_doc_add(doc, v, (struct slice){NULL, 0}, &item);
		if (!err)
			err = read_value(doc, r, depth + 1, item);
		if (err)
			return err;
	}
	return 0;
}

/* A value of fixed size: number, boolean, date. */
static int read_plain(struct reader *r, enum marker marker, struct amf_value *v) {
	if (marker == BOOLEAN) {
		v->type = AMF_BOOLEAN;
		v->boolean = reader_u8(r) != 0;
	} else {
		v->type = marker == DATE ? AMF_DATE : AMF_NUMBER;
		v->number = reader_f64(r);
		if (marker == DATE)
			reader_u16(r); /* the time zone: reserved, not to be used (2.13) */
	}
	return r->failed ? UV_EINVAL : 0;
}

static int read_value(struct amf_doc *doc, struct reader *r, unsigned depth, struct amf_value *v) {
	enum marker marker = reader_u8(r);
	if (r->failed)
		return UV_EINVAL;
	switch (marker) {
	case NUMBER:
	case BOOLEAN:
	case DATE:
		return read_plain(r, marker, v);
	case STRING:
		return read_text_value(doc, r, 2, AMF_STRING, v);
	case LONG_STRING:
		return read_text_value(doc, r, 4, AMF_STRING, v);
	case XML_DOCUMENT:
		return read_text_value(doc, r, 4, AMF_XML, v);
	case OBJECT:
	case TYPED_OBJECT:
		return read_object(doc, r, depth, marker == TYPED_OBJECT, v);
	case ECMA_ARRAY:
		return read_ecma_array(doc, r, depth, v);
	case STRICT_ARRAY:
		return read_strict_array(doc, r, depth, v);
	case NULL_VALUE:
		v->type = AMF_NULL;
		return 0;
	case UNDEFINED:
	case UNSUPPORTED:
		v->type = AMF_UNDEFINED;
		return 0;
	case AVMPLUS_OBJECT:
		return amf3_read_value(doc, r, depth, v);
	case REFERENCE:
	case MOVIECLIP:
	case RECORDSET:
		return UV_ENOTSUP;
	case OBJECT_END:
		break;
	}
	return UV_EINVAL;
}

static int read_document(struct reader *r, bool one, struct amf_doc **out) {
	struct amf_doc *doc = amf_doc_new();
	int err = doc ? 0 : UV_ENOMEM;
	bool more = one || reader_left(r);
	while (!err && more) {
		struct amf_value *v;
		err = amf_doc_add(doc, amf_doc_root(doc), (struct slice){NULL, 0}, &v);
		if (!err)
			err = read_value(doc, r, 0, v);
		more = !one && reader_left(r);
	}
	if (err)
		amf_doc_free(&doc);
	else
		*out = doc;
	return err;
}

int amf0_read(struct reader *r, struct amf_doc **out) {
	return read_document(r, false, out);
}

int amf0_read_one(struct reader *r, struct amf_doc **out) {
	return read_document(r, true, out);
}

void amf0_write_number(struct buffer *b, double v) {
	buffer_u8(b, NUMBER);
	buffer_f64(b, v);
}

void amf0_write_boolean(struct buffer *b, bool v) {
	buffer_u8(b, BOOLEAN);
	buffer_u8(b, v);
}

/* A name or class name: text behind 16 bits of size. */
static void write_short_text(struct buffer *b, struct slice text) {
	if (text.size > SHORT_TEXT_MAX) {
		if (!b->error)
			b->error = UV_E2BIG;
		return;
	}
	buffer_u16(b, (uint16_t)text.size);
	buffer_append(b, text.data, text.size);
}

static struct slice slice_of(const char *text) {
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void write_long_text(struct buffer *b, uint8_t marker, struct slice text) {
	if (text.size > UINT32_MAX) {
		if (!b->error)
			b->error = UV_E2BIG;
		return;
	}
	buffer_u8(b, marker);
	buffer_u32(b, (uint32_t)text.size);
	buffer_append(b, text.data, text.size);
}

void amf0_write_text(struct buffer *b, struct slice text) {
	if (text.size > SHORT_TEXT_MAX) {
		write_long_text(b, LONG_STRING, text);
		return;
	}
	buffer_u8(b, STRING);
	write_short_text(b, text);
}

void amf0_write_string(struct buffer *b, const char *text) {
	amf0_write_text(b, slice_of(text));
}

void amf0_write_null(struct buffer *b) {
	buffer_u8(b, NULL_VALUE);
}

void amf0_write_undefined(struct buffer *b) {
	buffer_u8(b, UNDEFINED);
}

void amf0_write_date(struct buffer *b, double unix_ms) {
	buffer_u8(b, DATE);
	buffer_f64(b, unix_ms);
	buffer_u16(b, 0);
}

void amf0_write_object_begin(struct buffer *b) {
	buffer_u8(b, OBJECT);
}

void amf0_write_ecma_array_begin(struct buffer *b, uint32_t count) {
	buffer_u8(b, ECMA_ARRAY);
	buffer_u32(b, count);
}

void amf0_write_array_begin(struct buffer *b, uint32_t count) {
	buffer_u8(b, STRICT_ARRAY);
	buffer_u32(b, count);
}

void amf0_write_key(struct buffer *b, const char *name) {
	write_short_text(b, slice_of(name));
}

void amf0_write_object_end(struct buffer *b) {
	buffer_u24(b, OBJECT_END); /* an empty name and the marker */
}

void amf0_write_number_member(struct buffer *b, const char *name, double v) {
	amf0_write_key(b, name);
	amf0_write_number(b, v);
}

void amf0_write_boolean_member(struct buffer *b, const char *name, bool v) {
	amf0_write_key(b, name);
	amf0_write_boolean(b, v);
}

void amf0_write_string_member(struct buffer *b, const char *name, const char *text) {
	amf0_write_key(b, name);
	amf0_write_string(b, text);
}

static void write_object(struct buffer *b, const struct amf_value *v) {
	if (v->type == AMF_ECMA_ARRAY) {
		amf0_write_ecma_array_begin(b, v->members.count);
	} else if (v->class_name.size) {
		buffer_u8(b, TYPED_OBJECT);
		write_short_text(b, v->class_name);
	} else {
		amf0_write_object_begin(b);
	}
	for (const struct amf_member *m = amf_members(v); m && !b->error; m = m->next) {
		write_short_text(b, m->name);
		amf0_write_value(b, &m->value);
	}
	amf0_write_object_end(b);
}

static void write_array(struct buffer *b, const struct amf_value *v) {
	amf0_write_array_begin(b, v->members.count);
	for (const struct amf_member *m = amf_members(v); m && !b->error; m = m->next)
		amf0_write_value(b, &m->value);
}

void amf0_write_value(struct buffer *b, const struct amf_value *v) {
	switch (v->type) {
	case AMF_NUMBER:
		amf0_write_number(b, v->number);
		break;
	case AMF_BOOLEAN:
		amf0_write_boolean(b, v->boolean);
		break;
	case AMF_STRING:
		amf0_write_text(b, v->text);
		break;
	case AMF_XML:
		write_long_text(b, XML_DOCUMENT, v->text);
		break;
	case AMF_OBJECT:
	case AMF_ECMA_ARRAY:
		write_object(b, v);
		break;
	case AMF_ARRAY:
		write_array(b, v);
		break;
	case AMF_DATE:
		amf0_write_date(b, v->number);
		break;
	case AMF_NULL:
		amf0_write_null(b);
		break;
	case AMF_UNDEFINED:
	case AMF_BYTES:
		amf0_write_undefined(b);
		break;
	}
}
