/* limits.c: see limits.h. */
#include "limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/hash.h>
#include <base/now.h>

#include "passed.h"

#define WAYS      4u
#define SETS      (LIMITS_CALLERS / WAYS)
#define MINUTE_US UINT64_C(60000000)
#define SECOND_US UINT64_C(1000000)

/* A bucket of tokens, told by when it would be full again: so it needs no clock of its own, and one
 * that is full is as if it were not there. */
struct bucket {
    uint64_t full_us;
};

struct place {
    char name[API_WHO_MAX];
    struct bucket requests, failures;
};

struct limits {
    struct place places[SETS][WAYS];
    struct limits_follower *followers;
    uint64_t limited, unfollowed, failed, failed_limited;
};

struct limits *limits_create(void)
{
    return calloc(1, sizeof(struct limits));
}

void limits_destroy(struct limits *limits)
{
    free(limits);
}

/* --- callers ---------------------------------------------------------------------------------- */

void limits_caller(const struct request *request, char ret_name[API_WHO_MAX])
{
    char network[HTTP_CLIENT_TEXT_MAX];
    if (request->identity.who[0] != '\0') {
        memcpy(ret_name, request->identity.who, API_WHO_MAX);
        return;
    }
    passed_caller(request, network);
    (void)snprintf(ret_name, API_WHO_MAX, "%s", network);
}

static uint64_t full_at(const struct place *place)
{
    return place->requests.full_us > place->failures.full_us ? place->requests.full_us
                                                             : place->failures.full_us;
}

/* His own, or the one of those where he may be that was quiet the longest: where that is quiet no
 * more, both share it. */
static struct place *place_of(struct limits *limits, const char *name, uint64_t now_us)
{
    struct place *set = limits->places[hash_span((struct troth_span){name, strlen(name)}) % SETS];
    struct place *quiet = &set[0];
    for (uint32_t i = 0; i < WAYS; i++) {
        if (strcmp(set[i].name, name) == 0)
            return &set[i];
        if (full_at(&set[i]) < full_at(quiet))
            quiet = &set[i];
    }
    if (full_at(quiet) <= now_us) {
        *quiet = (struct place){.requests = {0}};
        (void)snprintf(quiet->name, sizeof quiet->name, "%s", name);
    }
    return quiet;
}

/* 0: taken; else how long until it could be. */
static uint64_t take(struct bucket *bucket, uint64_t cost_us, uint64_t burst_us, uint64_t now_us)
{
    uint64_t from_us = bucket->full_us > now_us ? bucket->full_us : now_us;
    if (from_us - now_us > 0 && from_us + cost_us - now_us > burst_us)
        return from_us + cost_us - now_us - burst_us;
    bucket->full_us = from_us + cost_us;
    return 0;
}

static uint32_t seconds_of(uint64_t us)
{
    uint64_t seconds = (us + SECOND_US - 1) / SECOND_US;
    return seconds == 0 ? 1 : seconds > 3600 ? 3600 : (uint32_t)seconds;
}

static bool is_free(const struct request *request)
{
    return request->is_passed ||
           strncmp(request->identity.who, API_WHO_UID, strlen(API_WHO_UID)) == 0;
}

/* --- what is counted -------------------------------------------------------------------------- */

int limits_take(const struct request *request, struct api_problem *ret_problem)
{
    struct limits *limits = request->api->limits;
    const uint32_t most = request->api->host.limits.requests;
    char name[API_WHO_MAX];
    if (most == 0 || is_free(request))
        return 0;
    limits_caller(request, name);
    uint64_t now_us = mono_now().us;
    uint64_t units = 1 + http_exchange_body(request->exchange).len / LIMITS_BODY_BYTES;
    uint64_t wait_us = take(&place_of(limits, name, now_us)->requests, units * SECOND_US / most,
                            LIMITS_BURST_US, now_us);
    if (wait_us == 0)
        return 0;
    limits->limited++;
    int error = api_problem_set(ret_problem, API_PROBLEM_TOO_MANY_REQUESTS,
                                "%s asks more often than %u times a second (caller_requests_max); "
                                "nothing was done, try again",
                                name, most);
    ret_problem->retry_after_s = seconds_of(wait_us);
    return error;
}

void limits_failed(const struct request *request, struct api_problem *problem)
{
    struct limits *limits = request->api->limits;
    const uint32_t most = request->api->host.limits.failures;
    char network[HTTP_CLIENT_TEXT_MAX];
    struct troth_span shown;
    if (!http_exchange_header(request->exchange, "Authorization", &shown))
        return;
    limits->failed++;
    if (most == 0 || is_free(request))
        return;
    passed_caller(request, network);
    uint64_t now_us = mono_now().us;
    uint64_t wait_us =
        take(&place_of(limits, network, now_us)->failures, MINUTE_US / most, MINUTE_US, now_us);
    if (wait_us == 0)
        return;
    limits->failed_limited++;
    (void)api_problem_set(problem, API_PROBLEM_TOO_MANY_REQUESTS,
                          "%s has shown keys that are not valid here more often than %u times a "
                          "minute (login_failures_max)",
                          network, most);
    problem->retry_after_s = seconds_of(wait_us);
}

int limits_follow(const struct request *request, struct limits_follower *follower,
                  struct api_problem *ret_problem)
{
    struct limits *limits = request->api->limits;
    const uint32_t most = request->api->host.limits.watchers;
    uint32_t following = 0;
    if (request->is_passed)
        return 0;
    limits_caller(request, follower->caller);
    for (const struct limits_follower *at = limits->followers; at != NULL; at = at->next)
        following += strcmp(at->caller, follower->caller) == 0 ? 1 : 0;
    if (most == 0 || following < most || is_free(request)) {
        follower->next = limits->followers;
        limits->followers = follower;
        return 0;
    }
    limits->unfollowed++;
    int error = api_problem_set(ret_problem, API_PROBLEM_TOO_MANY_REQUESTS,
                                "%s follows %u transactions, and no more (caller_watchers_max)",
                                follower->caller, following);
    ret_problem->retry_after_s = 1;
    return error;
}

void limits_unfollow(struct limits *limits, const struct limits_follower *follower)
{
    struct limits_follower **at = &limits->followers;
    while (*at != NULL && *at != follower)
        at = &(*at)->next;
    if (*at != NULL)
        *at = follower->next;
}

void limits_append_metrics(const struct limits *limits, struct buffer *text)
{
    buffer_append_text(text, "# HELP troth_limited_total Requests answered with 429, by what their "
                             "caller has too much of.\n# TYPE troth_limited_total counter\n");
    buffer_append_format(text, "troth_limited_total{of=\"requests\"} %llu\n",
                         (unsigned long long)limits->limited);
    buffer_append_format(text, "troth_limited_total{of=\"watchers\"} %llu\n",
                         (unsigned long long)limits->unfollowed);
    buffer_append_format(text, "troth_limited_total{of=\"login_failures\"} %llu\n",
                         (unsigned long long)limits->failed_limited);
    buffer_append_text(text, "# HELP troth_login_failures_total Requests that showed a key that is "
                             "not valid here.\n# TYPE troth_login_failures_total counter\n");
    buffer_append_format(text, "troth_login_failures_total %llu\n",
                         (unsigned long long)limits->failed);
}
