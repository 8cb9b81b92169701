/* breaker.c: when nobody should try to prepare: see net/slots.h. */
#include <net/slots.h>

void breaker_heard(struct slots_pool *pool)
{
    pool->breaker = BREAKER_CLOSED;
    pool->failures = 0;
}

bool breaker_failed(struct slots_pool *pool, uint64_t now_us)
{
    if (pool->failures++ == 0) {
        pool->breaker = BREAKER_WARY;
        pool->failing_since_us = now_us;
        pool->try_at_us = now_us;
    }
    bool opens = pool->breaker == BREAKER_WARY && pool->failures >= BREAKER_FAILURES_MIN &&
                 now_us - pool->failing_since_us >= BREAKER_OPEN_US;
    if (opens)
        pool->breaker = BREAKER_OPEN;
    return opens;
}
