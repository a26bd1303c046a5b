/*
 * config_build.h: a configuration while it is put together. Internal to the configuration.
 */
#pragma once

#include "common/base/config_row.h"

struct config_override {
	char name[130]; /* of the app */
	struct config_app values;
	bool set[128]; /* which rows the file set for this app */
};

struct config {
	enum config_role role;
	struct config_node node;
	struct config_app defaults; /* app keys own no memory, so these may be copied */
	size_t app_count;
	struct config_override *apps;
};

struct config_build {
	struct config *config;
	struct buffer *why; /* mistakes, a line each */
	unsigned mistakes;
	int error;     /* UV_ENOMEM */
	bool set[128]; /* which rows the file has set */
};

/* Where a value stands, for messages; line 0: not in a file. */
struct config_place {
	const char *name;
	size_t line, column;
};

/* Notes a mistake. */
void config_mistake(struct config_build *b, const struct config_place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets one key, for one app (NULL: for the node or for all apps). `once`: a key that the file set already is a mistake.
 */
void config_assign(struct config_build *b, const struct config_place *place, struct config_override *app,
                   const char *section, const char *key, const char *const *texts, size_t count, bool once);

/* The overrides of an app, made if need be; NULL when memory is out (noted). */
struct config_override *config_override_get(struct config_build *b, const char *name);

/* config_yaml.c: reads the text and assigns what it says. */
void config_read_yaml(struct config_build *b, const char *name, struct slice yaml);
