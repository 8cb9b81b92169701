/* migrations.h: the files of sql/journal, compiled in (embed.cmake). */
#ifndef JOURNAL_MIGRATIONS_H
#define JOURNAL_MIGRATIONS_H

struct migration {
    int version;
    const char *name;
    const unsigned char *sql; /* zero-terminated */
};

extern const struct migration migrations[];
extern const unsigned migrations_count;

#endif
