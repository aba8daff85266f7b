/*
 * Leftist heap (Crane 1972): the path that leads right from any node is the shortest to a node with a place left, so of
 * at most log2(n + 1) nodes; all that is done goes along such paths. Insertion and removal are O(log n) each time, not
 * only in the mean: they are done with a processor's lock held, and thousands may wait. No memory of its own.
 */
#include "vmm/sched/priv.h"

static u32 rank_of(const struct sched_node *n)
{
	return n ? n->rank : 0;
}

/* The shorter way is to the right, and rank is its length. true: rank has changed. */
static bool level(struct sched_node *n)
{
	u32 rank;

	if (rank_of(n->left) < rank_of(n->right)) {
		struct sched_node *t = n->left;

		n->left = n->right;
		n->right = t;
	}
	rank = rank_of(n->right) + 1;
	if (n->rank == rank)
		return false;
	n->rank = rank;
	return true;
}

/* a and b: roots, may be NULL. Their paths to the right become one, in order. */
static struct sched_node *meld(struct sched_node *a, struct sched_node *b, sched_before_fn *before)
{
	struct sched_node *root = NULL, *last = NULL;

	while (a && b) {
		struct sched_node *first = before(b, a) ? b : a, *right = first->right;

		if (last)
			last->right = first;
		else
			root = first;
		first->up = last;
		last = first;
		b = first == b ? a : b;
		a = right;
	}
	if (!a)
		a = b;
	if (!last)
		return a;
	last->right = a;
	if (a)
		a->up = last;
	for (; last; last = last->up)
		(void)level(last);
	return root;
}

void sched_heap_insert(struct sched_heap *h, struct sched_node *n, sched_before_fn *before)
{
	*n = (struct sched_node){ .rank = 1 };
	h->root = meld(h->root, n, before);
}

void sched_heap_remove(struct sched_heap *h, struct sched_node *n, sched_before_fn *before)
{
	struct sched_node *up = n->up, *rest;

	if (n->left)
		n->left->up = NULL;
	if (n->right)
		n->right->up = NULL;
	/* Of equals the one on the right is first, which mostly came later, as with the siblings of a pairing heap. */
	rest = meld(n->right, n->left, before);
	if (rest)
		rest->up = up;
	if (!up)
		h->root = rest;
	else if (up->left == n)
		up->left = rest;
	else
		up->right = rest;
	/* Those that change are each greater than the one below: as few as the path to the right has nodes. */
	while (up && level(up))
		up = up->up;
	*n = (struct sched_node){ 0 };
}

struct sched_node *sched_heap_walk(const struct sched_node *n, bool skip)
{
	if (n->left && !skip) /* none to the left: none at all */
		return n->left;
	while (n->up && (n == n->up->right || !n->up->right))
		n = n->up;
	return n->up ? n->up->right : NULL;
}
