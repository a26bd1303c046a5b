/*
 * slate_files.c: the files that a configuration names for its apps' slates.
 */
#include "origin/slate_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

struct slate_files {
	size_t count;
	struct slate_file *items[];
};

const struct slate_file *slate_files_find(const struct slate_files *all, const struct config_app *app) {
	for (size_t i = 0; all && i < all->count; i++)
		if (strcmp(all->items[i]->path, app->stream_slate) == 0)
			return all->items[i];
	return NULL;
}

/* --- one --- */

static int read_open(int fd, struct bytes **out, const char **why) {
	struct stat st;
	if (fstat(fd, &st) != 0)
		return errno;
	*why = !S_ISREG(st.st_mode) ? "it is no file" : st.st_size > SLATE_BYTES_MAX ? "it is larger than 64 MiB" : NULL;
	if (*why)
		return 0;
	struct bytes *b = bytes_new((size_t)st.st_size);
	size_t got = 0;
	while (b && got < b->size) {
		ssize_t n = read(fd, b->data + got, b->size - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	int err = !b ? ENOMEM : got < b->size ? EIO : 0;
	if (err)
		bytes_unref(&b);
	else
		*out = b;
	return err;
}

/* NULL: `*why` says so. */
static struct slate_file *read_one(const char *path, const char **why) {
	struct bytes *block = NULL;
	struct slate_file *f = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err = fd < 0 ? errno : read_open(fd, &block, why);
	if (fd >= 0)
		close(fd);
	if (err)
		*why = strerror(err);
	if (block)
		f = slate_file_parse(block, why);
	bytes_unref(&block);
	if (f && !(f->path = strdup(path))) {
		*why = "out of memory";
		slate_file_free(&f);
	}
	return f;
}

/* --- all --- */

static bool add(struct slate_files *all, const struct config_app *app, const char *name, struct buffer *why) {
	const char *path = app->stream_slate, *reason = NULL;
	if (!*path || slate_files_find(all, app))
		return true;
	struct slate_file *f = read_one(path, &reason);
	if (f)
		all->items[all->count++] = f;
	else
		buffer_printf(why, "%s%s%sstream.slate: %s cannot be used: %s\n", name ? "apps." : "", name ? name : "",
		              name ? "." : "", path, reason);
	return f != NULL;
}

int slate_files_read(struct slate_files **out, const struct config *config, struct buffer *why) {
	size_t apps = 0;
	while (config_app_name(config, apps, NULL))
		apps++;
	struct slate_files *all = calloc(1, sizeof *all + (apps + 1) * sizeof *all->items);
	if (!all) {
		buffer_append_string(why, "out of memory\n");
		return UV_ENOMEM;
	}
	bool right = add(all, config_app(config, "", 0), NULL, why);
	for (size_t i = 0; i < apps; i++) {
		const struct config_app *app = NULL;
		const char *name = config_app_name(config, i, &app);
		/* What an app inherits is told of once. */
		if (strcmp(app->stream_slate, config_app(config, "", 0)->stream_slate) != 0)
			right &= add(all, app, name, why);
	}
	if (!right || all->count == 0)
		slate_files_free(&all);
	*out = all;
	return right ? 0 : UV_EINVAL;
}

void slate_files_free(struct slate_files **all) {
	for (size_t i = 0; *all && i < (*all)->count; i++)
		slate_file_free(&(*all)->items[i]);
	free(*all);
	*all = NULL;
}
