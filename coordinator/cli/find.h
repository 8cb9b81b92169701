/* find.h: which transaction is meant. */
#ifndef CLI_FIND_H
#define CLI_FIND_H

#include <troth/id.h>

#include "call.h"

/* A gtid as it is; the beginning of one is looked for, and has to be of one only; of a name of
 * pg_prepared_xacts the gtid in it. Complains by itself. */
TROTH_MUST_CHECK int find_gtid(const struct cli *cli, const char *text,
                               char ret_gtid[TROTH_GTID_TEXT_LEN + 1]);
/* Where no answer came to a start: says which transaction began under that key, if that can be
 * found out. */
void find_key_complain(const struct cli *cli, const char *key);

#endif
