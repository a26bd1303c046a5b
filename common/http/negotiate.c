#include "common/http/negotiate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char gzip_suffix[] = "-gzip\"";

static const char *skip_space(const char *at) {
	return at + strspn(at, " \t");
}

/* --- tags --- */

void http_etag_gzip(const char *etag, char *out, unsigned size) {
	size_t n = strlen(etag);
	snprintf(out, size, "%.*s%s", (int)(n ? n - 1 : 0), etag, gzip_suffix);
}

static bool is_tag(const char *at, size_t size, const char *etag) {
	size_t n = strlen(etag), suffix = sizeof gzip_suffix - 1;
	if (size == n)
		return memcmp(at, etag, n) == 0;
	return n > 1 && size == n - 1 + suffix && memcmp(at, etag, n - 1) == 0 &&
	       memcmp(at + n - 1, gzip_suffix, suffix) == 0;
}

bool http_etag_matches(const char *list, const char *etag) {
	const char *at = skip_space(list);
	if (*at == '*')
		return true;
	if (strncmp(etag, "W/", 2) == 0)
		etag += 2;
	while (*at) {
		if (strncmp(at, "W/", 2) == 0)
			at += 2;
		const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
		if (!end)
			return false;
		if (is_tag(at, (size_t)(end + 1 - at), etag))
			return true;
		at = end + 1 + strspn(end + 1, ", \t");
	}
	return false;
}

bool http_if_range_holds(const char *text, const char *etag) {
	return strncmp(etag, "W/", 2) != 0 && strcmp(skip_space(text), etag) == 0;
}

/* --- ranges --- */

/* Digits; what is more than fits is as much as fits. False: none. */
static bool read_number(const char **at, uint64_t *out) {
	const char *from = *at;
	uint64_t n = 0;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		uint64_t digit = (uint64_t)(**at - '0');
		n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
	}
	*out = n;
	return *at > from;
}

static enum http_range suffix_range(uint64_t wanted, uint64_t size, uint64_t *first, uint64_t *last) {
	if (wanted == 0 || size == 0)
		return HTTP_RANGE_OUTSIDE;
	*first = wanted < size ? size - wanted : 0;
	*last = size - 1;
	return HTTP_RANGE_PART;
}

enum http_range http_range_parse(const char *text, uint64_t size, uint64_t *first, uint64_t *last) {
	uint64_t from, to = UINT64_MAX;
	if (strncasecmp(text, "bytes=", 6) != 0)
		return HTTP_RANGE_WHOLE;
	const char *at = skip_space(text + 6);
	bool suffix = *at == '-';
	if (suffix)
		at++;
	if (!read_number(&at, &from))
		return HTTP_RANGE_WHOLE;
	if (!suffix) {
		if (*at++ != '-')
			return HTTP_RANGE_WHOLE;
		if (*at >= '0' && *at <= '9' && !read_number(&at, &to))
			return HTTP_RANGE_WHOLE;
	}
	if (*skip_space(at) || to < from)
		return HTTP_RANGE_WHOLE;
	if (suffix)
		return suffix_range(from, size, first, last);
	if (from >= size)
		return HTTP_RANGE_OUTSIDE;
	*first = from;
	*last = to < size ? to : size - 1;
	return HTTP_RANGE_PART;
}

/* --- codings --- */

/* The weight of one coding's parameters is above 0. */
static bool has_weight(const char *at, const char *end) {
	while (at < end && (at = memchr(at, ';', (size_t)(end - at)))) {
		at = skip_space(at + 1);
		if ((*at == 'q' || *at == 'Q') && at[1] == '=')
			return strtod(at + 2, NULL) > 0;
	}
	return true;
}

bool http_accepts_gzip(const char *text) {
	bool any = false;
	for (const char *at = text; *at;) {
		at += strspn(at, ", \t");
		const char *end = at + strcspn(at, ",");
		size_t name = strcspn(at, ",; \t");
		if ((name == 4 && strncasecmp(at, "gzip", 4) == 0) || (name == 6 && strncasecmp(at, "x-gzip", 6) == 0))
			return has_weight(at, end);
		if (name == 1 && *at == '*')
			any = has_weight(at, end);
		at = end;
	}
	return any;
}
