/* registry_change.h: one change of what is registered, until the journal has answered: what it
 * needs is made before the journal is asked, so that memory and journal change together. */
#ifndef DAEMON_REGISTRY_CHANGE_H
#define DAEMON_REGISTRY_CHANGE_H

#include <stdint.h>

#include <api/api.h>
#include <base/buffer.h>
#include <troth/id.h>

struct driver;

struct registry_change {
    struct driver *driver;
    struct buffer body; /* as the journal has it */
    char name[TROTH_NAME_LEN_MAX + 1];
    uint32_t version; /* of a definition */
    void *made;       /* in force once the journal has it, and NULL from then on */
    void (*discard)(struct driver *driver, void *made);
    api_done_fn fn;
    void *arg;
};

/* `discard`: of what was made and did not come into force; may be NULL where nothing is made. NULL:
 * no memory, and fn has been called. */
struct registry_change *registry_change_create(struct driver *driver, const char *name,
                                               void (*discard)(struct driver *driver, void *made),
                                               api_done_fn fn, void *arg);
/* Its answer; it is gone. problem NULL: done. */
void registry_change_finish(struct registry_change *change, const struct api_problem *problem);
struct troth_span registry_change_name(const struct registry_change *change);

#endif
