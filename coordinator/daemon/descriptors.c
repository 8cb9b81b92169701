/* descriptors.c: how many files may be open, and what of them clients may have. See descriptors.h.
 */
#include "descriptors.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>

#include "log.h"

static uint64_t raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (limit.rlim_cur < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit = raised;
    return limit.rlim_cur; /* RLIM_INFINITY is more than anybody asks for */
}

uint32_t descriptors_for_clients(uint64_t connections_max)
{
    uint64_t limit = raise_limit();
    uint64_t reserved = limit / 2 < DESCRIPTORS_RESERVED_MIN ? limit / 2 : DESCRIPTORS_RESERVED_MIN;
    uint64_t left = limit - reserved;
    if (limit == 0 || connections_max <= left)
        return (uint32_t)connections_max;
    char asked[24], served[24], files[24];
    (void)snprintf(asked, sizeof asked, "%llu", (unsigned long long)connections_max);
    (void)snprintf(served, sizeof served, "%llu", (unsigned long long)left);
    (void)snprintf(files, sizeof files, "%llu", (unsigned long long)limit);
    log_line(LOG_WARN,
             "the limit of open files is too low for connections_max: fewer are served. Raise it "
             "(systemd: LimitNOFILE, shell: ulimit -Hn)",
             "open_files", files, "connections_max", asked, "served", served, NULL);
    return left > 0 ? (uint32_t)left : 1;
}
