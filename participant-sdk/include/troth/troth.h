/* <troth/troth.h>: everything but the PostgreSQL resource, which needs libpq's header:
 * include <troth/postgres.h> for it.
 *
 * Structs that a caller fills in may grow. Their first member says how large they are in the
 * caller's header, and its _INIT macro sets it:
 *
 *     const struct troth_client_config config = {TROTH_CLIENT_CONFIG_INIT, .url = url};
 *
 * (where there are no designated initialisers: zero it, then `config.size = sizeof config`). What
 * is not set is 0, which is its default, and so is what an older header did not have. Without a
 * size, or with a member set that the loaded library does not know, the call is
 * TROTH_ERROR_INVALID and does nothing.
 *
 * The files named *.md here and in the other headers are installed in share/doc/troth/docs. */
#ifndef TROTH_TROTH_H
#define TROTH_TROTH_H

#include <troth/client.h>
#include <troth/diagnostic.h>
#include <troth/error.h>
#include <troth/id.h>
#include <troth/participant.h>
#include <troth/span.h>
#include <troth/tls.h>
#include <troth/version.h>

#endif
