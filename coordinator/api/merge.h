/* merge.h: one page of a list from the pages of all nodes. */
#ifndef API_MERGE_H
#define API_MERGE_H

#include "others.h"

/* Appends the page: at most `limit` transactions, the newest first, each once, as the node says
 * that leads it. `own` is this node's part, entries with commas between; `own_is_full`: it has more
 * behind its last one. Of two nodes one may have more behind its page, where the other one's goes
 * on: what would be behind that is left to the next page. What makes no sense is left out. */
void merge_append(struct troth_span own, bool own_is_full, uint32_t limit,
                  const struct others *others, struct buffer *ret_body);

#endif
