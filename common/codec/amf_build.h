/*
 * amf_build.h: how the two AMF readers make a document. Nobody else includes this.
 *
 * All return 0, UV_E2BIG past a limit of amf.h, or UV_ENOMEM.
 */
#pragma once

#include "common/base/reader.h"
#include "common/codec/amf.h"

/* An empty document; NULL when memory is out. */
struct amf_doc *amf_doc_new(void);

/* The root, to add to. */
struct amf_value *amf_doc_root(struct amf_doc *doc);

/* Uninitialised memory that lives as long as the document; NULL when memory is out. */
void *amf_doc_alloc(struct amf_doc *doc, size_t size);

/* What a document's content has been charged with so far. */
struct amf_charge {
	size_t elements, text;
};
struct amf_charge amf_doc_charged(const struct amf_doc *doc);

/* Counts content against the limits without making any: a reference costs what it refers to. */
int amf_doc_charge(struct amf_doc *doc, struct amf_charge charge);

/* Copies text into the document, with a NUL behind it. */
int amf_doc_text(struct amf_doc *doc, struct slice from, struct slice *out);

/* Adds an undefined member called `name` (not copied: the document's own) at the end of an object or array. */
int amf_doc_add(struct amf_doc *doc, struct amf_value *parent, struct slice name, struct amf_value **out);

/* Reads one AMF3 value into `v`, with reference tables of its own; `depth` counts the objects and arrays around it. */
int amf3_read_value(struct amf_doc *doc, struct reader *r, unsigned depth, struct amf_value *v);
