/* outputs.c: outputs of prepared branches, kept in memory until their commit asks for them.
 *
 * Only a shortcut: what COMMIT PREPARED made last is the guard row that was written beside this
 * very output, under the same name. What is not here is read from that row. There is one case in
 * which the two differ: a prepared transaction that was rolled back without a tombstone (by hand;
 * an abort leaves one) and prepared once more by another process over this database, whose commit
 * then comes here. */
#include "outputs.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"

#define OUTPUT_BYTES_MAX 4096u /* a longer one is read from the guard */

struct entry {
    char *name; /* journal, gtid, branch and attempt; NULL: free */
    struct troth_span output;
};

struct outputs {
    pthread_mutex_t lock;
    uint32_t count;
    struct entry *entries;
};

int outputs_create(uint32_t entries, struct outputs **ret_outputs)
{
    struct outputs *outputs = calloc(1, sizeof *outputs);
    assert(entries > 0);
    if (outputs == NULL)
        return TROTH_ERROR_NO_MEMORY;
    outputs->entries = calloc(entries, sizeof *outputs->entries);
    if (outputs->entries == NULL) {
        free(outputs);
        return TROTH_ERROR_NO_MEMORY;
    }
    outputs->count = entries;
    (void)pthread_mutex_init(&outputs->lock, NULL); /* never fails with default attributes */
    *ret_outputs = outputs;
    return 0;
}

static void clear(struct entry *entry)
{
    free(entry->name); /* the output lies behind it */
    entry->name = NULL;
}

void outputs_destroy(struct outputs *outputs)
{
    uint32_t i;
    if (outputs == NULL)
        return;
    for (i = 0; i < outputs->count; i++)
        clear(&outputs->entries[i]);
    pthread_mutex_destroy(&outputs->lock);
    free(outputs->entries);
    free(outputs);
}

/* FNV-1a. */
static struct entry *entry_of(struct outputs *outputs, const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return &outputs->entries[hash % outputs->count];
}

void outputs_put(struct outputs *outputs, const struct troth_call *call, struct troth_span output)
{
    char name[TROTH_PREPARED_NAME_LEN_MAX + 1];
    struct entry made = {NULL, {NULL, 0}};
    struct entry *entry;
    size_t len;
    guard_prepared_name(call, call->attempt, name);
    len = strlen(name) + 1;
    if (output.len <= OUTPUT_BYTES_MAX)
        made.name = malloc(len + output.len);
    if (made.name != NULL) {
        memcpy(made.name, name, len);
        if (output.data != NULL) {
            made.output = (struct troth_span){made.name + len, output.len};
            memcpy(made.name + len, output.data, output.len);
        }
    }
    pthread_mutex_lock(&outputs->lock);
    entry = entry_of(outputs, name);
    clear(entry);
    *entry = made;
    pthread_mutex_unlock(&outputs->lock);
}

bool outputs_take(struct outputs *outputs, const struct troth_call *call, char **ret_memory,
                  struct troth_span *ret_output)
{
    char name[TROTH_PREPARED_NAME_LEN_MAX + 1];
    struct entry *entry;
    bool found;
    guard_prepared_name(call, call->attempt, name);
    pthread_mutex_lock(&outputs->lock);
    entry = entry_of(outputs, name);
    found = entry->name != NULL && strcmp(entry->name, name) == 0;
    if (found) {
        *ret_memory = entry->name;
        *ret_output = entry->output;
        entry->name = NULL;
    }
    pthread_mutex_unlock(&outputs->lock);
    return found;
}

bool outputs_has(struct outputs *outputs, const struct troth_call *call)
{
    char name[TROTH_PREPARED_NAME_LEN_MAX + 1];
    const struct entry *entry;
    bool found;
    guard_prepared_name(call, call->attempt, name);
    pthread_mutex_lock(&outputs->lock);
    entry = entry_of(outputs, name);
    found = entry->name != NULL && strcmp(entry->name, name) == 0;
    pthread_mutex_unlock(&outputs->lock);
    return found;
}

bool outputs_copy(struct outputs *outputs, const struct troth_call *call, char **ret_memory,
                  struct troth_span *ret_output)
{
    char name[TROTH_PREPARED_NAME_LEN_MAX + 1];
    const struct entry *entry;
    char *memory = NULL;
    guard_prepared_name(call, call->attempt, name);
    pthread_mutex_lock(&outputs->lock);
    entry = entry_of(outputs, name);
    if (entry->name != NULL && strcmp(entry->name, name) == 0)
        memory = malloc(entry->output.len + 1);
    if (memory != NULL) {
        *ret_output = (struct troth_span){NULL, 0};
        if (entry->output.data != NULL) {
            memcpy(memory, entry->output.data, entry->output.len);
            *ret_output = (struct troth_span){memory, entry->output.len};
        }
        *ret_memory = memory;
    }
    pthread_mutex_unlock(&outputs->lock);
    return memory != NULL;
}
