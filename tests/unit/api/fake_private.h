/* fake_private.h: shared by the files of the scripted host. */
#ifndef FAKE_PRIVATE_H
#define FAKE_PRIVATE_H

#include "fake_host.h"

void fake_keep(char *ret_text, size_t cap, const char *text);
void fake_note(struct fake_host *fake, const char *call);
/* Now, or when it is released; `then` comes first, unless it is refused. */
void fake_answer_done(struct fake_host *fake, void (*then)(struct fake_host *), api_done_fn fn,
                      void *arg);
void fake_registry(struct api_host *host); /* fake_registry.c */
void fake_nodes(struct fake_host *fake);   /* fake_nodes.c */

#endif
