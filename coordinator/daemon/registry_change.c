/* registry_change.c: see registry_change.h. */
#include "registry_change.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <api/refusal.h>

struct registry_change *registry_change_create(struct driver *driver, const char *name,
                                               void (*discard)(struct driver *driver, void *made),
                                               api_done_fn fn, void *arg)
{
    struct registry_change *change = calloc(1, sizeof *change);
    if (change == NULL) {
        struct api_problem problem;
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
        fn(arg, &problem);
        return NULL;
    }
    change->driver = driver;
    change->discard = discard;
    change->fn = fn;
    change->arg = arg;
    (void)snprintf(change->name, sizeof change->name, "%s", name);
    return change;
}

void registry_change_finish(struct registry_change *change, const struct api_problem *problem)
{
    assert(change->made == NULL || change->discard != NULL);
    change->fn(change->arg, problem);
    if (change->made != NULL)
        change->discard(change->driver, change->made);
    buffer_finish(&change->body);
    free(change);
}

struct troth_span registry_change_name(const struct registry_change *change)
{
    return (struct troth_span){change->name, strlen(change->name)};
}
