/*
 * Pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986): insertion O(1), removal O(log n) amortised, no memory of
 * its own.
 */
#include "vmm/sched/priv.h"

/* a and b: roots without siblings, may be NULL. */
static struct sched_node *meld(struct sched_node *a, struct sched_node *b, sched_before_fn *before)
{
	if (!a || !b)
		return a ? a : b;
	if (before(b, a)) {
		struct sched_node *t = a;

		a = b;
		b = t;
	}
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	b->prev = a;
	a->child = b;
	return a;
}

/* Makes one heap of a list of siblings: pairs from the left, then all from the right. */
static struct sched_node *combine(struct sched_node *list, sched_before_fn *before)
{
	struct sched_node *pairs = NULL, *all = NULL;

	while (list) {
		struct sched_node *a = list, *b = a->next;

		list = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b, before);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct sched_node *a = pairs;

		pairs = a->next;
		a->next = NULL;
		all = meld(all, a, before);
	}
	return all;
}

void sched_heap_insert(struct sched_heap *h, struct sched_node *n, sched_before_fn *before)
{
	*n = (struct sched_node){ 0 };
	h->root = meld(h->root, n, before);
}

void sched_heap_remove(struct sched_heap *h, struct sched_node *n, sched_before_fn *before)
{
	struct sched_node *rest = combine(n->child, before);

	if (n == h->root) {
		h->root = rest;
	} else {
		if (n->prev->child == n)
			n->prev->child = n->next;
		else
			n->prev->next = n->next;
		if (n->next)
			n->next->prev = n->prev;
		h->root = meld(h->root, rest, before);
	}
	*n = (struct sched_node){ 0 };
}

struct sched_node *sched_heap_walk(const struct sched_node *n, bool skip)
{
	if (n->child && !skip)
		return n->child;
	while (!n->next) {
		/* Up: back to the first sibling, then to the parent. */
		while (n->prev && n->prev->child != n)
			n = n->prev;
		if (!n->prev)
			return NULL;
		n = n->prev;
	}
	return n->next;
}
