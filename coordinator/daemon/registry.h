/* registry.h: what is registered, as the journal has it. */
#ifndef DAEMON_REGISTRY_H
#define DAEMON_REGISTRY_H

#include <stdbool.h>

#include <api/api.h>

struct driver;

/* Reads it from the journal, again and again until it can; each entry, then NULL, to the driver's
 * hook. */
void registry_load(struct driver *driver);
void registry_finish(struct driver *driver);
/* A change that the journal did not confirm. Sets *problem; the registry is read again. true: it
 * is not known whether it was done; false: it was not. */
bool registry_refused(struct driver *driver, int error, struct api_problem *problem);

#endif
