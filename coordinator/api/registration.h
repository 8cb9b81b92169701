/* registration.h: the body of a PUT of a participant, read and checked. */
#ifndef API_REGISTRATION_H
#define API_REGISTRATION_H

#include "context.h"

#define REGISTRATION_URLS_MAX      8u /* replicas over one database */
#define REGISTRATION_URL_BYTES_MAX 512u
#define REGISTRATION_SLOTS_MAX     10000u
#define REGISTRATION_TOKEN_LEN_MAX 64u

struct registration {
    struct api_participant participant; /* points into `texts` and to the name given */
    uint32_t urls_count;
    struct buffer texts[REGISTRATION_URLS_MAX];
    struct buffer token_file;
};

/* `registration` is zero-initialised and finished by the caller, also after a refusal. */
TROTH_MUST_CHECK int registration_read(const struct request *request, const char *name,
                                       struct registration *registration,
                                       struct api_problem *ret_problem);
void registration_finish(struct registration *registration);

#endif
