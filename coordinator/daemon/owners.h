/* owners.h: who has seats of its own by a name that need not be registered: definitions, all
 * versions of a name together, and callers. Each is there for as long as somebody refers to it. */
#ifndef DAEMON_OWNERS_H
#define DAEMON_OWNERS_H

#include "admission.h"

struct owner {
    const char *name; /* first: the tree is searched by it */
    struct share share;
    uint32_t refs;
    char text[];
};

struct owners {
    void *tree; /* of search.h */
    uint32_t count;
};

/* One more reference to the owner of that name. NULL: no memory. */
struct owner *owners_get(struct owners *owners, const char *name);
/* One less. Takes NULL. */
void owners_put(struct owners *owners, struct owner *owner);
/* Who has most transactions open; NULL: nobody has any. Looks at all. */
const struct owner *owners_busiest(const struct owners *owners);
#endif
