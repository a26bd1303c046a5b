#include "common/base/config_row.h"

#include <stdio.h>
#include <string.h>

enum { ROLES_ORIGIN = CONFIG_ORIGIN, ROLES_EDGE = CONFIG_EDGE, ROLES_BOTH = CONFIG_ORIGIN | CONFIG_EDGE };

#define ROW(is_app, holder, type, section, name, roles, text, min, max, choices, help)                                 \
	{is_app,                                                                                                           \
	 CONFIG_TYPE_##type,                                                                                               \
	 #section,                                                                                                         \
	 #name,                                                                                                            \
	 ROLES_##roles,                                                                                                    \
	 text,                                                                                                             \
	 min,                                                                                                              \
	 max,                                                                                                              \
	 choices,                                                                                                          \
	 help,                                                                                                             \
	 offsetof(struct holder, section##_##name)},

/* <stdbool.h>'s macro would expand on a type's way to ROW. */
#pragma push_macro("bool")
#undef bool
const struct config_row config_rows[CONFIG_ROW_COUNT] = {
#define CONFIG_NODE(...) ROW(false, config_node, __VA_ARGS__)
#define CONFIG_APP(...) ROW(true, config_app, __VA_ARGS__)
#include "common/base/config_table.h"
#undef CONFIG_NODE
#undef CONFIG_APP
};
#pragma pop_macro("bool")

const struct config_row *config_row_find(const char *section, const char *name) {
	for (size_t i = 0; i < CONFIG_ROW_COUNT; i++)
		if (strcmp(config_rows[i].section, section) == 0 && strcmp(config_rows[i].name, name) == 0)
			return &config_rows[i];
	return NULL;
}

bool config_section_known(const char *section) {
	for (size_t i = 0; i < CONFIG_ROW_COUNT; i++)
		if (strcmp(config_rows[i].section, section) == 0)
			return true;
	return false;
}

bool config_row_is_list(const struct config_row *row) {
	return row->type == CONFIG_TYPE_addresses || row->type == CONFIG_TYPE_strings;
}

bool config_row_secret(const struct config_row *row) {
	static const char *const endings[] = {"secret", "password", "token"};
	size_t size = strlen(row->name);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t n = strlen(endings[i]);
		if (size >= n && strcmp(row->name + size - n, endings[i]) == 0)
			return true;
	}
	return false;
}

/* Levenshtein's distance; long texts are far from everything. */
static unsigned distance(const char *a, const char *b) {
	enum { LONGEST = 80 };
	unsigned row[LONGEST + 1];
	size_t na = strlen(a), nb = strlen(b);
	if (na > LONGEST || nb > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[nb];
}

/* From this distance on a suggestion would be a guess. */
static unsigned near_enough(const char *written) {
	return (unsigned)strlen(written) / 2 + 1;
}

const struct config_row *config_row_nearest(enum config_role role, const char *section, const char *name) {
	char written[160], key[160];
	const struct config_row *nearest = NULL;
	snprintf(written, sizeof written, "%.70s.%.70s", section, name);
	unsigned least = near_enough(written);
	for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
		const struct config_row *row = &config_rows[i];
		snprintf(key, sizeof key, "%s.%s", row->section, row->name);
		unsigned d = distance(written, key);
		if (row->roles & (int)role && d < least) {
			least = d;
			nearest = row;
		}
	}
	return nearest;
}

const char *config_section_nearest(enum config_role role, const char *section) {
	const char *nearest = NULL;
	unsigned least = near_enough(section);
	for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
		unsigned d = distance(section, config_rows[i].section);
		if (config_rows[i].roles & (int)role && d < least) {
			least = d;
			nearest = config_rows[i].section;
		}
	}
	return nearest;
}

void config_row_default(const struct config_row *row, enum config_role role, char *out, size_t size) {
	const char *bar = strchr(row->text, '|');
	if (!bar)
		snprintf(out, size, "%s", row->text);
	else if (role == CONFIG_ORIGIN)
		snprintf(out, size, "%.*s", (int)(bar - row->text), row->text);
	else
		snprintf(out, size, "%s", bar + 1);
}
