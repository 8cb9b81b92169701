/* shrink.h: see shrink.c. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "sim.h"

struct shrink {
    uint64_t seed;
    /* Runs the history in a world whose `off` is set; all else is `run`'s. */
    void (*run)(void *arg, struct world *world);
    void (*told)(void *arg); /* the next run is the last one, and may be traced */
    void *arg;
};

/* EXIT_FAILURE: it does not fail, or is not shorter without anything. */
int shrink_history(const struct shrink *shrink);

#endif
