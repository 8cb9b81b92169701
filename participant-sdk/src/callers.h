/* callers.h: who may command a participant: whoever shows a token of its file, and a certificate
 * with a name that it knows; what is configured of the two must both be shown. Loop thread. */
#ifndef SDK_CALLERS_H
#define SDK_CALLERS_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/error.h>
#include <troth/participant.h>
#include <troth/span.h>

struct http_exchange;
struct http_secrets;

struct callers {
    struct http_secrets *secrets; /* NULL: no token is asked for */
    char **names;                 /* NULL at the end; NULL: none is asked for */
    bool certified;               /* TLS lets nobody in without a certificate */
    uint64_t said_us, left_out;   /* of refusals: when one was told, and those since */
};

/* TROTH_ERROR_INVALID: a name that is none, or names where no certificate is asked for;
 * _NO_MEMORY. callers_finish() in either case. */
TROTH_MUST_CHECK int callers_take(struct callers *callers,
                                  const struct troth_participant_config *config);
void callers_finish(struct callers *callers);
/* Looks at the file, if there is one. NULL: it is well; else a sentence. */
const char *callers_trouble(const struct callers *callers);
/* Only coordinators that have shown who they are get through; so what they say of their journal is
 * believed. */
bool callers_are_known(const struct callers *callers);
/* 0, or the status of the refusal: 401 (nothing, or no token that counts, was shown) or 403 (not
 * one of those who may). *ret_why: in words. `journal`: whose command it says that it is. */
int callers_check(const struct callers *callers, const struct http_exchange *exchange,
                  struct troth_span journal, const char **ret_why);

#endif
