#include "common/http/fields.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *text;
	size_t size;
} names[HTTP_FIELD_COUNT] = {
#define NAME(text)                                                                                                     \
	{ text, sizeof(text) - 1 }
    [HTTP_FIELD_ACCEPT] = NAME("accept"),
    [HTTP_FIELD_ACCEPT_ENCODING] = NAME("accept-encoding"),
    [HTTP_FIELD_AUTHORIZATION] = NAME("authorization"),
    [HTTP_FIELD_FORWARDED] = NAME("forwarded"),
    [HTTP_FIELD_HOST] = NAME("host"),
    [HTTP_FIELD_IF_NONE_MATCH] = NAME("if-none-match"),
    [HTTP_FIELD_IF_RANGE] = NAME("if-range"),
    [HTTP_FIELD_ORIGIN] = NAME("origin"),
    [HTTP_FIELD_RANGE] = NAME("range"),
    [HTTP_FIELD_USER_AGENT] = NAME("user-agent"),
    [HTTP_FIELD_VIA] = NAME("via"),
    [HTTP_FIELD_X_FORWARDED_FOR] = NAME("x-forwarded-for"),
    [HTTP_FIELD_X_REAL_IP] = NAME("x-real-ip"),
#undef NAME
};

static int field_of(struct slice name) {
	for (int i = 0; i < HTTP_FIELD_COUNT; i++)
		if (names[i].size == name.size && strncasecmp(names[i].text, (const char *)name.data, name.size) == 0)
			return i;
	return -1;
}

const char *http_fields_get(const struct http_fields *f, enum http_field field) {
	struct slice s = buffer_slice(&f->texts);
	for (size_t at = 0; at < s.size;) {
		const char *text = (const char *)s.data + at + 1;
		if (s.data[at] == field)
			return text;
		at += 1 + strlen(text) + 1;
	}
	return NULL;
}

/* A value has no NUL: what has one is not HTTP, and http1_parser and nghttp2 refuse it. */
static void append(struct http_fields *f, int field, const char *before, struct slice value) {
	buffer_u8(&f->texts, (uint8_t)field);
	if (before) {
		buffer_append_string(&f->texts, before);
		buffer_append_string(&f->texts, ", ");
	}
	buffer_append(&f->texts, value.data, strnlen((const char *)value.data, value.size));
	buffer_u8(&f->texts, 0);
}

/* Joined texts are written anew, and the earlier one taken out. */
static void join(struct http_fields *f, int field, const char *earlier, struct slice value) {
	struct buffer old = f->texts;
	struct slice s = buffer_slice(&old);
	buffer_init(&f->texts, 0);
	for (size_t at = 0; at < s.size;) {
		const char *text = (const char *)s.data + at + 1;
		size_t size = 1 + strlen(text) + 1;
		if (text != earlier)
			buffer_append(&f->texts, s.data + at, size);
		at += size;
	}
	append(f, field, earlier, value);
	buffer_fini(&old);
}

int http_fields_add(struct http_fields *f, struct slice name, struct slice value) {
	int field = field_of(name);
	if (field < 0)
		return 0;
	const char *earlier = http_fields_get(f, (enum http_field)field);
	if (earlier)
		join(f, field, earlier, value);
	else
		append(f, field, NULL, value);
	return buffer_error(&f->texts);
}

void http_fields_fini(struct http_fields *f) {
	buffer_fini(&f->texts);
}
