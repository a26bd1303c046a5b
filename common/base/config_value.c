#include "common/base/config_row.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit durations[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
static const struct unit sizes[] = {{"B", 1},     {"KiB", 1 << 10}, {"MiB", 1 << 20},  {"GiB", 1 << 30},
                                    {"kB", 1000}, {"MB", 1000000},  {"GB", 1000000000}};

/* --- from text --- */

static int parse_int(const char *text, int64_t *out) {
	char *end;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	bool digits = text[0] == '-' ? text[1] >= '0' && text[1] <= '9' : text[0] >= '0' && text[0] <= '9';
	if (!digits || *end || errno)
		return UV_EINVAL;
	*out = v;
	return 0;
}

/* A decimal number and a unit; only 0 needs none. */
static int parse_unit(const char *text, const struct unit *units, size_t count, int64_t *out) {
	char *end;
	if (strcmp(text, "0") == 0) {
		*out = 0;
		return 0;
	}
	if (text[0] < '0' || text[0] > '9' || text[1] == 'x' || text[1] == 'X')
		return UV_EINVAL;
	double v = strtod(text, &end);
	for (size_t i = 0; i < count; i++) {
		double scaled = v * (double)units[i].factor;
		if (strcmp(end, units[i].name) == 0 && isfinite(scaled) && scaled < 9e18) {
			*out = llround(scaled);
			return 0;
		}
	}
	return UV_EINVAL;
}

static int parse_bool(const char *text, bool *out) {
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(text, words[i]) == 0) {
			*out = i % 2;
			return 0;
		}
	return UV_EINVAL;
}

static int parse_enum(const char *text, const char *choices, int *out) {
	size_t size = strlen(text);
	int index = 0;
	for (const char *at = choices; at; index++) {
		const char *comma = strchr(at, ',');
		size_t n = comma ? (size_t)(comma - at) : strlen(at);
		if (n == size && memcmp(at, text, n) == 0) {
			*out = index;
			return 0;
		}
		at = comma ? comma + 1 : NULL;
	}
	return UV_EINVAL;
}

/* HOST:PORT, [IPv6]:PORT or unix:PATH; whether the host exists is seen when it is used. */
static bool is_address(const char *text) {
	if (strncmp(text, "unix:", 5) == 0)
		return text[5] != '\0' && strlen(text) < 105;
	const char *colon = strrchr(text, ':');
	int64_t port;
	if (!colon || colon == text || colon[1] < '0' || colon[1] > '9' || parse_int(colon + 1, &port) || port > 65535 ||
	    strlen(text) > 255 || strpbrk(text, " \t/,"))
		return false;
	if (*text == '[')
		return colon[-1] == ']' && colon - text > 2;
	return !memchr(text, ':', (size_t)(colon - text));
}

static int set_string(char **field, const char *text) {
	char *copy = strdup(text);
	if (!copy)
		return UV_ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static void list_fini(struct config_list *list) {
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	list->count = 0;
}

static int set_list(struct config_list *field, const char *const *texts, size_t count) {
	struct config_list list = {0};
	if (count == 0 || count > CONFIG_LIST_MAX)
		return UV_EINVAL;
	for (size_t i = 0; i < count; i++)
		if (!is_address(texts[i]))
			return UV_EINVAL;
	for (size_t i = 0; i < count; i++) {
		list.items[i] = strdup(texts[i]);
		if (!list.items[i]) {
			list_fini(&list);
			return UV_ENOMEM;
		}
		list.count++;
	}
	list_fini(field);
	*field = list;
	return 0;
}

static int set_number(const struct config_row *row, const char *text, int64_t *field) {
	int64_t v = 0;
	int err = row->type == CONFIG_TYPE_int ? parse_int(text, &v)
	          : row->type == CONFIG_TYPE_duration
	              ? parse_unit(text, durations, sizeof durations / sizeof *durations, &v)
	              : parse_unit(text, sizes, sizeof sizes / sizeof *sizes, &v);
	if (err || (row->max && (v < row->min || v > row->max)))
		return UV_EINVAL;
	*field = v;
	return 0;
}

int config_value_set(void *base, const struct config_row *row, const char *const *texts, size_t count) {
	void *field = (char *)base + row->offset;
	if (row->type == CONFIG_TYPE_addresses)
		return set_list(field, texts, count);
	if (count != 1)
		return UV_EINVAL;
	bool may_be_empty = strcmp(row->choices, "empty") == 0;
	switch (row->type) {
	case CONFIG_TYPE_string:
		return *texts[0] || may_be_empty ? set_string(field, texts[0]) : UV_EINVAL;
	case CONFIG_TYPE_address:
		return is_address(texts[0]) || (!*texts[0] && may_be_empty) ? set_string(field, texts[0]) : UV_EINVAL;
	case CONFIG_TYPE_bool:
		return parse_bool(texts[0], field);
	case CONFIG_TYPE_enum:
		return parse_enum(texts[0], row->choices, field);
	default:
		return set_number(row, texts[0], field);
	}
}

void config_value_fini(void *base, const struct config_row *row) {
	void *field = (char *)base + row->offset;
	if (row->type == CONFIG_TYPE_string || row->type == CONFIG_TYPE_address)
		free(*(char **)field);
	else if (row->type == CONFIG_TYPE_addresses)
		list_fini(field);
}

/* --- to text --- */

static void print_unit(struct buffer *out, int64_t v, const struct unit *units, size_t count) {
	const struct unit *best = &units[0];
	for (size_t i = 0; i < count; i++)
		if (v && v % units[i].factor == 0 && units[i].factor > best->factor)
			best = &units[i];
	buffer_printf(out, "%lld%s", (long long)(v / best->factor), best->name);
}

void config_print_duration(struct buffer *out, int64_t ms) {
	print_unit(out, ms, durations, sizeof durations / sizeof *durations);
}

void config_print_size(struct buffer *out, int64_t bytes) {
	print_unit(out, bytes, sizes, 4);
}

static void print_range(struct buffer *out, const struct config_row *row,
                        void (*print)(struct buffer *out, int64_t v)) {
	if (!row->max)
		return;
	buffer_append_string(out, " from ");
	print(out, row->min);
	buffer_append_string(out, " to ");
	print(out, row->max);
}

static void print_number(struct buffer *out, int64_t v) {
	buffer_printf(out, "%lld", (long long)v);
}

void config_row_expects(const struct config_row *row, struct buffer *out) {
	const char *or_empty = strcmp(row->choices, "empty") == 0 ? ", or empty" : "";
	switch (row->type) {
	case CONFIG_TYPE_string:
		buffer_printf(out, "a text%s", or_empty);
		break;
	case CONFIG_TYPE_address:
		buffer_printf(out, "HOST:PORT, [IPv6]:PORT or unix:PATH%s", or_empty);
		break;
	case CONFIG_TYPE_addresses:
		buffer_printf(out, "a list of 1 to %d addresses HOST:PORT, [IPv6]:PORT or unix:PATH", CONFIG_LIST_MAX);
		break;
	case CONFIG_TYPE_bool:
		buffer_append_string(out, "true or false");
		break;
	case CONFIG_TYPE_enum:
		buffer_printf(out, "one of %s", row->choices);
		break;
	case CONFIG_TYPE_int:
		buffer_append_string(out, "a whole number");
		print_range(out, row, print_number);
		break;
	case CONFIG_TYPE_duration:
		buffer_append_string(out, "a duration with its unit (ms, s, m, h)");
		print_range(out, row, config_print_duration);
		break;
	case CONFIG_TYPE_size:
		buffer_append_string(out, "a size with its unit (B, KiB, MiB, GiB)");
		print_range(out, row, config_print_size);
		break;
	}
}
