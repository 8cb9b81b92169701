/* owners.c: definitions' names and callers, with the seats that each has. See owners.h. */
#include "owners.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

static struct owner *make(const char *name)
{
    size_t size = strlen(name) + 1;
    struct owner *owner = calloc(1, sizeof *owner + size);
    if (owner != NULL) {
        memcpy(owner->text, name, size);
        owner->name = owner->text;
    }
    return owner;
}

struct owner *owners_get(struct owners *owners, const char *name)
{
    struct owner *const *found = tfind(&name, &owners->tree, compare);
    struct owner *owner = found != NULL ? *found : make(name);
    if (found == NULL && (owner == NULL || tsearch(owner, &owners->tree, compare) == NULL)) {
        free(owner);
        return NULL;
    }
    owners->count += found == NULL ? 1 : 0;
    owner->refs++;
    return owner;
}

void owners_put(struct owners *owners, struct owner *owner)
{
    if (owner == NULL || --owner->refs > 0)
        return;
    assert(owner->share.open == 0 && owner->share.seats == 0);
    (void)tdelete(owner, &owners->tree, compare);
    owners->count--;
    free(owner);
}

static void look(const void *node, VISIT visit, void *arg)
{
    const struct owner *owner = *(const struct owner *const *)node, **busiest = arg;
    bool once = visit == postorder || visit == leaf;
    uint32_t most = *busiest != NULL ? (*busiest)->share.open : 0;
    if (once && owner->share.open > most)
        *busiest = owner;
}

const struct owner *owners_busiest(const struct owners *owners)
{
    const struct owner *busiest = NULL;
    twalk_r(owners->tree, look, &busiest);
    return busiest;
}
