/*
 * config.h: a node's configuration, from defaults, a YAML file and the environment, checked against one table.
 *
 * The table is common/base/config_table.h: from it come the fields of `struct config`, the checks, `--help`
 * and docs/configuration.md. Keys are `section.name`; in the environment WEIR_SECTION__NAME. A key of the app kind is
 * set for all apps at the top level or under `defaults:` (not in both), for one under `apps: NAME:`, and is read with
 * `config_app`. Built once in main, then never changed: every thread may read it.
 */
#pragma once

#include "common/base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_role { CONFIG_ORIGIN = 1, CONFIG_EDGE = 2 };

enum { CONFIG_LIST_MAX = 64, CONFIG_WORD = -1 /* a duration for which its row's word was given */ };

/* Strings are owned by the config. */
struct config_list {
	size_t count;
	char *items[CONFIG_LIST_MAX];
};

/* What the table's types are in C: durations in milliseconds, sizes in bytes, addresses "HOST:PORT" or "unix:PATH". */
typedef char *config_string;
typedef char *config_address; /* "" is "off" where the table's row allows it */
typedef bool config_bool;
typedef int64_t config_int;
typedef int64_t config_duration;
typedef int64_t config_size;
typedef int config_enum; /* index into the row's choices, named below */
typedef struct config_list config_addresses;
typedef struct config_list config_strings;

/* The choices of the enum keys, in the table's order; logging.level and logging.format are logger.h's enums. */
enum { CONFIG_BACKEND_STATIC, CONFIG_BACKEND_REDIS };                        /* registry.backend */
enum { CONFIG_TLS_1_2, CONFIG_TLS_1_3 };                                     /* https.min_version */
enum { CONFIG_SECOND_TAKEOVER, CONFIG_SECOND_REJECT, CONFIG_SECOND_BACKUP }; /* ingest.second */
enum { CONFIG_FAILBACK_MANUAL, CONFIG_FAILBACK_AUTO };                       /* ingest.failback */

/* The keys that an app may override. Fields are named section_name, e.g. `stream_grace` (milliseconds). */
struct config_app {
#define CONFIG_APP(type, section, name, roles, dflt, min, max, choices, help) config_##type section##_##name;
#define CONFIG_NODE(...)
#include "common/base/config_table.h"
#undef CONFIG_APP
#undef CONFIG_NODE
};

/* The keys of the whole node. */
struct config_node {
#define CONFIG_APP(...)
#define CONFIG_NODE(type, section, name, roles, dflt, min, max, choices, help) config_##type section##_##name;
#include "common/base/config_table.h"
#undef CONFIG_APP
#undef CONFIG_NODE
};

struct config;

/* Where values come from, weakest first; each may be left out (NULL, empty). */
struct config_sources {
	const char *name;         /* of the YAML text, for messages: the file's */
	struct slice yaml;        /* the text itself */
	char *const *environment; /* "K=V" strings, NULL-terminated; only WEIR_…__… are looked at */
	char *const *overrides;   /* "section.name=VALUE", NULL-terminated: the command line's */
};

/*
 * Builds a configuration for `role`. 0 and the configuration in `*out` (free with config_free); or UV_EINVAL with every
 * mistake in `why`, a line each (the first 50, then how many more): NAME:LINE:COLUMN: section.key: what was found and
 * what was expected, and for an unknown key the nearest right one; or UV_ENOMEM. Values of secrets are not repeated.
 */
int config_parse(struct config **out, enum config_role role, const struct config_sources *from, struct buffer *why);

/*
 * Reads the file `from->name` (its `yaml` is not looked at; a NULL name: no file) and parses. Blocks: for main. Fails
 * also with the code of a read that failed, or UV_E2BIG for a file over 1 MiB, told in `why`.
 */
int config_load(struct config **out, enum config_role role, const struct config_sources *from, struct buffer *why);

void config_free(struct config **c);

/* The keys of the node; never NULL. */
const struct config_node *config_node(const struct config *c);

/* The keys for app `app` (size bytes, no NUL needed): its own, else the defaults. Never NULL. */
const struct config_app *config_app(const struct config *c, const char *app, size_t size);

/* The name of the nth app (from 0) that has keys of its own, and those in `*app` (may be NULL); NULL: there are no
 * more.
 */
const char *config_app_name(const struct config *c, size_t nth, const struct config_app **app);

/* How long a viewer may be silent before it is taken to have vanished: not less than it may take nothing. In ms. */
uint32_t config_viewer_timeout(const struct config *c);

/* `--help`'s list of keys for a role, and docs/configuration.md for both. */
void config_print_help(enum config_role role, struct buffer *out);
void config_print_markdown(struct buffer *out);
