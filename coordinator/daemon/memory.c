/* memory.c: how much memory the limits allow in all. See memory.h. */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"

#define CONTROL_GROUP "/sys/fs/cgroup/memory.max" /* version 2, as a container sees its own */

uint64_t memory_at_limits(const struct config *config, uint32_t connections)
{
    return config->open_bytes_max + config->journal_queue_bytes_max + config->outbox_memory_max +
           config->answers_bytes_max + config->watchers_bytes_max + config->bodies_bytes_max +
           (uint64_t)connections * MEMORY_CONNECTION_BYTES;
}

/* 0: there is no limit ("max"), or no such file. */
static uint64_t of_control_group(void)
{
    FILE *file = fopen(CONTROL_GROUP, "re");
    unsigned long long bytes = 0;
    if (file == NULL)
        return 0;
    int found = fscanf(file, "%llu", &bytes);
    (void)fclose(file);
    return found == 1 ? bytes : 0;
}

uint64_t memory_there_is(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
    uint64_t machine = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
    uint64_t group = of_control_group();
    return group != 0 && (machine == 0 || group < machine) ? group : machine;
}

void memory_look(const struct config *config, uint32_t connections)
{
    uint64_t most = memory_at_limits(config, connections), there = memory_there_is();
    char at_limits[24], has[24];
    if (there == 0 || most <= there)
        return;
    (void)snprintf(at_limits, sizeof at_limits, "%llu", (unsigned long long)most);
    (void)snprintf(has, sizeof has, "%llu", (unsigned long long)there);
    log_line(LOG_WARN,
             "the limits in bytes allow more memory than there is: lower open_bytes_max, "
             "journal_queue_bytes_max, outbox_memory_max, answers_bytes_max, watchers_bytes_max, "
             "bodies_bytes_max or connections_max",
             "bytes_at_limits", at_limits, "bytes_there", has, NULL);
}
