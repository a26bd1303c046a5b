/*
 * config_row.h: the rows of config_table.h as data, and the texts of their values. Internal to the configuration.
 */
#pragma once

#include "common/base/config.h"

enum config_type {
	CONFIG_TYPE_string,
	CONFIG_TYPE_address,
	CONFIG_TYPE_addresses,
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

extern const struct config_row config_rows[];
extern const size_t config_row_count;

/* The row, or NULL. */
const struct config_row *config_row_find(const char *section, const char *name);

/* The key of a row that the role knows which is nearest to what was written, or NULL if none is near. */
const struct config_row *config_row_nearest(enum config_role role, const char *section, const char *name);

/* The default for a role, in `out`. */
void config_row_default(const struct config_row *row, enum config_role role, char *out, size_t size);

/* "a duration from 100ms to 10m", for messages and help. */
void config_row_expects(const struct config_row *row, struct buffer *out);

/* Sets the field at `base` + offset from texts (one, but for addresses). 0, UV_EINVAL (unchanged), or UV_ENOMEM. */
int config_value_set(void *base, const struct config_row *row, const char *const *texts, size_t count);

/* Frees what the field owns. */
void config_value_fini(void *base, const struct config_row *row);

/* Durations and sizes as a user would write them. */
void config_print_duration(struct buffer *out, int64_t ms);
void config_print_size(struct buffer *out, int64_t bytes);
