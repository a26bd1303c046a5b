#include "common/base/query.h"

#include <string.h>
#include <uv.h>

static int hex(char c) {
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

static int decode(const char *value, size_t length, char *out, size_t size) {
	size_t n = 0;
	for (size_t i = 0; i < length; i++) {
		char c = value[i] == '+' ? ' ' : value[i];
		if (c == '%') {
			int high = i + 2 < length ? hex(value[i + 1]) : -1, low = high < 0 ? -1 : hex(value[i + 2]);
			if (high < 0 || low < 0)
				return UV_EINVAL;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0' || n + 1 >= size)
			return UV_EINVAL;
		out[n++] = c;
	}
	out[n] = '\0';
	return (int)n;
}

int query_get(const char *query, const char *name, char *out, size_t size) {
	size_t name_length = strlen(name);
	for (const char *at = query; *at;) {
		const char *end = strchrnul(at, '&');
		if ((size_t)(end - at) > name_length && at[name_length] == '=' && strncmp(at, name, name_length) == 0)
			return decode(at + name_length + 1, (size_t)(end - at) - name_length - 1, out, size);
		at = *end ? end + 1 : end;
	}
	return UV_ENOENT;
}

int query_u64(const char *query, const char *name, uint64_t *out) {
	char text[24];
	uint64_t value = 0;
	int n = query_get(query, name, text, sizeof text);
	if (n < 0)
		return n;
	if (n == 0)
		return UV_EINVAL;
	for (const char *at = text; *at; at++) {
		if (*at < '0' || *at > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return UV_EINVAL;
	}
	*out = value;
	return 0;
}
