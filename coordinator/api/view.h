/* view.h: a transaction as its clients see it. */
#ifndef API_VIEW_H
#define API_VIEW_H

#include <api/api.h>

#define TRANSACTION_PATH "/v1/transactions/"

/* What is shown beside what a transaction is and how it stands; bits. */
#define VIEW_STEPS    1u
#define VIEW_TIMELINE 2u
#define VIEW_INPUT    4u
#define VIEW_KEY      8u
#define VIEW_SHORT                                                                                 \
    16u /* steps that are too long are shown without outputs, and `left_out` says so */
#define VIEW_WHOLE (VIEW_STEPS | VIEW_TIMELINE | VIEW_INPUT | VIEW_KEY)
void view_append(struct buffer *object, const struct api_view *view, unsigned shown);
/* One label as it stands among them, of two JSON strings: `"name":"value"`, always in the same
 * way. */
void label_append(struct buffer *text, struct troth_span name, struct troth_span value);

#endif
