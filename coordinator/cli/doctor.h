/* doctor.h: what trothctl doctor gathers. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "call.h"
#include "text.h"
#include <troth/id.h>

/* unseen: it cannot be looked at from here; that alone is no reason to be woken up. */
enum level { LEVEL_OK, LEVEL_UNSEEN, LEVEL_ATTENTION };

struct doctor {
    const struct cli *cli;
    struct table table;
    struct buffer objects; /* JSON, of each finding, a comma between them */
    unsigned attention;
    char journal[TROTH_JOURNAL_ID_LEN + 1]; /* the coordinator's; "": not known */
    struct answer participants;             /* GET /v1/participants */
};

/* One line: what was looked at, of whom, what was found, and (not where it is ok) what to do. */
void doctor_say(struct doctor *doctor, enum level level, const char *check, const char *of,
                const char *advice, const char *found, ...) __attribute__((format(printf, 6, 7)));

/* doctor_database.c: a journal's or a participant's database. Each is looked at whatever became of
 * the others. */
void doctor_journal(struct doctor *doctor, const char *conninfo);
void doctor_participant(struct doctor *doctor, const char *name, const char *conninfo);

#endif
