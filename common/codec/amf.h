/*
 * amf.h: a tree of values read from AMF0 (AMF 0 File Format Specification) or AMF3 (Amf-File-Format, January 2013).
 *
 * A document owns all its values and their text in one arena: read by amf0_read or amf3_read, constant after that,
 * freed once by its owner. Any thread may read it. Text is a copy of the peer's bytes with a NUL behind it, of any
 * content.
 *
 * Every getter takes NULL, and a value of another type, and then gives its fallback: a path through a peer's object
 * needs no checks on its way.
 *
 *     const struct amf_value *object = amf_at(amf_root(doc), 2);
 *     const char *app = amf_string(amf_get(object, "app"), "");
 */
#pragma once

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a peer's message may hold; beyond it reading fails with UV_E2BIG. */
enum {
	AMF_DEPTH_MAX = 16,       /* objects and arrays inside each other */
	AMF_ELEMENTS_MAX = 32768, /* values, references to them counted in full */
	AMF_TEXT_MAX = 16 << 20,  /* bytes of strings and names, references counted in full */
};

enum amf_type {
	AMF_UNDEFINED, /* also AMF0's "unsupported" */
	AMF_NULL,
	AMF_BOOLEAN,
	AMF_NUMBER, /* also AMF3's integer */
	AMF_STRING,
	AMF_OBJECT,     /* named members; class_name if it is typed */
	AMF_ECMA_ARRAY, /* named members */
	AMF_ARRAY,      /* members without names; also AMF3's vectors */
	AMF_DATE,       /* number: milliseconds since the Unix epoch */
	AMF_XML,
	AMF_BYTES, /* AMF3 only */
};

struct amf_value {
	enum amf_type type;
	union {
		bool boolean;
		double number;     /* NUMBER, DATE */
		struct slice text; /* STRING, XML, BYTES; data[size] is NUL */
		struct {           /* OBJECT, ECMA_ARRAY, ARRAY */
			struct amf_member *first, *last;
			uint32_t count;
		} members;
	};
	struct slice class_name; /* OBJECT and vectors of objects; size 0: none */
};

struct amf_member {
	struct amf_member *next;
	struct slice name; /* size 0 in arrays */
	struct amf_value value;
};

struct amf_doc;

/* Frees the document and all it holds, and nulls the pointer. NULL is allowed. */
void amf_doc_free(struct amf_doc **doc);

/* An AMF_ARRAY of the values that were read, in order. Never NULL. */
const struct amf_value *amf_root(const struct amf_doc *doc);

/* The first member of an object or array, NULL if there is none: walk by `next`. */
const struct amf_member *amf_members(const struct amf_value *v);

/* The member at `index` of an object or array, counted from 0; NULL if there is none. */
const struct amf_value *amf_at(const struct amf_value *v, size_t index);

/* The member called `name`, the last one where a peer repeats it; NULL if there is none. */
const struct amf_value *amf_get(const struct amf_value *v, const char *name);

double amf_number(const struct amf_value *v, double fallback);
bool amf_boolean(const struct amf_value *v, bool fallback);

/* A string's text, up to its first NUL. */
const char *amf_string(const struct amf_value *v, const char *fallback);

/* A string's, XML's or byte array's whole content; size 0 otherwise. */
struct slice amf_text(const struct amf_value *v);

/* True for a string of exactly these bytes. */
bool amf_string_is(const struct amf_value *v, const char *text);
