/* node.h: who shares the journal, and who leads which shards. */
#ifndef CLI_NODE_H
#define CLI_NODE_H

#include "call.h"

/* GET /v1/nodes. `trouble` not NULL: gets why it is not reached, and nothing is complained about.
 */
TROTH_MUST_CHECK int nodes_ask(const struct cli *cli, struct buffer *trouble,
                               struct answer *ret_answer);
/* Its answer as a table. */
void nodes_append(const cJSON *list, struct buffer *text);

#endif
