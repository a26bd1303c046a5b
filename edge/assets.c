#include "edge/assets.h"

#include "common/base/name.h"
#include "common/http/gzip.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

static const struct {
	const char *extension, *content_type;
} types[] = {{"html", "text/html; charset=utf-8"},
             {"js", "text/javascript; charset=utf-8"},
             {"css", "text/css; charset=utf-8"},
             {"svg", "image/svg+xml"},
             {"txt", "text/plain; charset=utf-8"}};

static const char *type_of(const char *name) {
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot && dot != name && i < sizeof types / sizeof *types; i++) {
		if (strcmp(dot + 1, types[i].extension) == 0)
			return types[i].content_type;
	}
	return NULL;
}

/* --- reading --- */

static int read_file(struct bytes **out, const char *path) {
	struct stat about;
	int err = 0;
	FILE *file = fopen(path, "rb");
	if (!file)
		return uv_translate_sys_error(errno);
	struct bytes *block = NULL;
	if (fstat(fileno(file), &about))
		err = uv_translate_sys_error(errno);
	else if (about.st_size > ASSET_SIZE_MAX)
		err = UV_E2BIG;
	else if (!(block = bytes_new((size_t)about.st_size)))
		err = UV_ENOMEM;
	else if (fread(block->data, 1, block->size, file) != block->size)
		err = UV_EIO; /* it shrank just now */
	fclose(file);
	if (err)
		bytes_unref(&block);
	else
		*out = block;
	return err;
}

/* Compressed at once and for all: the larger libraries would hold up a loop. */
static int asset_read(struct asset *a, const char *folder, const char *name) {
	char path[4096];
	if (strlen(name) >= sizeof a->name || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
		return UV_ENAMETOOLONG;
	int err = read_file(&a->plain, path);
	if (err)
		return err;
	const struct conn_slice whole = {a->plain->data, a->plain->size, a->plain};
	if (a->plain->size >= GZIP_LEAST && !(a->gzip = gzip_slices(&whole, 1)))
		return UV_ENOMEM;
	memcpy(a->name, name, strlen(name) + 1);
	a->content_type = type_of(name);
	snprintf(a->etag, sizeof a->etag, "\"%016llx\"",
	         (unsigned long long)name_hash((const char *)a->plain->data, a->plain->size));
	return 0;
}

int assets_read(struct assets **out, const char *folder) {
	int err = 0;
	const struct dirent *found;
	DIR *d = opendir(folder);
	if (!d)
		return uv_translate_sys_error(errno);
	struct assets *a = calloc(1, sizeof *a);
	if (!a)
		err = UV_ENOMEM;
	while (!err && (found = readdir(d))) {
		if (*found->d_name == '.' || !type_of(found->d_name))
			continue;
		if (a->count == ASSETS_MAX)
			err = UV_E2BIG;
		else
			err = asset_read(&a->items[a->count++], folder, found->d_name);
	}
	closedir(d);
	if (err)
		assets_free(&a);
	else
		*out = a;
	return err;
}

void assets_free(struct assets **a) {
	for (size_t i = 0; *a && i < (*a)->count; i++) {
		bytes_unref(&(*a)->items[i].plain);
		bytes_unref(&(*a)->items[i].gzip);
	}
	free(*a);
	*a = NULL;
}

const struct asset *assets_find(const struct assets *a, const char *name) {
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->items[i].name, name) == 0)
			return &a->items[i];
	}
	return NULL;
}
