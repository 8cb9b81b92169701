/* tree.h: what the coordinator answers, as a tree of cJSON's.
 *
 * Payloads (a transaction's input, the steps' outputs) are not in it: they are shown as they stand
 * in the text (base/json.h), and a tree would change their numbers and could not hold half of a
 * surrogate pair. All other numbers of an answer are counts, versions and codes, far below the 2^53
 * that a double holds exactly. */
#ifndef CLI_TREE_H
#define CLI_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include <troth/error.h>
#include <troth/span.h>

/* `json`: checked, or absent, which is NULL. TROTH_ERROR_NO_MEMORY, or _SYNTAX (what is no payload
 * and yet no text). The caller frees with cJSON_Delete(). */
TROTH_MUST_CHECK int tree_parse(struct troth_span json, cJSON **ret_tree);
void tree_finish(cJSON **tree);
#define TREE_SCOPED __attribute__((cleanup(tree_finish)))

/* The member of an object; NULL when it is not there, or null, or `object` is NULL or no object. */
const cJSON *member(const cJSON *object, const char *name);
/* A string with these characters; false for NULL. */
bool item_is(const cJSON *item, const char *word);
/* A whole number; false for anything else, and for NULL. */
bool item_number(const cJSON *item, int64_t *ret_number);
/* The characters of a string; absent for anything else. Valid as long as the tree. */
struct troth_span item_text(const cJSON *item);
/* Both there and the same, as trees. */
bool items_equal(const cJSON *a, const cJSON *b);

#endif
