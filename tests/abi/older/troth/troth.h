/* <troth/troth.h> as an older program has it: declarations only. Never brought up to date. */
#ifndef TROTH_TROTH_H
#define TROTH_TROTH_H
#include <troth/client.h>
#include <troth/error.h>
#include <troth/id.h>
#include <troth/participant.h>
#include <troth/span.h>
#include <troth/version.h>
#endif
