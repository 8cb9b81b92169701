/* explain.h: what the coordinator can say of a prepared transaction. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include <base/buffer.h>
#include <troth/id.h>

#include "cli.h"

enum explained {
    EXPLAIN_OPEN,      /* of an open transaction, not decided yet: leave it */
    EXPLAIN_COMMIT,    /* decided: its participant commits it, when it is there */
    EXPLAIN_ABORT,     /* decided, or presumed: its participant rolls it back */
    EXPLAIN_ELSEWHERE, /* another installation's */
    EXPLAIN_STRANGE,   /* not in Troth's form, though it begins like it */
    EXPLAIN_UNKNOWN    /* the coordinator cannot say: nobody may end it before more is known */
};
const char *explained_word(enum explained what); /* "open", "commit", … */

/* `journal`: the coordinator's own id. *ret_participant, appended: whose branch it is, as far as
 * the coordinator knows. CLI_EXIT_OK, or it has complained. */
TROTH_MUST_CHECK int explain_prepared(const struct cli *cli, const char *name, const char *journal,
                                      enum explained *ret_what, struct buffer *ret_participant);
/* The id of the journal that the coordinator leads. */
TROTH_MUST_CHECK int explain_journal(const struct cli *cli,
                                     char ret_journal[TROTH_JOURNAL_ID_LEN + 1]);

#endif
