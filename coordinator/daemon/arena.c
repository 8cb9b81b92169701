/* arena.c: memory of one transaction, freed at once. See arena.h. */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 480

struct arena_chunk {
    struct arena_chunk *next;
    size_t used;
    size_t cap;
    alignas(max_align_t) char bytes[];
};

void arena_finish(struct arena *arena)
{
    while (arena->chunks != NULL) {
        struct arena_chunk *next = arena->chunks->next;
        free(arena->chunks);
        arena->chunks = next;
    }
    arena->bytes = 0;
}

static struct arena_chunk *chunk_for(struct arena *arena, size_t size)
{
    struct arena_chunk *chunk = arena->chunks;
    if (chunk != NULL && chunk->cap - chunk->used >= size)
        return chunk;
    size_t cap = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    chunk = malloc(sizeof *chunk + cap);
    if (chunk == NULL)
        return NULL;
    chunk->used = 0;
    chunk->cap = cap;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->bytes += sizeof *chunk + cap;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    size_t rounded = (size + align - 1) / align * align;
    struct arena_chunk *chunk = chunk_for(arena, rounded);
    if (chunk == NULL)
        return NULL;
    void *place = chunk->bytes + chunk->used;
    chunk->used += rounded;
    memset(place, 0, size);
    return place;
}

const char *arena_text(struct arena *arena, struct troth_span span, bool *failed)
{
    char *copy = arena_alloc(arena, span.len + 1);
    if (copy == NULL) {
        *failed = true;
        return NULL;
    }
    if (span.len > 0)
        memcpy(copy, span.data, span.len);
    return copy;
}

struct troth_span arena_copy(struct arena *arena, struct troth_span span, bool *failed)
{
    if (span.data == NULL)
        return span;
    const char *copy = arena_text(arena, span, failed);
    return (struct troth_span){copy, copy == NULL ? 0 : span.len};
}
