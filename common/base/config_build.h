/*
 * config_build.h: a configuration while it is put together. Internal to the configuration.
 */
#pragma once

#include "common/base/config_row.h"
#include "common/base/name.h"

/* An app's own values. A row that the file does not set here is borrowed from the defaults. */
struct config_override {
	char name[NAME_MAX_SIZE + 1]; /* of the app */
	struct config_app values;
	bool set[CONFIG_ROW_COUNT];
};

struct config {
	enum config_role role;
	struct config_node node;
	struct config_app defaults;
	size_t app_count;
	struct config_override *apps;
};

struct config_build {
	struct config *config;
	struct buffer *why; /* mistakes, a line each */
	unsigned mistakes;
	int error;                     /* UV_ENOMEM */
	size_t line[CONFIG_ROW_COUNT]; /* where the file set the row for the node or for all apps; 0: it did not */
};

/* Where a value stands, for messages. */
struct config_place {
	const char *name;    /* of the file or the variable */
	size_t line, column; /* 0: not in a file */
	bool is_variable;    /* of the environment */
};

/* Notes a mistake. `place` may be NULL: it is about several values. */
void config_mistake(struct config_build *b, const struct config_place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Sets one key from its texts, for one app (NULL: for the node or for all apps), or notes what is wrong. A key that
 * another place in the file has set is a mistake; other sources override.
 */
void config_assign(struct config_build *b, const struct config_place *place, struct config_override *app,
                   const char *section, const char *key, const char *const *texts, size_t count);

/* The overrides of an app, made if need be; NULL when memory is out (noted). */
struct config_override *config_override_get(struct config_build *b, const char *name);

/* config_yaml.c: reads the text and assigns what it says. */
void config_read_yaml(struct config_build *b, const char *name, struct slice yaml);

/* config_check.c: notes what no key alone can tell. For a configuration that is complete. */
void config_check(struct config_build *b);
