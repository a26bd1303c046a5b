#include "common/base/config_build.h"
#include "common/base/name.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <yaml.h>

struct walk {
	struct config_build *build;
	yaml_document_t *document;
	const char *name;
};

static struct config_place place_of(const struct walk *w, const yaml_node_t *n) {
	return (struct config_place){w->name, n->start_mark.line + 1, n->start_mark.column + 1};
}

/* The text of a scalar without NULs inside, or NULL. */
static const char *text_of(const yaml_node_t *n) {
	if (n->type != YAML_SCALAR_NODE || strlen((char *)n->data.scalar.value) != n->data.scalar.length)
		return NULL;
	return (char *)n->data.scalar.value;
}

static yaml_node_t *node_at(const struct walk *w, int index) {
	return yaml_document_get_node(w->document, index);
}

/* A value: a scalar, or a sequence of scalars. */
static void read_value(struct walk *w, struct config_override *app, const char *section, const yaml_node_t *key,
                       const yaml_node_t *value) {
	const char *texts[CONFIG_LIST_MAX];
	size_t count = 0;
	struct config_place place = place_of(w, value);
	if (value->type == YAML_SCALAR_NODE && text_of(value)) {
		texts[count++] = text_of(value);
	} else if (value->type == YAML_SEQUENCE_NODE) {
		for (yaml_node_item_t *i = value->data.sequence.items.start; i < value->data.sequence.items.top; i++) {
			const char *text = text_of(node_at(w, *i));
			if (!text || count == CONFIG_LIST_MAX) {
				config_mistake(w->build, &place, "%s.%s: expected a list of at most %d texts", section, text_of(key),
				               CONFIG_LIST_MAX);
				return;
			}
			texts[count++] = text;
		}
	} else {
		config_mistake(w->build, &place, "%s.%s: expected a value, found a mapping", section, text_of(key));
		return;
	}
	struct config_place key_place = place_of(w, key);
	config_assign(w->build, count ? &place : &key_place, app, section, text_of(key), texts, count, true);
}

typedef void (*pair_fn)(struct walk *w, struct config_override *app, const char *section, const yaml_node_t *key,
                        const yaml_node_t *value);

/* Calls `fn` for each pair of a mapping whose keys are scalars. */
static void each_pair(struct walk *w, const yaml_node_t *map, struct config_override *app, const char *section,
                      pair_fn fn) {
	struct config_place place = place_of(w, map);
	if (map->type == YAML_SCALAR_NODE && map->data.scalar.length == 0)
		return; /* "section:" with nothing below it */
	if (map->type != YAML_MAPPING_NODE) {
		config_mistake(w->build, &place, "%s: expected keys and values", section ? section : "the file");
		return;
	}
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = node_at(w, p->key), *value = node_at(w, p->value);
		struct config_place key_place = place_of(w, key);
		if (!text_of(key))
			config_mistake(w->build, &key_place, "expected a key");
		else
			fn(w, app, section, key, value);
	}
}

static void read_section(struct walk *w, struct config_override *app, const char *section, const yaml_node_t *key,
                         const yaml_node_t *value) {
	(void)section;
	each_pair(w, value, app, text_of(key), read_value);
}

static void read_app(struct walk *w, struct config_override *app, const char *section, const yaml_node_t *key,
                     const yaml_node_t *value) {
	struct config_place place = place_of(w, key);
	(void)section;
	(void)app;
	if (!name_valid(text_of(key), strlen(text_of(key))) || name_reserved(text_of(key), strlen(text_of(key)))) {
		config_mistake(w->build, &place, "apps: \"%s\" is no name for an app", text_of(key));
		return;
	}
	struct config_override *own = config_override_get(w->build, text_of(key));
	if (own)
		each_pair(w, value, own, text_of(key), read_section);
}

static void read_top(struct walk *w, struct config_override *app, const char *section, const yaml_node_t *key,
                     const yaml_node_t *value) {
	(void)section;
	if (strcmp(text_of(key), "apps") == 0)
		each_pair(w, value, NULL, "apps", read_app);
	else if (strcmp(text_of(key), "defaults") == 0)
		each_pair(w, value, NULL, "defaults", read_section);
	else
		read_section(w, app, NULL, key, value);
}

static void read_document(struct config_build *b, const char *name, yaml_parser_t *parser) {
	yaml_document_t document, second;
	struct config_place place = {name, 0, 0};
	if (!yaml_parser_load(parser, &document)) {
		if (parser->error == YAML_MEMORY_ERROR) {
			b->error = UV_ENOMEM;
			return;
		}
		place.line = parser->problem_mark.line + 1;
		place.column = parser->problem_mark.column + 1;
		config_mistake(b, &place, "not YAML: %s", parser->problem ? parser->problem : "unreadable");
		return;
	}
	struct walk w = {b, &document, name};
	yaml_node_t *root = yaml_document_get_root_node(&document);
	if (root)
		each_pair(&w, root, NULL, NULL, read_top);
	yaml_document_delete(&document);
	if (!root || !yaml_parser_load(parser, &second))
		return;
	if (yaml_document_get_root_node(&second))
		config_mistake(b, &place, "more than one YAML document");
	yaml_document_delete(&second);
}

void config_read_yaml(struct config_build *b, const char *name, struct slice yaml) {
	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser)) {
		b->error = UV_ENOMEM;
		return;
	}
	yaml_parser_set_input_string(&parser, yaml.data, yaml.size);
	read_document(b, name, &parser);
	yaml_parser_delete(&parser);
}
