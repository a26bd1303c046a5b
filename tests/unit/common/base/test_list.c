#include "common/base/list.h"

#include <criterion/criterion.h>

struct item {
	int number;
	struct list link;
};

static struct list head;
static struct item items[6];

static void init(void) {
	list_init(&head);
	for (int i = 0; i < 6; i++) {
		items[i].number = i;
		list_init(&items[i].link);
	}
}

TestSuite(list, .init = init);

/* The numbers of a list's items as digits, forward; backward they must be the same. */
static int digits(struct list *l) {
	int forward = 0, backward = 0, place = 1;
	list_each (node, l)
		forward = forward * 10 + list_entry(node, struct item, link)->number;
	for (struct list *node = l->prev; node != l; node = node->prev, place *= 10)
		backward += list_entry(node, struct item, link)->number * place;
	cr_assert_eq(forward, backward);
	return forward;
}

static void fill(struct list *l, int from, int to) {
	for (int i = from; i <= to; i++)
		list_append(l, &items[i].link);
}

Test(list, keeps_the_order_of_appending) {
	cr_assert(list_empty(&head));
	fill(&head, 1, 3);
	cr_assert_not(list_empty(&head));
	cr_assert_eq(digits(&head), 123);
}

Test(list, removing_joins_the_neighbours) {
	fill(&head, 1, 3);
	list_remove(&items[2].link);
	cr_assert_eq(digits(&head), 13);
	cr_assert(list_empty(&items[2].link));
	list_remove(&items[1].link);
	list_remove(&items[3].link);
	cr_assert(list_empty(&head));
}

Test(list, removing_what_is_not_linked_does_nothing) {
	fill(&head, 1, 2);
	list_remove(&items[3].link);
	list_remove(&items[1].link);
	list_remove(&items[1].link);
	cr_assert_eq(digits(&head), 2);
}

Test(list, the_current_node_may_be_removed_in_a_walk) {
	fill(&head, 1, 5);
	list_each (node, &head)
		if (list_entry(node, struct item, link)->number % 2)
			list_remove(node);
	cr_assert_eq(digits(&head), 24);
}

Test(list, splicing_moves_all_to_the_end) {
	struct list other;
	list_init(&other);
	fill(&head, 1, 2);
	fill(&other, 3, 4);
	list_splice(&head, &other);
	cr_assert_eq(digits(&head), 1234);
	cr_assert(list_empty(&other));
	list_splice(&head, &other);
	cr_assert_eq(digits(&head), 1234);
	list_splice(&other, &head);
	cr_assert_eq(digits(&other), 1234);
	cr_assert(list_empty(&head));
}
