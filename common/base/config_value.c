#include "common/base/config_row.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { TEXT_LONGEST = 1024 };

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit durations[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
static const struct unit sizes[] = {{"B", 1},     {"KiB", 1 << 10}, {"MiB", 1 << 20},  {"GiB", 1 << 30},
                                    {"kB", 1000}, {"MB", 1000000},  {"GB", 1000000000}};

/* --- from text --- */

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

/* Decimal, without a sign before zero or zeros before a number: those have meant octal to somebody. */
static int parse_int(const char *text, int64_t *out) {
	const char *digits = text + (text[0] == '-');
	char *end;
	if (!is_digit(digits[0]) || (digits[0] == '0' && (digits[1] || digits != text)))
		return UV_EINVAL;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (*end || errno)
		return UV_EINVAL;
	*out = v;
	return 0;
}

/* The end of digits with or without a fraction; `text` itself if it does not begin so. */
static const char *number_end(const char *text) {
	const char *at = text + strspn(text, "0123456789");
	if (at > text && at[0] == '.' && is_digit(at[1]))
		at += 1 + strspn(at + 1, "0123456789");
	return at;
}

static const struct unit *find_unit(const char *name, const struct unit *units, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, units[i].name) == 0)
			return &units[i];
	return NULL;
}

/* A decimal number and a unit, to the nearest of the smallest unit but never to 0; only 0 needs no unit. */
static int parse_unit(const char *text, const struct unit *units, size_t count, int64_t *out) {
	const char *end = number_end(text);
	const struct unit *unit = find_unit(end, units, count);
	if (strcmp(text, "0") == 0) {
		*out = 0;
		return 0;
	}
	if (end == text || !unit)
		return UV_EINVAL;
	double v = strtod(text, NULL), scaled = v * (double)unit->factor;
	if (scaled >= 9e18 || (v > 0 && llround(scaled) == 0)) /* past the widest range that a row can have; finer */
		return UV_EINVAL;
	*out = llround(scaled);
	return 0;
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

/* One line: texts go into log lines, names and headers. */
static bool is_text(const char *text) {
	size_t n = 0;
	for (; text[n]; n++)
		if ((unsigned char)text[n] < ' ' || text[n] == 0x7f)
			return false;
	return n <= TEXT_LONGEST;
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

bool config_list_item_valid(const struct config_row *row, const char *text) {
	return row->type == CONFIG_TYPE_addresses ? config_address_valid(text) : *text && is_text(text);
}

static int set_list(struct config_list *field, const struct config_row *row, const char *const *texts, size_t count) {
	struct config_list list = {0};
	if (strcmp(row->choices, "empty") == 0 && (count == 0 || (count == 1 && !*texts[0]))) {
		list_fini(field);
		return 0;
	}
	if (count == 0 || count > CONFIG_LIST_MAX)
		return UV_EINVAL;
	for (size_t i = 0; i < count; i++)
		if (!config_list_item_valid(row, texts[i]))
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
	if (row->type == CONFIG_TYPE_duration && *row->choices && strcmp(text, row->choices) == 0) {
		*field = CONFIG_WORD;
		return 0;
	}
	int err = row->type == CONFIG_TYPE_int        ? parse_int(text, &v)
	          : row->type == CONFIG_TYPE_duration ? parse_unit(text, durations, LENGTH(durations), &v)
	                                              : parse_unit(text, sizes, LENGTH(sizes), &v);
	if (err || (row->max && (v < row->min || v > row->max)))
		return UV_EINVAL;
	*field = v;
	return 0;
}

int config_value_set(void *base, const struct config_row *row, const char *const *texts, size_t count) {
	void *field = (char *)base + row->offset;
	if (config_row_is_list(row))
		return set_list(field, row, texts, count);
	if (count != 1)
		return UV_EINVAL;
	bool may_be_empty = strcmp(row->choices, "empty") == 0;
	switch (row->type) {
	case CONFIG_TYPE_string:
		return (*texts[0] || may_be_empty) && is_text(texts[0]) ? set_string(field, texts[0]) : UV_EINVAL;
	case CONFIG_TYPE_address:
		return config_address_valid(texts[0]) || (!*texts[0] && may_be_empty) ? set_string(field, texts[0]) : UV_EINVAL;
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
	else if (config_row_is_list(row))
		list_fini(field);
}

size_t config_value_size(const struct config_row *row) {
	static const size_t sizes_of[] = {
	    [CONFIG_TYPE_string] = sizeof(config_string),       [CONFIG_TYPE_address] = sizeof(config_address),
	    [CONFIG_TYPE_addresses] = sizeof(config_addresses), [CONFIG_TYPE_strings] = sizeof(config_strings),
	    [CONFIG_TYPE_bool] = sizeof(config_bool),           [CONFIG_TYPE_int] = sizeof(config_int),
	    [CONFIG_TYPE_duration] = sizeof(config_duration),   [CONFIG_TYPE_size] = sizeof(config_size),
	    [CONFIG_TYPE_enum] = sizeof(config_enum),
	};
	return sizes_of[row->type];
}

/* --- to text --- */

static void print_unit(struct buffer *out, int64_t v, const struct unit *units, size_t count) {
	const struct unit *best = &units[0];
	if (v == 0) {
		buffer_append_string(out, "0");
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (v % units[i].factor == 0 && units[i].factor > best->factor)
			best = &units[i];
	buffer_printf(out, "%lld%s", (long long)(v / best->factor), best->name);
}

void config_print_duration(struct buffer *out, int64_t ms) {
	print_unit(out, ms, durations, LENGTH(durations));
}

void config_print_size(struct buffer *out, int64_t bytes) {
	print_unit(out, bytes, sizes, 4); /* not the decimal ones */
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

static void print_choices(struct buffer *out, const char *choices) {
	buffer_append_string(out, strchr(choices, ',') ? "one of " : "");
	for (const char *c = choices; *c; c++) {
		buffer_u8(out, (uint8_t)*c);
		if (*c == ',')
			buffer_u8(out, ' ');
	}
}

void config_row_expects(const struct config_row *row, struct buffer *out) {
	const char *or_empty = strcmp(row->choices, "empty") == 0 ? ", or \"\"" : "";
	switch (row->type) {
	case CONFIG_TYPE_string:
		buffer_printf(out, "a line of text%s", or_empty);
		break;
	case CONFIG_TYPE_address:
		buffer_printf(out, "HOST:PORT, [IPv6]:PORT or unix:PATH%s", or_empty);
		break;
	case CONFIG_TYPE_addresses:
		buffer_printf(out, "a list of %s to %d addresses HOST:PORT, [IPv6]:PORT or unix:PATH", *or_empty ? "0" : "1",
		              CONFIG_LIST_MAX);
		break;
	case CONFIG_TYPE_strings:
		buffer_printf(out, "a list of up to %d texts", CONFIG_LIST_MAX);
		break;
	case CONFIG_TYPE_bool:
		buffer_append_string(out, "true or false");
		break;
	case CONFIG_TYPE_enum:
		print_choices(out, row->choices);
		break;
	case CONFIG_TYPE_int:
		buffer_append_string(out, "a whole number");
		print_range(out, row, print_number);
		break;
	case CONFIG_TYPE_duration:
		buffer_append_string(out, "a duration");
		print_range(out, row, config_print_duration);
		if (*row->choices)
			buffer_printf(out, ", or %s", row->choices);
		break;
	case CONFIG_TYPE_size:
		buffer_append_string(out, "a size");
		print_range(out, row, config_print_size);
		break;
	}
}

const char *config_row_hint(const struct config_row *row, const char *text) {
	const char *end = number_end(text);
	bool has_number = end > text;
	if (row->type == CONFIG_TYPE_duration && has_number && !find_unit(end, durations, LENGTH(durations)))
		return *end ? "its unit is one of ms, s, m, h" : "its unit is missing: ms, s, m or h";
	if (row->type == CONFIG_TYPE_size && has_number && !find_unit(end, sizes, LENGTH(sizes)))
		return *end ? "its unit is one of B, KiB, MiB, GiB, kB, MB, GB" : "its unit is missing: B, KiB, MiB or GiB";
	return NULL;
}
