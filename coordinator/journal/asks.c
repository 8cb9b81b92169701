/* Which questions are prepared: the reader's session is told them when it comes up. */
#include "asks.h"

#include "events.h"
#include "forget.h"
#include "questions.h"
#include "registry.h"

const struct ask_kind *const asks_prepared[] = {
    &ask_get,
    &ask_inquire,
    &ask_key,
    &ask_registry_number,
    &ask_registry_load,
    &ask_registry_version,
    &ask_definition_put,
    &ask_participant_put,
    &ask_definition_delete,
    &ask_definition_forget,
    &ask_participant_delete,
    &ask_api_key_put,
    &ask_api_key_delete,
    &ask_api_key_used,
    &ask_events,
    &ask_event_get,
    &ask_event_discard,
    &ask_forget,
};
const size_t asks_prepared_count = sizeof asks_prepared / sizeof asks_prepared[0];
