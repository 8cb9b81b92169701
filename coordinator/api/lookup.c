/* What a name stands for, with the nearest name where it stands for nothing. */
#include "lookup.h"

#include <string.h>

#include <base/nearest.h>

static int no_such(enum api_problem_kind kind, const char *what, const char *name,
                   const char *const *names, struct api_problem *ret_problem)
{
    const char *nearest = names[0] != NULL ? name_nearest(name, names) : NULL;
    if (nearest == NULL)
        return api_problem_set(ret_problem, kind, "there is no %s \"%s\"", what, name);
    return api_problem_set(ret_problem, kind, "there is no %s \"%s\"; did you mean \"%s\"?", what,
                           name, nearest);
}

int lookup_definition(const struct api *api, enum api_problem_kind kind, const char *name,
                      uint32_t version, const struct definition **ret_definition,
                      struct api_problem *ret_problem)
{
    const struct api_host *host = &api->host;
    const struct definition *definition = host->definition(host->ctx, name, version);
    if (definition != NULL) {
        *ret_definition = definition;
        return 0;
    }
    definition = version != 0 ? host->definition(host->ctx, name, 0) : NULL;
    if (definition != NULL)
        return api_problem_set(ret_problem, kind, "%s has no version %u; its newest is %u", name,
                               version, definition->version);
    const char *names[LOOKUP_NAMES_MAX + 1] = {NULL};
    definition = host->definition_behind(host->ctx, "", 0);
    for (uint32_t i = 0; i < LOOKUP_NAMES_MAX && definition != NULL; i++) {
        names[i] = definition->name;
        definition = host->definition_behind(host->ctx, definition->name, definition->version);
    }
    return no_such(kind, "definition", name, names, ret_problem);
}

static void participant_names(const struct api_host *host, const char *names[LOOKUP_NAMES_MAX + 1])
{
    struct api_participant participant = {.name = ""};
    for (uint32_t i = 0; i < LOOKUP_NAMES_MAX; i++) {
        if (!host->participant_behind(host->ctx, participant.name, &participant))
            break;
        names[i] = participant.name;
    }
}

int lookup_participant(const struct api *api, enum api_problem_kind kind, const char *name,
                       struct api_participant *ret_participant, struct api_problem *ret_problem)
{
    const struct api_host *host = &api->host;
    const char *names[LOOKUP_NAMES_MAX + 1] = {NULL};
    if (host->participant(host->ctx, name, ret_participant))
        return 0;
    participant_names(host, names);
    return no_such(kind, "participant", name, names, ret_problem);
}

static bool knows(void *arg, const char *name)
{
    const struct api_host *host = arg;
    struct api_participant participant;
    return host->participant(host->ctx, name, &participant);
}

void lookup_warn_participants(const struct api *api, const struct definition *definition,
                              struct faults *faults)
{
    const char *names[LOOKUP_NAMES_MAX + 1] = {NULL};
    struct api_host host = api->host;
    participant_names(&host, names);
    definition_warn_participants(definition, knows, &host, names, faults);
}
