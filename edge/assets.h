/*
 * assets.h: a folder of small files kept in memory, to be served: read once, each as one block and one compressed
 * block, with a tag of its content. Immutable once made: any worker may read it.
 */
#pragma once

#include "common/base/bytes.h"

enum { ASSET_NAME_MAX = 64, ASSETS_MAX = 64, ASSET_SIZE_MAX = 4 * 1024 * 1024 };

struct asset {
	char name[ASSET_NAME_MAX];
	const char *content_type;
	char etag[24]; /* with its quotes */
	struct bytes *plain, *gzip;
};

struct assets {
	size_t count;
	struct asset items[ASSETS_MAX];
};

/*
 * Reads the folder's files whose extension has a type in the table (the others are not for the web); blocks. 0,
 * UV_ENOENT and the like for the folder, UV_E2BIG: more than ASSETS_MAX files or a larger one, UV_ENOMEM.
 */
int assets_read(struct assets **out, const char *folder);

/* NULL is allowed. */
void assets_free(struct assets **a);

/* The file of that name, or NULL. */
const struct asset *assets_find(const struct assets *a, const char *name);
