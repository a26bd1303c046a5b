/*
 * fields.h: the header fields of a request that a handler may ask for. All others are forgotten as they are read.
 *
 * All zero is empty. The texts are valid until http_fields_fini.
 */
#pragma once

#include "common/base/buffer.h"

enum http_field {
	HTTP_FIELD_ACCEPT,
	HTTP_FIELD_ACCEPT_ENCODING,
	HTTP_FIELD_AUTHORIZATION,
	HTTP_FIELD_FORWARDED,
	HTTP_FIELD_HOST,
	HTTP_FIELD_IF_NONE_MATCH,
	HTTP_FIELD_IF_RANGE,
	HTTP_FIELD_ORIGIN,
	HTTP_FIELD_RANGE,
	HTTP_FIELD_USER_AGENT,
	HTTP_FIELD_VIA,
	HTTP_FIELD_X_FORWARDED_FOR,
	HTTP_FIELD_X_REAL_IP,
	HTTP_FIELD_COUNT
};

struct http_fields {
	struct buffer texts; /* for each: the field's number, its text, a NUL */
};

/* Keeps a field if it is one of those above; names in any case. 0 or UV_ENOMEM. How much a client may send is the
 * caller's limit. */
int http_fields_add(struct http_fields *f, struct slice name, struct slice value);

/* The text, or NULL. */
const char *http_fields_get(const struct http_fields *f, enum http_field field);

void http_fields_fini(struct http_fields *f);
