#include "common/package/segment_name.h"

#include "common/stream/part_rule.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

/* Decimal digits as they are printed: no sign, no leading zero. Moves `*at` behind them. */
static bool read_decimal(const char **at, uint64_t *out) {
	const char *s = *at;
	uint64_t n = 0;
	if (*s == '0' && s[1] >= '0' && s[1] <= '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
			return false;
	if (s == *at)
		return false;
	*at = s;
	*out = n;
	return true;
}

static bool read_hex(const char **at, uint32_t *out) {
	uint32_t n = 0;
	for (int i = 0; i < 8; i++) {
		char c = (*at)[i];
		if (c >= '0' && c <= '9')
			n = n << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	*at += 8;
	*out = n;
	return true;
}

/* Behind the `t`. */
static int parse_time(struct segment_name *n, const char *s) {
	uint64_t time;
	if (!read_decimal(&s, &time) || time > INT64_MAX || strcmp(s, ".m4s") != 0)
		return UV_EINVAL;
	n->kind = NAME_TIME;
	n->time = (int64_t)time;
	return 0;
}

static int parse_file(struct segment_name *n, const char *s) {
	uint64_t part;
	if (strncmp(s, "init-", 5) == 0) {
		s += 5;
		n->kind = NAME_INIT;
		return read_hex(&s, &n->init) && strcmp(s, ".mp4") == 0 ? 0 : UV_EINVAL;
	}
	if (*s == 't')
		return parse_time(n, s + 1);
	if (!read_decimal(&s, &n->number) || *s++ != '.')
		return UV_EINVAL;
	if (strcmp(s, "m4s") == 0 || strcmp(s, "ts") == 0) {
		n->kind = *s == 'm' ? NAME_SEGMENT : NAME_TS;
		return 0;
	}
	if (!read_decimal(&s, &part) || part >= PARTS_MAX || strcmp(s, ".m4s") != 0)
		return UV_EINVAL;
	n->kind = NAME_PART;
	n->part = (uint32_t)part;
	return 0;
}

int segment_name_parse(struct segment_name *out, const char *epoch, const char *file) {
	struct segment_name n = {0};
	if (!read_decimal(&epoch, &n.epoch) || *epoch)
		return UV_EINVAL;
	int err = parse_file(&n, file);
	if (!err)
		*out = n;
	return err;
}

void segment_name_print(const struct segment_name *n, char out[SEGMENT_NAME_MAX]) {
	int used = snprintf(out, SEGMENT_NAME_MAX, "%" PRIu64 "/", n->epoch);
	char *at = out + used;
	size_t room = (size_t)(SEGMENT_NAME_MAX - used);
	switch (n->kind) {
	case NAME_INIT:
		snprintf(at, room, "init-%08" PRIx32 ".mp4", n->init);
		break;
	case NAME_SEGMENT:
		snprintf(at, room, "%" PRIu64 ".m4s", n->number);
		break;
	case NAME_PART:
		snprintf(at, room, "%" PRIu64 ".%" PRIu32 ".m4s", n->number, n->part);
		break;
	case NAME_TS:
		snprintf(at, room, "%" PRIu64 ".ts", n->number);
		break;
	case NAME_TIME:
		snprintf(at, room, "t%" PRId64 ".m4s", n->time);
		break;
	}
}

uint32_t segment_init_id(struct slice init) {
	uint32_t hash = 2166136261U;
	for (size_t i = 0; i < init.size; i++)
		hash = (hash ^ init.data[i]) * 16777619U;
	return hash;
}
