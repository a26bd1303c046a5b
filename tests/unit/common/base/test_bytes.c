#include "common/base/bytes.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

/* Counts its ends instead of freeing itself. */
struct probe {
	struct counted counted;
	_Atomic int ended;
};

static void end_probe(struct counted *c) {
	struct probe *p = (struct probe *)c;
	p->ended++;
}

Test(counted, ends_with_the_last_reference_and_only_then) {
	struct probe p = {0};
	counted_init(&p.counted, end_probe);
	cr_assert_eq(counted_ref(&p.counted), &p.counted);
	counted_unref(&p.counted);
	cr_assert_eq(p.ended, 0);
	counted_unref(&p.counted);
	cr_assert_eq(p.ended, 1);
	counted_unref(NULL);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *ref_and_unref(void *arg) {
	struct probe *p = arg;
	for (int i = 0; i < ROUNDS; i++)
		counted_ref(&p->counted);
	for (int i = 0; i < ROUNDS + 1; i++) /* and the one that was given to this thread */
		counted_unref(&p->counted);
	return NULL;
}

Test(counted, ends_once_whichever_thread_is_last) {
	struct probe p = {0};
	pthread_t threads[THREADS];
	counted_init(&p.counted, end_probe);
	for (int i = 0; i < THREADS; i++) {
		counted_ref(&p.counted);
		cr_assert_eq(pthread_create(&threads[i], NULL, ref_and_unref, &p), 0);
	}
	counted_unref(&p.counted);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(p.ended, 1);
}

Test(bytes, copy_is_of_its_own) {
	char text[] = "abc";
	struct bytes *b = bytes_copy(text, 3);
	cr_assert(b);
	text[0] = 'x';
	cr_assert_eq(bytes_slice(b).size, 3);
	cr_assert_eq(memcmp(bytes_slice(b).data, "abc", 3), 0);
	bytes_unref(&b);
}

Test(bytes, lives_until_the_last_owner_lets_go) {
	struct bytes *first = bytes_copy("abc", 3), *second = bytes_ref(first);
	bytes_unref(&first);
	cr_assert_null(first);
	cr_assert_eq(second->data[2], 'c');
	bytes_unref(&second);
	bytes_unref(&second);
	cr_assert_null(second);
}

Test(bytes, may_be_empty) {
	struct bytes *b = bytes_copy(NULL, 0);
	cr_assert(b);
	cr_assert_eq(b->size, 0);
	bytes_unref(&b);
}

Test(bytes, size_that_overflows_is_refused) {
	cr_assert_null(bytes_new(SIZE_MAX));
	cr_assert_null(bytes_new(SIZE_MAX - sizeof(struct bytes) + 1));
}

/* Of every length around the steps that it goes by, every byte counts. */
Test(bytes, a_hash_is_of_all_of_the_content) {
	uint8_t data[100] = {0};
	for (size_t size = 0; size < sizeof data; size++) {
		uint64_t hash = bytes_hash((struct slice){data, size});
		cr_assert_eq(bytes_hash((struct slice){data, size}), hash);
		cr_assert_neq(bytes_hash((struct slice){data, size + 1}), hash, "a longer one of %zu", size);
		for (size_t i = 0; i < size; i++) {
			data[i] = 1;
			cr_assert_neq(bytes_hash((struct slice){data, size}), hash, "byte %zu of %zu", i, size);
			data[i] = 0;
		}
	}
	cr_assert_eq(bytes_hash((struct slice){0}), bytes_hash((struct slice){data, 0}));
}

Test(bytes, a_hash_tells_the_order_of_words) {
	uint8_t a[64] = {0}, b[64] = {0};
	a[0] = b[32] = 1;
	cr_assert_neq(bytes_hash((struct slice){a, sizeof a}), bytes_hash((struct slice){b, sizeof b}));
	b[32] = 0;
	b[8] = 1;
	cr_assert_neq(bytes_hash((struct slice){a, sizeof a}), bytes_hash((struct slice){b, sizeof b}));
}
