/*
 * config_row.h: the rows of config_table.h as data, and the texts of their values. Internal to the configuration.
 */
#pragma once

#include "common/base/config.h"

enum config_type {
	CONFIG_TYPE_string,
	CONFIG_TYPE_address,
	CONFIG_TYPE_addresses,
	CONFIG_TYPE_strings,
	CONFIG_TYPE_bool,
	CONFIG_TYPE_int,
	CONFIG_TYPE_duration,
	CONFIG_TYPE_size,
	CONFIG_TYPE_enum,
};

struct config_row {
	bool app; /* in struct config_app, else in struct config_node */
	enum config_type type;
	const char *section, *name;
	int roles;
	const char *text; /* the default, "A|B" by role */
	int64_t min, max;
	const char *choices;
	const char *help;
	size_t offset; /* of the field */
};

/* clang-format off */
enum {
	CONFIG_ROW_COUNT = 0
#define CONFIG_NODE(...) + 1
#define CONFIG_APP(...) + 1
#include "common/base/config_table.h"
#undef CONFIG_NODE
#undef CONFIG_APP
};
/* clang-format on */

extern const struct config_row config_rows[CONFIG_ROW_COUNT];

/* The row, or NULL. */
const struct config_row *config_row_find(const char *section, const char *name);

/* True if any role knows a key of this section. */
bool config_section_known(const char *section);

/* The row that the role knows whose key is nearest to what was written, or NULL if none is near. */
const struct config_row *config_row_nearest(enum config_role role, const char *section, const char *name);

/* The section that the role knows whose name is nearest, or NULL if none is near. */
const char *config_section_nearest(enum config_role role, const char *section);

/* True if it takes a list. */
bool config_row_is_list(const struct config_row *row);

/* True if the value must not appear in a message. */
bool config_row_secret(const struct config_row *row);

/* The default for a role, in `out`. */
void config_row_default(const struct config_row *row, enum config_role role, char *out, size_t size);

/* "a duration from 100ms to 10m", for messages and help. */
void config_row_expects(const struct config_row *row, struct buffer *out);

/* What a refused text of this row lacks beyond what is expected ("its unit is missing: ms, s, m or h"), or NULL. */
const char *config_row_hint(const struct config_row *row, const char *text);

/* Sets the field at `base` + offset from texts (one, but for lists). 0, UV_EINVAL (unchanged), or UV_ENOMEM. */
int config_value_set(void *base, const struct config_row *row, const char *const *texts, size_t count);

/* One text of a list. */
bool config_list_item_valid(const struct config_row *row, const char *text);

/* Frees what the field owns. */
void config_value_fini(void *base, const struct config_row *row);

/* Bytes of the field. */
size_t config_value_size(const struct config_row *row);

/* HOST:PORT, [IPv6]:PORT or unix:PATH by its form; whether the host exists is seen when it is used. */
bool config_address_valid(const char *text);

/* True if only this machine can reach the (valid) address: loopback, or a Unix socket. */
bool config_address_local(const char *text);

/* Durations and sizes as a user would write them. */
void config_print_duration(struct buffer *out, int64_t ms);
void config_print_size(struct buffer *out, int64_t bytes);
