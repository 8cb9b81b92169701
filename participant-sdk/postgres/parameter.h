/* parameter.h: ${input.account.id}, ${input.note?}, ${output.id}. */
#ifndef POSTGRES_PARAMETER_H
#define POSTGRES_PARAMETER_H

#include "sqltext.h"

#define PARAMETER_BYTES_MAX 512u

/* Takes the parameter whose "${" stands at `at` of the text that is being read, and appends what
 * PostgreSQL gets for it to `text`, which is what `sql` becomes. Gives the byte behind it; what is
 * wrong is told at its place. */
struct reading {
    struct check *check;
    struct sqltext *sql;
    unsigned kind; /* enum sqltext_kind */
    const char *from;
    const uint32_t *from_places;
    size_t from_len;
    struct buffer text;
    struct buffer places; /* uint32_t each */
};
/* Of a word of SQL: a letter, a digit, _, $ or a byte above ASCII. */
bool is_word_char(char c);
size_t parameter_take(struct reading *reading, size_t at);
/* A byte, or several, of what PostgreSQL gets, which stand at `place` of the file. */
void reading_append(struct reading *reading, const char *text, size_t len, uint32_t place);
void reading_error(struct reading *reading, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
