/*
 * leak.c: a test that passes and leaks. Criterion reports success and status 0; only the sanitizer's text tells.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(proof, leaks_and_passes) {
	void *volatile lost = malloc(37);
	cr_assert(lost != NULL);
	lost = NULL;
}
