/*
 * list.h: an intrusive, circular, doubly linked list. The head is a node; an unlinked node points to itself.
 *
 * Removing a node that is not linked does nothing, so an object may leave its list in every path of its end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

/* The object of `type` whose member `member` is the node `node`. */
#define list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* Walks `head`; the current node may be removed, but no other. */
#define list_each(node, head)                                                                                          \
	for (struct list *node = (head)->next, *node##_next = node->next; node != (head);                                  \
	     node = node##_next, node##_next = node->next)

static inline void list_init(struct list *l) {
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l) {
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *node) {
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

static inline void list_remove(struct list *node) {
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Moves all of `from` to the end of `to`; `from` is empty after. Walk the copy where a callback may change the list. */
static inline void list_splice(struct list *to, struct list *from) {
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}
