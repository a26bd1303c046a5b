#include "common/codec/amf.h"

#include "common/codec/amf_build.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { ARENA_BLOCK = 4096 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) uint8_t data[];
};

struct amf_doc {
	struct arena_block *blocks; /* the newest first */
	struct amf_charge charged;
	struct amf_value root;
};

struct amf_doc *amf_doc_new(void) {
	struct amf_doc *doc = calloc(1, sizeof *doc);
	if (doc)
		doc->root.type = AMF_ARRAY;
	return doc;
}

void amf_doc_free(struct amf_doc **doc) {
	if (!*doc)
		return;
	for (struct arena_block *block = (*doc)->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(*doc);
	*doc = NULL;
}

struct amf_value *amf_doc_root(struct amf_doc *doc) {
	return &doc->root;
}

void *amf_doc_alloc(struct amf_doc *doc, size_t size) {
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct arena_block *block = doc->blocks;
	if (!block || block->size - block->used < size) {
		size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
		block = malloc(sizeof *block + room);
		if (!block)
			return NULL;
		*block = (struct arena_block){.next = doc->blocks, .size = room};
		doc->blocks = block;
	}
	void *at = block->data + block->used;
	block->used += size;
	return at;
}

struct amf_charge amf_doc_charged(const struct amf_doc *doc) {
	return doc->charged;
}

int amf_doc_charge(struct amf_doc *doc, struct amf_charge charge) {
	if (charge.elements > AMF_ELEMENTS_MAX - doc->charged.elements || charge.text > AMF_TEXT_MAX - doc->charged.text)
		return UV_E2BIG;
	doc->charged.elements += charge.elements;
	doc->charged.text += charge.text;
	return 0;
}

int amf_doc_text(struct amf_doc *doc, struct slice from, struct slice *out) {
	int err = amf_doc_charge(doc, (struct amf_charge){.text = from.size});
	if (err)
		return err;
	uint8_t *copy = amf_doc_alloc(doc, from.size + 1);
	if (!copy)
		return UV_ENOMEM;
	if (from.size)
		memcpy(copy, from.data, from.size);
	copy[from.size] = '\0';
	*out = (struct slice){copy, from.size};
	return 0;
}

int amf_doc_add(struct amf_doc *doc, struct amf_value *parent, struct slice name, struct amf_value **out) {
	int err = amf_doc_charge(doc, (struct amf_charge){.elements = 1});
	if (err)
		return err;
	struct amf_member *member = amf_doc_alloc(doc, sizeof *member);
	if (!member)
		return UV_ENOMEM;
	*member = (struct amf_member){.name = name, .value = {.type = AMF_UNDEFINED}};
	if (parent->members.last)
		parent->members.last->next = member;
	else
		parent->members.first = member;
	parent->members.last = member;
	parent->members.count++;
	*out = &member->value;
	return 0;
}

const struct amf_value *amf_root(const struct amf_doc *doc) {
	return &doc->root;
}

const struct amf_member *amf_members(const struct amf_value *v) {
	if (!v || (v->type != AMF_OBJECT && v->type != AMF_ECMA_ARRAY && v->type != AMF_ARRAY))
		return NULL;
	return v->members.first;
}

const struct amf_value *amf_at(const struct amf_value *v, size_t index) {
	const struct amf_member *m = amf_members(v);
	while (m && index--)
		m = m->next;
	return m ? &m->value : NULL;
}

static bool slice_is(struct slice s, const char *text) {
	size_t size = strlen(text);
	return s.size == size && (!size || !memcmp(s.data, text, size));
}

const struct amf_value *amf_get(const struct amf_value *v, const char *name) {
	const struct amf_value *found = NULL;
	for (const struct amf_member *m = amf_members(v); m; m = m->next)
		if (slice_is(m->name, name))
			found = &m->value;
	return v && v->type == AMF_ARRAY ? NULL : found;
}

double amf_number(const struct amf_value *v, double fallback) {
	return v && v->type == AMF_NUMBER ? v->number : fallback;
}

bool amf_boolean(const struct amf_value *v, bool fallback) {
	return v && v->type == AMF_BOOLEAN ? v->boolean : fallback;
}

const char *amf_string(const struct amf_value *v, const char *fallback) {
	return v && v->type == AMF_STRING ? (const char *)v->text.data : fallback;
}

struct slice amf_text(const struct amf_value *v) {
	if (!v || (v->type != AMF_STRING && v->type != AMF_XML && v->type != AMF_BYTES))
		return (struct slice){NULL, 0};
	return v->text;
}

bool amf_string_is(const struct amf_value *v, const char *text) {
	return v && v->type == AMF_STRING && slice_is(v->text, text);
}
