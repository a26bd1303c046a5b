/*
 * hash.h: uthash, which else ends the process when memory is out. Include this and not <uthash.h>.
 *
 * An object that could not be added is not in the table: ask HASH_ADDED after every HASH_ADD.
 */
#pragma once

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(object) ((void)(object))
#include <uthash.h>

/* Whether the object is in a table, by its handle `hh`. */
#define HASH_ADDED(hh, object) ((object)->hh.tbl != NULL)
