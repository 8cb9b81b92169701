/* registry.h: definitions and participants. */
#ifndef JOURNAL_REGISTRY_H
#define JOURNAL_REGISTRY_H

#include "read.h"

extern const struct ask_kind ask_registry_number, ask_registry_load, ask_registry_version,
    ask_definition_put, ask_participant_put, ask_definition_delete, ask_definition_forget,
    ask_participant_delete, ask_api_key_put, ask_api_key_delete, ask_api_key_used;

#endif
