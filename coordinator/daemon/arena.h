/* arena.h: memory that lives exactly as long as one transaction: appended to, freed at once. */
#ifndef DAEMON_ARENA_H
#define DAEMON_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include <troth/span.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t bytes;               /* that it has taken */
};

void arena_finish(struct arena *arena);
/* Aligned for any object, zeroed; NULL when memory is out. */
void *arena_alloc(struct arena *arena, size_t size);
/* Copies; an absent span stays absent. data NULL with len > 0 never; on no memory the result is
 * absent and *failed (not NULL) is set. */
struct troth_span arena_copy(struct arena *arena, struct troth_span span, bool *failed);
/* The same as zero-terminated text. */
const char *arena_text(struct arena *arena, struct troth_span span, bool *failed);

#endif
