/* base/tree.h: a checked JSON text as nodes, for whoever looks things up in it.
 *
 * Built in one pass over the text; after that a member is found by its name and an element by its
 * number in a time that does not depend on how many there are, and walking does not read what it
 * passes over. A JSON text of n bytes has at most n/2 nodes of 28 bytes. For a message of a few
 * members that is read once, json_next() (base/json.h) is enough. */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/error.h>
#include <troth/span.h>

struct json_node {
    uint32_t at, len;         /* the value in the text */
    uint32_t key_at, key_len; /* its name with the quotes; no length: no member of an object */
    uint32_t end;             /* the node behind this one and all that is in it */
    uint32_t count;           /* members or elements */
    uint32_t index;           /* of its places or its elements, once somebody looked; 0: none */
};

/* Node 0 is the whole value; the first child of a node is the next one, the next sibling the one at
 * `end`. Zero-initialise to begin. */
struct json_tree {
    const char *text; /* borrowed */
    struct json_node *nodes;
    uint32_t count, cap;
    uint32_t *indexes; /* of the containers that were looked into */
    uint32_t indexes_len, indexes_cap;
};

/* `value`: from json_check(), without white space around it, below 4 GiB. What the tree held before
 * is dropped and its memory used again. */
TROTH_MUST_CHECK int json_tree_build(struct json_tree *tree, struct troth_span value);
void json_tree_finish(struct json_tree *tree);

struct troth_span json_tree_value(const struct json_tree *tree, uint32_t node);
/* Of a member, with its quotes; absent: not one. */
struct troth_span json_tree_key(const struct json_tree *tree, uint32_t node);

/* The member of that (unescaped) name; with duplicates the last. The first look into a container of
 * many makes its index; without memory for it each look walks. */
bool json_tree_member(struct json_tree *tree, uint32_t object, struct troth_span name,
                      uint32_t *ret_node);
/* The same, the name as a JSON string. false also without memory to unescape it. */
bool json_tree_member_like(struct json_tree *tree, uint32_t object, struct troth_span key,
                           uint32_t *ret_node);
bool json_tree_element(struct json_tree *tree, uint32_t array, uint32_t index, uint32_t *ret_node);

/* Do two values mean the same? Strings unescaped, objects without regard to order. Out of memory
 * counts as different. Members are looked up in the first tree alone. */
struct json_equality {
    bool (*numbers)(struct troth_span a,
                    struct troth_span b); /* NULL: by their text, 1.0 is not 1 */
    /* Grows by the nodes of the second that were looked at, and by one more for each 64 bytes of a
     * string or number. Beyond the most it ends, and what it says means nothing. */
    uint64_t work, work_max;
};
bool json_tree_equal(struct json_tree *a, uint32_t x, const struct json_tree *b, uint32_t y,
                     struct json_equality *how);

#endif
