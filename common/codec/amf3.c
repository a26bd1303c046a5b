#include "common/codec/amf3.h"

#include "common/codec/amf_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

/* AMF 3 specification, 3.1 */
enum marker {
	UNDEFINED = 0x00,
	NULL_VALUE = 0x01,
	FALSE_VALUE = 0x02,
	TRUE_VALUE = 0x03,
	INTEGER = 0x04,
	DOUBLE = 0x05,
	STRING = 0x06,
	XML_DOCUMENT = 0x07,
	DATE = 0x08,
	ARRAY = 0x09,
	OBJECT = 0x0a,
	XML = 0x0b,
	BYTE_ARRAY = 0x0c,
	VECTOR_INT = 0x0d,
	VECTOR_UINT = 0x0e,
	VECTOR_DOUBLE = 0x0f,
	VECTOR_OBJECT = 0x10,
	DICTIONARY = 0x11,
};

struct traits {
	struct slice class_name;
	struct slice *names; /* the document's */
	uint32_t count;
	bool dynamic;
	size_t text; /* bytes of all names: each object of these traits is charged with them */
};

/* Something that a later reference may name. */
struct object {
	struct amf_value value;
	struct amf_charge cost; /* of all that it holds */
	unsigned height;        /* levels of objects and arrays, itself counted */
	bool whole;             /* false while its content is being read */
};

/* A reference table: `items` of `size` bytes each. */
struct table {
	uint8_t *items;
	size_t size;
	uint32_t count, capacity;
};

struct context {
	struct amf_doc *doc;
	struct reader *r;
	unsigned deepest; /* the level that the innermost object being read has reached */
	struct table strings, objects, traits;
};

static int read_value(struct context *c, unsigned depth, struct amf_value *v);

static void *table_add(struct table *t, int *err) {
	*err = t->count == AMF3_REFERENCES_MAX ? UV_E2BIG : 0;
	if (!*err && t->count == t->capacity) {
		uint32_t capacity = t->capacity ? t->capacity * 2 : 16;
		uint8_t *items = realloc(t->items, capacity * t->size);
		*err = items ? 0 : UV_ENOMEM;
		if (items) {
			t->items = items;
			t->capacity = capacity;
		}
	}
	return *err ? NULL : t->items + t->size * t->count++;
}

static void *table_at(const struct table *t, uint32_t index) {
	return index < t->count ? t->items + t->size * index : NULL;
}

/* 1.3.1: 7 bits a byte with a flag that more follow, but 8 in the fourth. */
static uint32_t read_u29(struct reader *r) {
	uint32_t v = 0;
	for (int i = 0; i < 3; i++) {
		uint8_t byte = reader_u8(r);
		v = v << 7 | (byte & 0x7f);
		if (!(byte & 0x80))
			return v;
	}
	return v << 8 | reader_u8(r);
}

static int read_string(struct context *c, struct slice *out) {
	uint32_t u = read_u29(c->r);
	if (!(u & 1)) {
		struct slice *known = table_at(&c->strings, u >> 1);
		if (c->r->failed || !known)
			return UV_EINVAL;
		*out = *known;
		return amf_doc_charge(c->doc, (struct amf_charge){.text = known->size});
	}
	struct slice raw = {.size = u >> 1};
	raw.data = reader_take(c->r, raw.size);
	if (c->r->failed)
		return UV_EINVAL;
	int err = amf_doc_text(c->doc, raw, out);
	if (err || !raw.size)
		return err; /* the empty string is never referred to (1.3.2) */
	struct slice *entry = table_add(&c->strings, &err);
	if (entry)
		*entry = *out;
	return err;
}

static int add_member(struct context *c, struct amf_value *v, struct slice name, unsigned depth) {
	struct amf_value *member;
	int err = amf_doc_add(c->doc, v, name, &member);
	return err ? err : read_value(c, depth, member);
}

static int take_reference(struct context *c, uint32_t index, unsigned depth, struct amf_value *v) {
	const struct object *o = table_at(&c->objects, index);
	if (!o)
		return UV_EINVAL;
	if (!o->whole)
		return UV_ENOTSUP;
	if (depth + o->height > AMF_DEPTH_MAX)
		return UV_E2BIG;
	if (depth + o->height > c->deepest)
		c->deepest = depth + o->height;
	*v = o->value;
	return amf_doc_charge(c->doc, o->cost);
}

/* Dense values, or named members first and then dense ones, which are then named by their index as in ActionScript. */
static int read_array(struct context *c, uint32_t count, unsigned depth, struct amf_value *v) {
	v->type = AMF_ARRAY;
	for (;;) {
		struct slice name;
		int err = read_string(c, &name);
		if (!err && !name.size)
			break;
		v->type = AMF_ECMA_ARRAY;
		if (!err)
			err = add_member(c, v, name, depth + 1);
		if (err)
			return err;
	}
	if (count > reader_left(c->r))
		return UV_EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		struct slice name = {NULL, 0};
		char digits[12];
		int size = snprintf(digits, sizeof digits, "%u", (unsigned)i);
		struct slice text = {(const uint8_t *)digits, (size_t)size};
		int err = v->type == AMF_ECMA_ARRAY ? amf_doc_text(c->doc, text, &name) : 0;
		if (!err)
			err = add_member(c, v, name, depth + 1);
		if (err)
			return err;
	}
	return 0;
}

/* `u` is the object's first number: its low bit is 1. */
static int read_traits(struct context *c, uint32_t u, struct traits *out) {
	if (!(u & 2)) {
		const struct traits *known = table_at(&c->traits, u >> 2);
		if (!known)
			return UV_EINVAL;
		*out = *known;
		return amf_doc_charge(c->doc, (struct amf_charge){.text = known->text});
	}
	if (u & 4)
		return UV_ENOTSUP; /* externalizable */
	struct traits t = {.dynamic = u & 8, .count = u >> 4};
	int err = read_string(c, &t.class_name);
	if (err)
		return err;
	if (t.count > reader_left(c->r))
		return UV_EINVAL;
	err = amf_doc_charge(c->doc, (struct amf_charge){.elements = t.count});
	if (err)
		return err;
	t.names = amf_doc_alloc(c->doc, t.count * sizeof *t.names);
	if (!t.names)
		return UV_ENOMEM;
	t.text = t.class_name.size;
	for (uint32_t i = 0; !err && i < t.count; i++) {
		err = read_string(c, &t.names[i]);
		t.text += err ? 0 : t.names[i].size;
	}
	struct traits *entry = err ? NULL : table_add(&c->traits, &err);
	if (entry)
		*entry = *out = t;
	return err;
}

static int read_object(struct context *c, uint32_t u, unsigned depth, struct amf_value *v) {
	struct traits t;
	int err = read_traits(c, u, &t);
	v->type = AMF_OBJECT;
	if (!err)
		v->class_name = t.class_name;
	for (uint32_t i = 0; !err && i < t.count; i++)
		err = add_member(c, v, t.names[i], depth + 1);
	while (!err && t.dynamic) {
		struct slice name;
		err = read_string(c, &name);
		if (!err && !name.size)
			break;
		if (!err)
			err = add_member(c, v, name, depth + 1);
	}
	return err;
}

static double read_vector_number(struct reader *r, enum marker marker) {
	if (marker == VECTOR_DOUBLE)
		return reader_f64(r);
	uint32_t v = reader_u32(r);
	return marker == VECTOR_INT ? (double)(int32_t)v : (double)v;
}

static int read_vector(struct context *c, enum marker marker, uint32_t count, unsigned depth, struct amf_value *v) {
	v->type = AMF_ARRAY;
	reader_u8(c->r); /* of fixed length or not: nothing to us */
	int err = marker == VECTOR_OBJECT ? read_string(c, &v->class_name) : 0;
	if (err)
		return err;
	size_t least = marker == VECTOR_OBJECT ? 1 : marker == VECTOR_DOUBLE ? 8 : 4;
	if (c->r->failed || count > reader_left(c->r) / least)
		return UV_EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		struct amf_value *item;
		err = amf_doc_add(c->doc, v, (struct slice){NULL, 0}, &item);
		if (!err && marker == VECTOR_OBJECT) {
			err = read_value(c, depth + 1, item);
		} else if (!err) {
			item->type = AMF_NUMBER;
			item->number = read_vector_number(c->r, marker);
		}
		if (err)
			return err;
	}
	return 0;
}

static int read_bytes(struct context *c, enum marker marker, uint32_t size, struct amf_value *v) {
	struct slice raw = {reader_take(c->r, size), size};
	if (c->r->failed)
		return UV_EINVAL;
	v->type = marker == BYTE_ARRAY ? AMF_BYTES : AMF_XML;
	return amf_doc_text(c->doc, raw, &v->text);
}

/* What lies behind the first number of a value that may be referred to. */
static int read_content(struct context *c, enum marker marker, uint32_t u, unsigned depth, struct amf_value *v) {
	switch (marker) {
	case DATE:
		v->type = AMF_DATE;
		v->number = reader_f64(c->r);
		return c->r->failed ? UV_EINVAL : 0;
	case XML:
	case XML_DOCUMENT:
	case BYTE_ARRAY:
		return read_bytes(c, marker, u >> 1, v);
	default:
		break;
	}
	if (depth >= AMF_DEPTH_MAX)
		return UV_E2BIG;
	c->deepest = depth + 1;
	v->members.first = v->members.last = NULL;
	v->members.count = 0;
	if (marker == ARRAY)
		return read_array(c, u >> 1, depth, v);
	if (marker == OBJECT)
		return read_object(c, u, depth, v);
	return read_vector(c, marker, u >> 1, depth, v);
}

/* A value that has a place in the object table: the place is taken before its content is read (3.11). */
static int read_referable(struct context *c, enum marker marker, unsigned depth, struct amf_value *v) {
	uint32_t u = read_u29(c->r);
	if (c->r->failed)
		return UV_EINVAL;
	if (!(u & 1))
		return take_reference(c, u >> 1, depth, v);
	int err;
	uint32_t index = c->objects.count;
	struct object *o = table_add(&c->objects, &err);
	if (!o)
		return err;
	*o = (struct object){.whole = false};
	struct amf_charge before = amf_doc_charged(c->doc);
	unsigned deepest = c->deepest;
	c->deepest = depth;
	err = read_content(c, marker, u, depth, v);
	if (err)
		return err;
	struct amf_charge after = amf_doc_charged(c->doc);
	o = table_at(&c->objects, index); /* the table may have moved */
	*o = (struct object){.value = *v,
	                     .cost = {after.elements - before.elements, after.text - before.text},
	                     .height = c->deepest - depth,
	                     .whole = true};
	if (deepest > c->deepest)
		c->deepest = deepest;
	return 0;
}

static int read_value(struct context *c, unsigned depth, struct amf_value *v) {
	enum marker marker = reader_u8(c->r);
	if (c->r->failed)
		return UV_EINVAL;
	switch (marker) {
	case UNDEFINED:
		v->type = AMF_UNDEFINED;
		return 0;
	case NULL_VALUE:
		v->type = AMF_NULL;
		return 0;
	case FALSE_VALUE:
	case TRUE_VALUE:
		v->type = AMF_BOOLEAN;
		v->boolean = marker == TRUE_VALUE;
		return 0;
	case INTEGER: {
		uint32_t u = read_u29(c->r);
		v->type = AMF_NUMBER;
		v->number = u & 0x10000000 ? (double)u - 0x20000000 : u;
		return c->r->failed ? UV_EINVAL : 0;
	}
	case DOUBLE:
		v->type = AMF_NUMBER;
		v->number = reader_f64(c->r);
		return c->r->failed ? UV_EINVAL : 0;
	case STRING:
		v->type = AMF_STRING;
		return read_string(c, &v->text);
	case XML_DOCUMENT:
	case DATE:
	case ARRAY:
	case OBJECT:
	case XML:
	case BYTE_ARRAY:
	case VECTOR_INT:
	case VECTOR_UINT:
	case VECTOR_DOUBLE:
	case VECTOR_OBJECT:
		return read_referable(c, marker, depth, v);
	case DICTIONARY:
		return UV_ENOTSUP;
	}
	return UV_EINVAL;
}

static void context_init(struct context *c, struct amf_doc *doc, struct reader *r, unsigned depth) {
	*c = (struct context){.doc = doc,
	                      .r = r,
	                      .deepest = depth,
	                      .strings = {.size = sizeof(struct slice)},
	                      .objects = {.size = sizeof(struct object)},
	                      .traits = {.size = sizeof(struct traits)}};
}

static void context_fini(struct context *c) {
	free(c->strings.items);
	free(c->objects.items);
	free(c->traits.items);
}

int amf3_read_value(struct amf_doc *doc, struct reader *r, unsigned depth, struct amf_value *v) {
	struct context c;
	context_init(&c, doc, r, depth);
	int err = read_value(&c, depth, v);
	context_fini(&c);
	return err;
}

int amf3_read(struct reader *r, struct amf_doc **out) {
	struct amf_doc *doc = amf_doc_new();
	if (!doc)
		return UV_ENOMEM;
	struct context c;
	context_init(&c, doc, r, 0);
	int err = 0;
	while (!err && reader_left(r))
		err = add_member(&c, amf_doc_root(doc), (struct slice){NULL, 0}, 0);
	context_fini(&c);
	if (err)
		amf_doc_free(&doc);
	else
		*out = doc;
	return err;
}
