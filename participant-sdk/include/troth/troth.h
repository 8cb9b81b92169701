/* <troth/troth.h>: everything but the PostgreSQL resource, which needs libpq's header:
 * include <troth/postgres.h> for it. */
#ifndef TROTH_TROTH_H
#define TROTH_TROTH_H

#include <troth/client.h>
#include <troth/error.h>
#include <troth/id.h>
#include <troth/participant.h>
#include <troth/span.h>

#endif
