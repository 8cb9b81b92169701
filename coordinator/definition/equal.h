/* equal.h: do two JSON values mean the same? In a time that follows their size, whatever the order
 * of their members. */
#ifndef DEFINITION_EQUAL_H
#define DEFINITION_EQUAL_H

#include <stdbool.h>
#include <stdint.h>

#include <base/tree.h>
#include <troth/span.h>

/* json_tree_equal(), numbers by their decimal value. *work grows, up to work_max; beyond it what is
 * said means nothing. */
bool tree_equal(struct json_tree *a, uint32_t x, const struct json_tree *b, uint32_t y,
                uint64_t work_max, uint64_t *work);
/* The same, but numbers by their text: 1.0 and 1 are two. */
bool tree_same(struct json_tree *a, uint32_t x, const struct json_tree *b, uint32_t y);

/* What is equal has the same, and nobody outside can make two others have it (base/hash.h).
 * `known`: of each node, 0 where it is not known yet; those of containers are kept there.
 * *no_memory is set where there was none; then it is any. */
uint64_t tree_hash(const struct json_tree *tree, uint32_t node, uint64_t *known, bool *no_memory);

#endif
