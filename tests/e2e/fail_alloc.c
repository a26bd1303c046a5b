/*
 * fail_alloc.c: preloaded into a node, makes one allocation fail. A test shares a page with it (the file named by
 * WEIR_FAIL_ALLOC): when `fail_at` is set, allocations are counted, and that one returns NULL.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct page {
	_Atomic uint64_t count, fail_at;
};

static struct page *page;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

__attribute__((constructor)) static void open_page(void) {
	const char *path = getenv("WEIR_FAIL_ALLOC");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *mapped = fd >= 0 ? mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (fd >= 0)
		close(fd);
	if (mapped != MAP_FAILED)
		page = mapped;
}

static int fails(void) {
	if (!page || !atomic_load(&page->fail_at) || atomic_fetch_add(&page->count, 1) + 1 != atomic_load(&page->fail_at))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size) {
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
	return fails() ? NULL : __libc_realloc(old, size);
}
