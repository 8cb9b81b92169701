/* sqltext.h: SQL of the file as PostgreSQL gets it: ${input.a} as $1, and where each byte of it
 * stands in the file. */
#ifndef POSTGRES_SQLTEXT_H
#define POSTGRES_SQLTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <faults/check.h>
#include <troth/postgres.h>

enum sqltext_verb { SQLTEXT_READS, SQLTEXT_CHANGES, SQLTEXT_OTHER };

struct sqltext {
    struct place place; /* of the member that it stands in */
    char *text;         /* zero-terminated; NULL: there is none */
    size_t len;
    uint32_t *places; /* of each byte and of the end: offsets in the file */
    enum sqltext_verb verb;
    bool sound; /* nothing was wrong with it so far */
    bool words; /* made of a reason in plain words */
    uint32_t count;
    char *paths[TROTH_POSTGRES_PARAMETERS_MAX + 1]; /* "account.id", NULL at the end */
    char *names[TROTH_POSTGRES_PARAMETERS_MAX];     /* "${input.account.id}" */
    uint32_t how[TROTH_POSTGRES_PARAMETERS_MAX];    /* enum troth_postgres_binding */
    size_t at[TROTH_POSTGRES_PARAMETERS_MAX];       /* in `text` */
};

enum sqltext_kind {
    SQLTEXT_STATEMENT, /* of an operation */
    SQLTEXT_UNDO,      /* of a compensation: ${output.a} too */
    SQLTEXT_REASON /* bit: a query that gives a refusal's reason */ = 4
};

/* From a string, or an array of strings, its lines. What is wrong goes to the check's faults, and
 * it is not `sound`. `kind`: of the three, the last or'ed to one of the first. */
void sqltext_read(struct check *check, const struct place *place, unsigned kind,
                  struct sqltext *ret_sql);
/* A reason in plain words, "no account ${input.account}", as a query that gives it. */
void sqltext_read_reason(struct check *check, const struct place *place, unsigned kind,
                         struct sqltext *ret_sql);
void sqltext_finish(struct sqltext *sql);

/* A fault at so many bytes into the text. */
void sqltext_error(struct check *check, struct sqltext *sql, size_t at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
