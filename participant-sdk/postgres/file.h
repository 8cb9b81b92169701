/* file.h: a file of operations: what it says, and all that is wrong with it.
 *
 *     file_create -> file_parse -> file_inspect (against the database) -> file_sort
 *
 * Whatever is found goes to `faults`, and the next step goes on with what is left. */
#ifndef POSTGRES_FILE_H
#define POSTGRES_FILE_H

#include <libpq-fe.h>

#include <faults/check.h>
#include <troth/participant.h>

#include "sqltext.h"

#define FILE_BYTES_MAX       (1u << 20)
#define FILE_CONSTRAINTS_MAX 32u

/* What an operation does, or what undoes it. Places lead to those of what is around them, which
 * stay where they are. */
struct statement {
    struct sqltext sql;    /* text NULL: there is none */
    struct sqltext reason; /* a query; text NULL: there is none */
    struct place refuse_place, column_place, constraints_place;
    char column[64]; /* "": none. Names in PostgreSQL have 63 bytes */
    uint32_t constraints;
    struct place constraint_places[FILE_CONSTRAINTS_MAX];
    char *names[2 * FILE_CONSTRAINTS_MAX + 1]; /* name, reason, …, NULL */
};

struct operation {
    struct place place, undo_place;
    char name[TROTH_NAME_LEN_MAX + 1];
    bool read_only;
    struct statement work;
    struct statement undo;
};

struct file {
    char *text;
    struct check check;
    struct faults faults;
    struct place root, list;
    uint32_t count;
    struct operation operations[TROTH_OPERATIONS_MAX];
};

/* Copies the text. NULL: out of memory. */
struct file *file_create(struct troth_span text);
void file_destroy(struct file *file); /* takes NULL */
/* Both: 0, or TROTH_ERROR_NO_MEMORY. What is wrong is in `faults`. */
TROTH_MUST_CHECK int file_parse(struct file *file);
/* Prepares each statement and asks for its plan, by which the server looks at columns, types and
 * rights, and runs none; the kinds of the parameters are known then. `db` is the caller's; what was
 * set and prepared there stays. Blocks, for a minute at most. TROTH_ERROR_UNAVAILABLE: the
 * connection was lost, or its server does not answer, and what is said of the file is not all. */
TROTH_MUST_CHECK int file_inspect(struct file *file, PGconn *db);
/* Nothing that a participant does by them is different. */
bool operation_same(const struct operation *a, const struct operation *b);
/* "file:line:column: …", in the order of the file; "" when nothing is wrong. */
void file_say(struct file *file, const char *path, struct buffer *ret_text);

#endif
